# Two commands on a new machine: `make run` and `make test`. Both set up all they need.
#
#   make run                    a simulated cluster that migrates, and the exporter watching it
#   make run CONFIG=my.yml      the exporter for the cluster that my.yml names
#   make test                   every check, real servers included; CI runs this and nothing else
#   make help                   the other targets

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# the order of the checks is meant: set up first, pytest's summary last
.NOTPARALLEL:

# any python3 that is new enough; the venv is made from it
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
ifeq ($(PYTHON),)
$(error Python 3.11 or later is needed, and no python3 on PATH is)
endif

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := exporter dashboards alerts
CHECKED := $(PACKAGES) tests tools $(wildcard bench)
TEST_WORKERS ?= 3
ARGS ?=

export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help
help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

.PHONY: run
run: venv-run ## the demo and the exporter, or with CONFIG=my.yml the exporter for a real cluster
ifdef CONFIG
	@exec $(BIN)/kvmigration serve --config.file="$(CONFIG)" $(ARGS)
else
	@exec $(BIN)/kvmigration demo $(ARGS)
endif

.PHONY: test
test: setup check-style check-types check-generated check-docker check-tests ## every check, as CI runs it

.PHONY: setup
setup: venv servers types ## the venv with the development packages, the real servers, Grafana's types

.PHONY: venv-run venv servers types
venv-run:
	@$(PYTHON) tools/setup_venv.py requirements.lock
venv:
	@$(PYTHON) tools/setup_venv.py requirements-dev.lock
servers:
	@$(PYTHON) tools/setup_servers.py
types: servers
	@$(PYTHON) tools/setup_types.py

.PHONY: check-style check-types check-generated check-docker check-tests check-wheel
check-style: venv
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)

check-types: venv
	$(BIN)/mypy
	$(BIN)/mypy --strict tools/*.py

# each of these modules writes committed files, and with --check tests whether they are current
GENERATORS := alerts dashboards exporter.generated_docs tools.render_mixin tools.generate_proto tools.render_chart tools.draw_architecture
check-generated: venv
	@for module in $(GENERATORS); do echo "$(BIN)/python -m $$module --check"; $(BIN)/python -m $$module --check; done

check-docker: venv
	$(BIN)/hadolint --failure-threshold warning Dockerfile

check-wheel: venv
	$(BIN)/python tools/check_wheel.py

# the wheel first, so that the run ends with pytest's own summary; tests start the program hundreds of times,
# and each would compile it anew
check-tests: setup check-wheel
	PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX="$(CURDIR)/.pytest_cache/bytecode" \
	  KVMIGRATION_REQUIRE_REAL=1 $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadscope \
	  --hypothesis-profile=ci $(ARGS)

.PHONY: generate
generate: venv ## write the committed files that are generated: rules, boards, docs
	@for module in $(GENERATORS); do $(BIN)/python -m $$module; done

.PHONY: format
format: venv ## put the code in ruff's shape
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

.PHONY: wheel
wheel: venv ## build dist/*.whl
	$(BIN)/python -m build --wheel --no-isolation

# Hashes are those the index lists; no address of an index is written. Takes minutes.
LOCK := PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= PIP_EXTRA_INDEX_URL= CUSTOM_COMPILE_COMMAND="make lock" \
  $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-options \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
.PHONY: lock
lock: ## write the lock files anew from pyproject.toml (LOCK_ARGS=--upgrade for newer versions)
	$(LOCK) $(LOCK_ARGS) --extra kubernetes --extra dashboards -o requirements.lock pyproject.toml
	$(LOCK) $(LOCK_ARGS) --all-extras -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(LOCK) $(LOCK_ARGS) --only-build-deps --build-deps-for wheel -c requirements-dev.lock \
	  -o requirements-build.lock pyproject.toml

.PHONY: bench
bench: setup ## the benchmark beside its references; BENCH_ARGS="--sizes 300x300" for one size
	@command -v jq >/dev/null || apt-get -q install -y jq
	$(BIN)/python -m bench $(BENCH_ARGS)

.PHONY: clean
clean: ## remove what was built, the venv too
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
