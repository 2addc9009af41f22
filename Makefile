# Every target sets up what it needs by itself: a Python from 3.11 to 3.13 on the PATH (or named
# with PYTHON=...) is all that must be there. No compiler, no network beyond the package index.

VENV    ?= .venv
PYTHON  ?=
WORKERS ?= auto

BIN        := $(VENV)/bin
PIP        := $(BIN)/python -m pip --disable-pip-version-check
UV_COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
              --generate-hashes --no-header --no-annotate --no-emit-index-url

.DEFAULT_GOAL := help
.NOTPARALLEL:

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- a virtual environment --------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.installed ## make .venv with the locked dependencies and the gpu-shopper command

# Candidates are tried by running them: a version manager's shim exists for versions that it does not have, and
# Debian's python3 comes without ensurepip.
USABLE := import ensurepip, ssl, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))

CANDIDATES := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)

$(VENV)/.locked: .ci/requirements.lock
	@for python in $(CANDIDATES); do \
	    if $$python -c '$(USABLE)' 2>/dev/null; then \
	        echo "setup: making $(VENV) with $$python" && exec $$python -m venv --clear $(VENV); \
	    fi; \
	done; \
	echo "setup: no usable Python among: $(CANDIDATES)." >&2; \
	echo "setup: Python 3.11, 3.12 or 3.13 with its venv module is needed (Debian and Ubuntu:" >&2; \
	echo "setup: apt-get install python3-venv); name one with 'make setup PYTHON=/path/to/python'." >&2; \
	exit 1
	@echo "setup: installing the locked dependencies"
	@$(PIP) install -qq --only-binary :all: --require-hashes --requirement .ci/requirements.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml reconciler/__init__.py
	@$(PIP) install -qq --no-build-isolation --no-deps --editable .
	@touch $@

# --- the two commands of the README -----------------------------------------------------------

.PHONY: demo
demo: setup ## watch a fleet being planned, bought, shown and destroyed on the simulated market
	@PATH="$$(cd $(BIN) && pwd):$$PATH" examples/demo/run.sh

# What tests write is flushed thousands of times: into memory, where there are two gigabytes of it.
ROOMY := test "$$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 2000000 2>/dev/null

.PHONY: test
test: setup ## run all tests
	@if $(ROOMY); then place=$$(mktemp -d -p /dev/shm); else place=$$(mktemp -d); fi; \
	trap 'rm -rf "$$place"' EXIT; \
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --maxprocesses=4 --dist=worksteal \
	    --basetemp="$$place/tests" --override-ini=tmp_path_retention_policy=failed

.PHONY: bench
bench: setup ## measure time and memory, beside Terraform where it is installed (10 min)
	@$(BIN)/python -m tests.benchmarks

SEED ?=
RUNS ?=
JOBS ?= 1
SIMULATE := $(BIN)/python -m tests.simulation.simulator --jobs $(JOBS)

.PHONY: simulate
simulate: setup ## run seeded worlds of faults (SEED=7 runs one again, RUNS=500 JOBS=2 many)
	@$(SIMULATE) $(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS))

.PHONY: simulate-long
simulate-long: setup ## the same for hours: 100 000 seeds (JOBS=2, SEED=... goes on)
	@$(SIMULATE) --seed $(or $(SEED),0) --runs $(or $(RUNS),100000)

.PHONY: soak
soak: setup ## 72 days of one workspace in virtual time (DAYS=...)
	@$(BIN)/python -m tests.simulation.simulator.soak $(or $(DAYS),72) $(or $(SEED),1)

.PHONY: histories
histories: setup ## hold the ledger against random histories of a market (RUNS=100000 for long)
	@$(BIN)/python -m tests.unit.planning.test_money_histories $(or $(RUNS),10000)

.PHONY: fuzz
fuzz: setup ## feed broken files and answers to all that reads them (RUNS=2000000 for long)
	@$(BIN)/python -m tests.fuzz $(or $(RUNS),20000) $(or $(SEED),0)

.PHONY: mutants
mutants: setup ## break the code in thirty ways and name the test that notices each
	@$(BIN)/python -m tests.mutants

# --- what must hold before a change is merged -------------------------------------------------

.PHONY: check
check: static test ## run everything that must pass: the static checks, then the tests

.PHONY: static
static: lint typecheck contracts schemas-check ## run all checks but the tests

.PHONY: lint
lint: setup ## check format and style (ruff)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: typecheck
typecheck: setup ## check the types (mypy --strict)
	$(BIN)/mypy

.PHONY: contracts
contracts: setup ## check that imports keep to the layers (import-linter)
	$(BIN)/lint-imports --no-cache

.PHONY: schemas-check
schemas-check: setup ## check that schemas/ is what the code generates
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(BIN)/gpu-shopper schema --write "$$fresh"; \
	diff -r schemas "$$fresh" || { echo "schemas/ is out of step: run 'make schemas'." >&2; exit 1; }

# --- things to do -----------------------------------------------------------------------------

.PHONY: format
format: setup ## rewrite the code in the project's format
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

PROVIDER ?=

.PHONY: cassettes
cassettes: setup ## record the cassettes anew; with a key in the environment from the provider (costs cents)
	@$(BIN)/python -m tests.cassettes.recording $(PROVIDER)

WITNESS ?= $(VENV)/witness
CLIENTS := vastai runpod

.PHONY: witness
witness: setup ## install the vendors' own clients apart, for tests against our faces
	@for client in $(CLIENTS); do \
	    $(BIN)/python -m venv --clear $(WITNESS)/$$client && \
	    $(WITNESS)/$$client/bin/python -m pip --disable-pip-version-check install -qq \
	        --only-binary :all: --require-hashes --requirement .ci/witness-$$client.lock || exit 1; \
	done
	@echo "witness: run the tests with GPU_SHOPPER_VASTAI=$(WITNESS)/vastai/bin/vastai"
	@echo "witness:                 and GPU_SHOPPER_RUNPOD=$(WITNESS)/runpod/bin/python"

.PHONY: schemas
schemas: setup ## generate schemas/ anew
	$(BIN)/gpu-shopper schema --write schemas

# Each lock is compiled over the present one, so that only what pyproject.toml asks for moves:
# delete a lock first to take every newest version. uv is needed for nothing else, so it is not in
# the lock itself.
.PHONY: lock
lock: setup ## write the locks anew after a change of the dependencies in pyproject.toml
	@$(PIP) install -qq --only-binary :all: 'uv>=0.13,<0.14'
	$(UV_COMPILE) --group build --group dev --output-file .ci/requirements.lock
	$(UV_COMPILE) --constraints .ci/requirements.lock --output-file deploy/requirements.lock
	@for client in $(CLIENTS); do \
	    echo $(subst pyproject.toml,.ci/witness-$$client.in,$(UV_COMPILE)) \
	        --output-file .ci/witness-$$client.lock; \
	    $(subst pyproject.toml,.ci/witness-$$client.in,$(UV_COMPILE)) \
	        --output-file .ci/witness-$$client.lock || exit 1; \
	done

.PHONY: clean
clean: ## remove .venv, caches and build outputs
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
