VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: help install sandbox test test-long check format docs clean

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(STAMP): pyproject.toml requirements.lock
	python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $(STAMP)

install: $(STAMP) ## Install into .venv

sandbox: $(STAMP) ## Install and serve the sandbox: a channel, a cluster and the bot on this machine
	$(VENV)/bin/meshbot sandbox

test: $(STAMP) ## Install and run the default test suite
	$(PY) -m pytest -q -n 4 --dist worksteal

test-long: $(STAMP) ## Run the long tests: every step, every trouble (some minutes)
	$(PY) -m pytest -q -n 4 --dist worksteal -m long

check: $(STAMP) ## Format and lint, types, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/yamllint manifests

format: $(STAMP) ## Format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: $(STAMP) ## Write the references of commands and settings
	$(PY) scripts/reference.py

clean: ## Remove what was installed
	rm -rf $(VENV)
