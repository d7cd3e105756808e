# Everything a developer or a user runs; needs Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# More processes than cores: most tests wait for a worker or a broker.
JOBS ?= 4
PARALLEL := -n $(JOBS) --dist loadgroup

.PHONY: help demo test test-fast check coverage soak kafka data model bench bench-scaling bench-sse bench-page
.PHONY: screenshots clean

help: ## these lines
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: .venv/demo ## everything on this machine: broker, worker, page
	$(BIN)/tweetream demo $(DEMO)

test: .venv/test check ## the whole gate: style, types, tests; ten minutes on two cores
	$(BIN)/pytest -q $(PARALLEL) $(PYTEST)

test-fast: .venv/test ## the tests that start no other program; a minute
	$(BIN)/pytest -q -n 2 -m 'not process' $(PYTEST)

check: .venv/test ## style, types and import rules alone
	$(BIN)/ruff check tweetream tests bench data
	$(BIN)/ruff format --check tweetream tests bench data
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -n "$$CI" ] || command -v npm >/dev/null; then npm run --silent check; \
	else echo "left out: the check of the page's JavaScript (npm is not installed)"; fi

coverage: .venv/test check ## the whole gate with the branches that it covers, workers included; half as long again
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q $(PARALLEL) $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

soak: .venv/test ## faults at random, for minutes; prints tables
	$(BIN)/pytest -q -s -m soak $(PYTEST)

kafka: .venv/test ## Apache Kafka on port 9092, until Ctrl-C; needs Java and Maven
	PYTHONPATH=tests $(BIN)/python -m support.kafka.run_kafka $(KAFKA)

data: .venv/test ## check the labelled posts against their card
	$(BIN)/python data/check.py

model: .venv/test ## the shipped model anew: make model TWEETS=FOLDER (docs/model.md)
	$(BIN)/python data/make_model.py "$(TWEETS)"

bench: .venv/test ## posts a second and CPU a post, on Apache Kafka
	$(BIN)/python bench/pipeline.py $(BENCH)

bench-scaling: .venv/test ## the cost of more workers, on Apache Kafka
	$(BIN)/python bench/scaling.py $(BENCH)

bench-sse: .venv/test ## the cost of a delivery, beside nchan; on Apache Kafka
	$(BIN)/python bench/sse.py $(BENCH)

bench-page: .venv/test ## the page's weight and speed, in Chromium
	$(BIN)/python bench/page.py $(BENCH)

screenshots: .venv/test ## take the pictures of the page in docs/ anew; needs Chromium
	PYTHONPATH=tests $(BIN)/python -m support.browser.screenshots

clean: ## remove all that is not in the repository
	rm -rf .venv .kafka .node build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .coverage*

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Tweetream needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python setup.cfg pyproject.toml
	@echo "installing into .venv; this takes a minute the first time"
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

.venv/test: .venv/bin/python setup.cfg pyproject.toml
	@echo "installing into .venv; this takes a minute the first time"
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo,test]'
	@touch $@
