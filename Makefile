# make serve     from a fresh clone to a prediction
# make test      prove all of it

# .venv holds what serving needs, without PyTorch; .venv-dev what training, tests and benchmarks need as well.
PYTHON ?= python3
SERVE ?= .venv
DEV := .venv-dev
PYTEST_OPTIONS ?=
RESULTS := benchmarks/results
# Tests that run in a process of their own: training's torch, Ray's workers, a browser's event loop, servers.
APART := training scoring web end_to_end

# Of what pip says, a line for each package that it fetches, with its size; its errors are shown whole.
export INSTALL_LINES := s/^ +(Downloading|Using cached) (.*\.whl .*)/  \2/p; s/^Installing collected.*/  all fetched; installing/p

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help environments archive serve start status stop gateway gateway-stop watch test lint unit end-to-end \
	fresh image-proof sbom audit format clean FORCE \
	bench bench-quick bench-extras bench-growth bench-accuracy bench-numerics bench-uploads bench-gateway bench-scoring scoring rollout-drill gateway-drill

help:  ## say what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 24
	@echo
	@echo "  PYTHON=python3.13 names the Python (3.11 or newer) that environments are made with."
	@echo "  SERVE=.venv-dev serves with PyTorch, as a GPU needs it."
	@echo "  The client is .venv/bin/pixserve; after 'source .venv/bin/activate' it is 'pixserve'."

environments: .venv/installed $(DEV)/installed  ## install everything, once

.venv/installed: WHAT := serve
.venv/installed: SIZE := 180 MB to fetch, 0.5 GB on disk
$(DEV)/installed: WHAT := dev
$(DEV)/installed: SIZE := 3.3 GB to fetch, 6.4 GB on disk (PyTorch with CUDA)

%/installed: pyproject.toml constraints.txt setup.py pixserve/_stubs/inference.proto front/_stubs/open_inference.proto
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python 3.11 or newer is needed, \
	and $(PYTHON) is %d.%d: name another with `make PYTHON=python3.11`" % v[:2])'
	@echo "$*: installing what pyproject.toml lists for '$(WHAT)', at most $(SIZE)"
	@$(PYTHON) -m venv $*
	@$*/bin/python -m pip install --no-compile --constraint constraints.txt --editable '.[$(WHAT)]' \
		--config-settings editable_mode=compat | sed -nu -E "$$INSTALL_LINES"
	@pwd -P > $@
	@echo "$*: complete; the client is $*/bin/pixserve, or 'pixserve' after 'source $*/bin/activate'"

# What reads packages from outside has an environment of its own: its pins would bind those of the project.
.venv-audit/installed: deploy/audit.txt
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python -m pip install --quiet --requirement deploy/audit.txt
	@pwd -P > $@

# An environment knows the folder it was made for: where the folder has been moved, it is made again, from pip's cache.
$(shell for made in .venv/installed $(DEV)/installed .venv-audit/installed; do cmp -s <(pwd -P) $$made || echo $$made; done): FORCE

archive: $(SERVE)/installed  ## pack the shipped weights into model-store/
	@$(SERVE)/bin/python archive.py

serve: archive  ## serve in the foreground, until Ctrl-C
	@$(SERVE)/bin/python serve.py run

start: archive  ## serve in the background; returns once predictions are answered
	@$(SERVE)/bin/python serve.py start

status: $(SERVE)/installed  ## say what runs: models, versions, workers, queues
	@$(SERVE)/bin/python serve.py status

stop:  ## answer what is in flight, then end the server
	@[ ! -d .run ] || $(SERVE)/bin/python serve.py stop

gateway: $(SERVE)/installed  ## start nginx before the server, or give a running one the present settings
	@$(SERVE)/bin/python -m gateway start

gateway-stop:  ## answer what is in flight there, then end nginx
	@[ ! -d .run/gateway ] || $(SERVE)/bin/python -m gateway stop

watch:  ## run a Prometheus beside the server, with the alert rules (Debian's package prometheus)
	@deploy/observability/watch.sh .run

test: lint .venv/installed  ## lint, types, every test, with a real TorchServe
	$(DEV)/bin/python -m pytest tests $(APART:%=--ignore tests/%) $(PYTEST_OPTIONS)
	for folder in $(APART); do $(DEV)/bin/python -m pytest tests/$$folder $(PYTEST_OPTIONS) || exit; done

lint: $(DEV)/installed  ## style, format and types
	$(DEV)/bin/python -m ruff check .
	$(DEV)/bin/python -m ruff format --check .
	$(DEV)/bin/python -m mypy

