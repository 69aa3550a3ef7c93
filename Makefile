# Everything a fresh machine needs: Python >= 3.11, make, and a package registry that pip can reach.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test lint types imports format schema schemas docs conformance live clean lock

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(STAMP) ## the virtual environment with all that the project needs

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Vitrine needs Python >= 3.11: set PYTHON=/path/to/python3.11'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo 'python3 has no venv module: install it (Debian: apt-get install python3-venv)'; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## the API on 127.0.0.1:8000 beside a stand-in Commerce, no account and no server needed
	@$(BIN)/vitrine demo

lock: ## pin requirements/*.txt again (needs uv)
	uv pip compile pyproject.toml -o requirements/base.txt --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header -q
	uv pip compile pyproject.toml --group dev -c requirements/base.txt -o requirements/dev.txt --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header -q

clean: ## remove what this Makefile made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
