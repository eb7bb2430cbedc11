# make            what there is
# make serve      install, package the shipped weights, serve: one command from a fresh clone to a prediction
# make test       prove all of it

PYTHON ?= python3
BIN := .venv/bin
ENVIRONMENT := .venv/complete
PYTEST_OPTIONS ?=
RESULTS := benchmarks/results

.DEFAULT_GOAL := help
.PHONY: help environment archive serve start status stop test lint unit end-to-end format clean \
	bench bench-quick bench-extras bench-growth bench-accuracy bench-numerics bench-uploads rollout-drill

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(ENVIRONMENT): pyproject.toml constraints.txt setup.py pixserve/_stubs/inference.proto
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"this needs Python \
	3.11 or newer; $(PYTHON) is {v.major}.{v.minor}: name another with `make PYTHON=python3.11`")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip==26.2
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]' --config-settings editable_mode=compat
	@touch $@

environment: $(ENVIRONMENT)  ## install what is needed into .venv, once

archive: $(ENVIRONMENT)  ## pack the shipped weights into model-store/
	@$(BIN)/python archive.py

serve: archive  ## serve in the foreground, until Ctrl-C
	@$(BIN)/python serve.py run

start: archive  ## serve in the background; returns once predictions are answered
	@$(BIN)/python serve.py start

status: $(ENVIRONMENT)  ## say what runs: models, versions, workers, queues
	@$(BIN)/python serve.py status

stop: $(ENVIRONMENT)  ## answer what is in flight, then end the server
	@$(BIN)/python serve.py stop

test: lint  ## lint, types, every test, with a real TorchServe
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

lint: $(ENVIRONMENT)  ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(ENVIRONMENT)  ## the tests that need no server (seconds)
	$(BIN)/python -m pytest tests --ignore tests/archive --ignore tests/end_to_end $(PYTEST_OPTIONS)

end-to-end: $(ENVIRONMENT)  ## the tests against a real TorchServe (minutes)
	$(BIN)/python -m pytest tests/archive tests/end_to_end $(PYTEST_OPTIONS)

bench: $(ENVIRONMENT)  ## this server beside eight others, side by side; fills the tables of docs/reference/benchmarks.md
	$(BIN)/python -m benchmarks.bench --record model/cifar10-1.0.json --save $(RESULTS)/bench-1.0.json
	$(BIN)/python -m benchmarks.bench --record model/cifar10-2.0.json --save $(RESULTS)/bench-2.0.json
	$(BIN)/python -m benchmarks.table docs/reference/benchmarks.md $(RESULTS)/bench-1.0.json $(RESULTS)/bench-2.0.json

bench-quick: $(ENVIRONMENT)  ## this server beside gunicorn, in two minutes
	$(BIN)/python -m benchmarks.bench --quick

bench-extras: $(ENVIRONMENT)  ## this server alone: 1,000 connections, photographs of 12 megapixels, gRPC
	$(BIN)/python -m benchmarks.extras --save $(RESULTS)/extras-1.0.json

bench-growth: $(ENVIRONMENT)  ## how throughput grows with connections, batch size, workers, image size: figures
	$(BIN)/python -m benchmarks.growth --folder $(RESULTS)

bench-accuracy: $(ENVIRONMENT)  ## accuracy and calibration of what is served, over HTTP
	$(BIN)/python -m benchmarks.accuracy

bench-numerics: $(ENVIRONMENT)  ## how often the served engine gives the class of float32
	$(BIN)/python -m benchmarks.numerics --save $(RESULTS)/numerics.json

bench-uploads: $(ENVIRONMENT)  ## what photographs instead of 32 x 32 images cost in accuracy, by resize filter
	$(BIN)/python -m benchmarks.resize_filters

rollout-drill: $(ENVIRONMENT)  ## versions come and go under load: not one request may be lost
	$(BIN)/python -m benchmarks.rollout_drill

format: $(ENVIRONMENT)  ## let ruff mend style and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: stop  ## remove everything that make built, the environment too
	rm -rf .venv .run model-store/*.mar .pytest_cache .ruff_cache .mypy_cache *.egg-info