unit: $(DEV)/installed  ## the tests that need no server (seconds)
	$(DEV)/bin/python -m pytest tests --ignore tests/archive --ignore tests/end_to_end $(PYTEST_OPTIONS)

end-to-end: .venv/installed $(DEV)/installed  ## the tests against a real TorchServe (minutes)
	$(DEV)/bin/python -m pytest tests/archive tests/end_to_end $(PYTEST_OPTIONS)

fresh:  ## both commands of the README on a bare Debian with its oldest and newest Python (root, mmdebstrap)
	tests/fresh/run.sh

scoring: $(SERVE)/installed  ## install what `pixserve score` needs, 200 MB on disk
	@$(SERVE)/bin/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[score]' \
		--config-settings editable_mode=compat

image-proof: $(DEV)/installed  ## the Dockerfile's steps in a bare Debian, served on a read-only root (root, mmdebstrap)
	$(DEV)/bin/python tests/fresh/image.py

sbom: .venv/installed .venv-audit/installed  ## bill of materials of the serving environment: build/sbom.cdx.json
	@mkdir -p build
	.venv-audit/bin/cyclonedx-py environment .venv --output-reproducible --output-file build/sbom.cdx.json

audit: .venv/installed .venv-audit/installed  ## known weaknesses of the packages in the serving environment (Internet)
	.venv-audit/bin/pip-audit --strict --path .venv/lib/python*/site-packages

bench: .venv/installed $(DEV)/installed  ## this server beside eight others, side by side; fills the tables of docs/reference/benchmarks.md
	$(DEV)/bin/python -m benchmarks.bench --record model/cifar10-1.0.json --save $(RESULTS)/bench-1.0.json
	$(DEV)/bin/python -m benchmarks.bench --record model/cifar10-2.0.json --save $(RESULTS)/bench-2.0.json
	$(DEV)/bin/python -m benchmarks.table docs/reference/benchmarks.md $(RESULTS)/bench-1.0.json $(RESULTS)/bench-2.0.json

bench-quick: .venv/installed $(DEV)/installed  ## this server beside gunicorn, in two minutes
	$(DEV)/bin/python -m benchmarks.bench --quick

bench-extras: .venv/installed $(DEV)/installed  ## this server alone: 1,000 connections, photographs of 12 megapixels, gRPC
	$(DEV)/bin/python -m benchmarks.extras --save $(RESULTS)/extras-1.0.json

bench-growth: .venv/installed $(DEV)/installed  ## how throughput grows with connections, batch size, workers, image size: figures
	$(DEV)/bin/python -m benchmarks.growth --folder $(RESULTS)

bench-accuracy: .venv/installed $(DEV)/installed  ## accuracy and calibration of what is served, over HTTP
	$(DEV)/bin/python -m benchmarks.accuracy

bench-numerics: .venv/installed $(DEV)/installed  ## how often the served engine gives the class of float32
	$(DEV)/bin/python -m benchmarks.numerics --save $(RESULTS)/numerics.json

bench-uploads: .venv/installed $(DEV)/installed  ## what photographs instead of 32 x 32 images cost in accuracy, by resize filter
	$(DEV)/bin/python -m benchmarks.resize_filters

bench-gateway: .venv/installed $(DEV)/installed  ## what the gateway costs: directly, through it, and with TLS and a key
	$(DEV)/bin/python -m benchmarks.gateway --save $(RESULTS)/gateway-1.0.json

gateway-drill: $(DEV)/installed  ## behind the gateway workers are killed and a server is replaced: not one request may be lost
	$(DEV)/bin/python -m benchmarks.gateway_drill

bench-scoring: .venv/installed $(DEV)/installed  ## pixserve score beside the engine alone, pixserve predict, a torch loop, Ray
	$(DEV)/bin/python -m benchmarks.scoring --save $(RESULTS)/scoring.json

rollout-drill: $(DEV)/installed  ## versions come and go under load: not one request may be lost
	$(DEV)/bin/python -m benchmarks.rollout_drill

format: $(DEV)/installed  ## let ruff mend style and format
	$(DEV)/bin/python -m ruff check --fix .
	$(DEV)/bin/python -m ruff format .

# An archive of the user's own stays: only those that `make archive` packs are removed.
clean: gateway-stop stop  ## stop, and remove what make built
	rm -rf .venv .venv-* .run build *.egg-info pixserve/_stubs/*_pb2*.py
	rm -rf .pytest_cache .ruff_cache .mypy_cache
	rm -f $(patsubst model/%.json,model-store/%.mar,$(wildcard model/*.json))
