# Everything a developer or a user runs; needs Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# More processes than cores: most tests wait for a worker or a broker.
JOBS ?= 5
HOST ?= http://127.0.0.1:6066
LOADERS ?= 1
LOCK = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command 'make lock'
PARALLEL := -n $(JOBS) --dist loadgroup
# A run starts hundreds of processes of ours; without its bytecode each would compile the whole package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test suite test-fast test-docker check coverage soak kafka data model bench bench-scaling bench-sse bench-page
.PHONY: bench-autoscale screenshots notebook lock pin-images wheel sbom clean load

help: ## these lines
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: .venv/demo ## everything on this machine: broker, worker, page
	$(BIN)/tweetream demo $(DEMO)

test: .venv/test ## the whole gate: style, types, tests; ten minutes on two cores
	$(MAKE) --no-print-directory --jobs 2 check suite

# The tests' bytecode is written once before the processes, each of which collects all tests, would all write it.
suite: .venv/test
	@$(BIN)/pytest -q --collect-only $(PYTEST) >/dev/null || true
	$(BIN)/pytest -q $(PARALLEL) $(PYTEST)

test-fast: .venv/test ## the tests that start no other program; a minute
	$(BIN)/pytest -q -n 4 -m 'not process' $(PYTEST)

check: .venv/test ## style, types and import rules alone
	$(BIN)/ruff check tweetream tests bench data deploy load
	$(BIN)/ruff format --check tweetream tests bench data deploy load
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

test-docker: .venv/test ## docker-compose.yml on a Docker engine of its own; needs root, dockerd, debootstrap, Go; prints a table
	CI=true $(BIN)/pytest -q -s -m docker tests/deploy/test_docker.py $(PYTEST)

kafka: .venv/test ## Apache Kafka on port 9092, until Ctrl-C; needs Java and Maven
	PYTHONPATH=tests $(BIN)/python -m support.kafka.run_kafka $(KAFKA)

data: .venv/test ## check the labelled posts against their card
	$(BIN)/python data/check.py

model: .venv/test ## the shipped models anew: make model TWEETS=FOLDER REAL=FOLDER (docs/model.md)
	$(BIN)/python data/make_model.py "$(TWEETS)" "$(REAL)"
	$(BIN)/python data/make_kinds.py "$(REAL)"

bench: .venv/test ## posts a second and CPU a post, on Apache Kafka
	$(BIN)/python bench/pipeline.py $(BENCH)

bench-scaling: .venv/test ## the cost of more workers, on Apache Kafka
	$(BIN)/python bench/scaling.py $(BENCH)

bench-sse: .venv/test ## the cost of a delivery, beside nchan; on Apache Kafka
	$(BIN)/python bench/sse.py $(BENCH)

bench-autoscale: .venv/test ## workers that come and go with the load, as KEDA decides; on Apache Kafka
	$(BIN)/python bench/autoscale.py $(BENCH)

bench-page: .venv/test ## the page's weight and speed, in Chromium
	$(BIN)/python bench/page.py $(BENCH)

load: .venv-load/done ## users who read, 10 to 1,000; make load LOADERS=2 HOST=https://posts.example
	LOCUST_HOST=$(HOST) HOST=$(HOST) .venv-load/bin/locust -f load/locustfile.py --headless --only-summary --html load/report.html \
		$(if $(filter-out 1,$(LOADERS)),--processes $(LOADERS))

screenshots: .venv/test ## take the pictures of the page in docs/ anew; needs Chromium
	PYTHONPATH=tests $(BIN)/python -m support.browser.screenshots

notebook: .venv/test .venv-notebook/done ## run the notebook in docs/ anew, against a demo
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		"$$(.venv-notebook/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth"
	PYTHONPATH=.:tests .venv-notebook/bin/python -m support.notebook

lock: .venv/test ## the newest versions that setup.cfg allows, with their hashes, into requirements/
	$(LOCK) --extra demo --extra test setup.cfg -o requirements/develop.txt
	echo setuptools | $(LOCK) --constraints requirements/develop.txt - -o requirements/build.txt
	$(LOCK) --constraints requirements/develop.txt setup.cfg -o requirements/worker.txt
	$(LOCK) --constraints requirements/develop.txt --extra demo setup.cfg requirements/build.txt -o requirements/demo.txt
	$(LOCK) load/requirements.in -o load/requirements.txt
	echo nbclient ipykernel | tr ' ' '\n' | $(LOCK) - -o requirements/notebook.txt

pin-images: ## the digests of the images as their tags are now, into Dockerfile and docker-compose.yml; needs Docker
	@for image in $$(grep -ohE '[a-z/]+:[0-9a-z.-]+@sha256:[0-9a-f]{64}' Dockerfile load/Dockerfile docker-compose.yml | sort -u); do \
		new=$$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' $${image%@*}) || exit 1; \
		sed -i.old "s|$$image|$${image%@*}@$$new|" Dockerfile load/Dockerfile docker-compose.yml; echo "$${image%@*} $$new"; \
	done; rm -f Dockerfile.old load/Dockerfile.old docker-compose.yml.old

wheel: .venv/test ## the files of a release, into dist/: the wheel, and the packages that it was tested with
	rm -rf build/wheel && mkdir -p build/wheel dist
	git archive HEAD setup.cfg pyproject.toml README.md LICENSE tweetream | tar -x -C build/wheel
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir dist build/wheel
	cp requirements/worker.txt dist/

sbom: .venv/test ## the bill of materials of a release (CycloneDX), into dist/
	$(BIN)/python deploy/sbom.py dist/tweetream-$$($(BIN)/python -c 'import tweetream; print(tweetream.__version__)').cdx.json

clean: ## remove all that is not in the repository
	rm -rf .venv .venv-load .venv-notebook .kafka .node build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .coverage*

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Tweetream needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

# Locust has a virtual environment of its own: it needs other releases of what the tests need.
.venv-load/done: load/requirements.txt
	$(PYTHON) -m venv .venv-load
	.venv-load/bin/pip install --quiet --disable-pip-version-check --require-hashes -r load/requirements.txt
	@touch $@

.venv-notebook/done: requirements/notebook.txt
	$(PYTHON) -m venv .venv-notebook
	.venv-notebook/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/notebook.txt
	@touch $@

.venv/demo: .venv/bin/python setup.cfg pyproject.toml requirements/demo.txt
	@echo "installing into .venv; this takes a minute the first time"
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/demo.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

.venv/test: .venv/bin/python setup.cfg pyproject.toml requirements/develop.txt
	@echo "installing into .venv; this takes a minute the first time"
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/develop.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@
