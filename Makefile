# Everything a developer or a user runs; needs Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check kafka soak bench bench-page bench-sse bench-scaling screenshots data model clean

demo: .venv/demo ## everything on this machine: broker, worker, page
	$(BIN)/tweetream demo $(DEMO)

test: .venv/test check ## the whole gate: style, types, tests; with all that they need half an hour at most
	$(BIN)/pytest -q $(PYTEST)

check: .venv/test ## style and types alone
	$(BIN)/ruff check tweetream tests bench data
	$(BIN)/ruff format --check tweetream tests bench data
	$(BIN)/mypy

kafka: .venv/test ## Apache Kafka on port 9092, until Ctrl-C; needs Java and Maven
	PYTHONPATH=tests $(BIN)/python -m support.kafka.run_kafka $(KAFKA)

soak: .venv/test ## workers killed and sources' lines cut at random, for minutes; prints tables
	$(BIN)/pytest -q -s -m soak $(PYTEST)

data: .venv/test ## check the labelled posts against what their card says
	$(BIN)/python data/check.py

model: .venv/test ## the shipped model anew: make model TWEETS=FOLDER (docs/model.md)
	$(BIN)/python data/make_model.py "$(TWEETS)"

bench: .venv/test ## posts a second and CPU a post, on Apache Kafka
	$(BIN)/python bench/pipeline.py $(BENCH)

bench-scaling: .venv/test ## what more workers cost, on Apache Kafka
	$(BIN)/python bench/scaling.py $(BENCH)

bench-sse: .venv/test ## what a delivery costs, beside nchan; on Apache Kafka
	$(BIN)/python bench/sse.py $(BENCH)

bench-page: .venv/test ## what the page weighs and how quick it is, in Chromium
	$(BIN)/python bench/page.py $(BENCH)

screenshots: .venv/test ## the pictures of the page in docs/, taken anew; needs Chromium
	PYTHONPATH=tests $(BIN)/python -m support.browser.screenshots

clean:
	rm -rf .venv .kafka .node build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache

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
