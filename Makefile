# Every target sets up what it needs and is quick the second time.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help up test test-unit lint format lock crds clean binaries mutation soak-machinery fuzz
.DEFAULT_GOAL := help

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 24

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "omectl needs Python 3.11 or newer, found " + sys.version.split()[0] + "; name another with PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV) ..."
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --requirement requirements-dev.lock
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

binaries: $(STAMP) ## Build or find the control plane's binaries
	@$(BIN)/omectl cluster binaries

up: $(STAMP) ## Run the main job: a whole cluster on this machine, a real model to a Ready service (ARGS=... go to `omectl up`)
	@$(BIN)/omectl up $(ARGS)

test: lint binaries ## Lint, then every test (ARGS=... go to pytest)
	@$(BIN)/python -m pytest $(ARGS)

test-unit: $(STAMP) ## The tests that start no process
	@$(BIN)/python -m pytest tests/unit $(ARGS)

lint: $(STAMP) ## ruff, pyright, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports --no-cache

format: $(STAMP) ## Rewrite the sources in the house's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## Write the hashed locks again (needs uv)
	@hack/lock/lock.sh

crds: $(STAMP) ## Write manifests/crds from the types
	@$(BIN)/omectl crds --output manifests/crds

mutation: $(STAMP) ## Change the machinery one place at a time and see whether a unit test notices (ARGS=workqueue informers controller election)
	@$(BIN)/python -m hack.mutation $(ARGS)

bench-%: $(STAMP) ## Measure: bench-up, bench-plan, bench-parser, bench-services, bench-machinery (ARGS="--only B1,B4 --objects 10000 --repeat 3", "--quick", "--help")
	@$(BIN)/python -m hack.bench $* $(ARGS)

soak-machinery: $(STAMP) ## Let an operator live through churn, compactions and restarts (ARGS="--minutes 360"; 10 by default)
	@$(BIN)/python -m hack.bench soak $(ARGS)

fuzz: $(STAMP) ## Fuzz the model parser; installs atheris for itself (ARGS="header gguf --runs 1000000 --seconds 3600")
	@$(BIN)/python -m hack.fuzz $(ARGS)

clean: ## Remove what the targets above made in this folder
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
