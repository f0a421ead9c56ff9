VENV ?= .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --quiet --disable-pip-version-check
STAMP := $(VENV)/.installed
WORKERS ?= 3
PYTEST := $(PY) -m pytest -q -n $(WORKERS) --dist worksteal

# The tests start many processes of our own; each would compile all that it imports once more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install sandbox test test-long coverage check format docs pictures lock clean

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(STAMP): pyproject.toml requirements-dev.lock
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $(STAMP)

install: $(STAMP) ## Install into .venv what requirements-dev.lock names, and meshbot itself

sandbox: $(STAMP) ## Install and serve the sandbox: a channel, a cluster and the bot on this machine
	$(VENV)/bin/meshbot sandbox

test: $(STAMP) ## Install and run the default test suite
	$(PYTEST)

test-long: $(STAMP) ## Run the long tests: every step, every trouble (some minutes)
	$(PYTEST) -m long

coverage: $(STAMP) ## Run the default tests and print which lines they leave out
	$(PYTEST) --cov --cov-report=term:skip-covered

check: $(STAMP) ## Format and lint, types, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/yamllint manifests

format: $(STAMP) ## Format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: $(STAMP) ## Write what is written from the code: the references, the README's table of commands
	$(PY) scripts/reference.py

pictures: $(STAMP) ## Take the README's pictures anew (needs Chromium, some minutes)
	$(PY) -m scripts.screenshots

lock: ## Raise every pin to the newest version that fits, with hashes; one alone: scripts/lock PACKAGE
	scripts/lock

clean: ## Remove what was installed
	rm -rf $(VENV)
