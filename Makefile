# Everything a fresh machine needs: Python >= 3.11, make, and a package registry that pip can reach.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test check format browser redis identity schema schemas conformance storm bench pages live graphiql lock clean

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

test: check browser redis identity ## format, lint, types, imports, and all tests
	@$(BIN)/python -m pytest -n 2 $(PYTEST)

check: $(STAMP) ## format, lint, types, imports, unused dependencies
	@$(BIN)/ruff format --check --quiet . || { echo 'run: make format'; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -n 20; exit $${PIPESTATUS[0]}
	@$(BIN)/deptry . --no-ansi

format: $(STAMP) ## format the code
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

# Tests of pages drive a real Chromium, tests of state a real Redis; both are Debian packages.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || $(call apt,chromium)

redis:
	@command -v redis-server >/dev/null || $(call apt,redis-server)

# Tests of signing in run against a certified provider, which is a Node program.
identity: tests/identity/node_modules/.package-lock.json

tests/identity/node_modules/.package-lock.json: tests/identity/package-lock.json
	@command -v npm >/dev/null || $(call apt,npm)
	@cd tests/identity && npm ci --silent && touch node_modules/.package-lock.json

apt = { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null; } || \
	{ echo 'The tests need $(1): install it (Debian: apt-get install $(1)) and run make test again.'; exit 1; }

schema: $(STAMP) ## write schema/storefront.graphql and docs/commerce-versions.md anew
	@$(BIN)/vitrine schema print --write && $(BIN)/vitrine schema table --write

schemas: $(STAMP) ## cut schema/commerce from full schemas: make schemas FROM=folder [CHECK=--check]
	@test -n "$(FROM)" || { echo 'say where the full schemas are: make schemas FROM=folder'; exit 1; }
	@for file in $(FROM)/open-source-*.graphql $(FROM)/adobe-commerce-2*.graphql; do \
		$(BIN)/vitrine schema pull $(CHECK) "$$file" || exit 1; done

conformance: $(STAMP) ## replay recorded exchanges against the stand-in: make conformance RECORDINGS=folder
	@test -n "$(RECORDINGS)" || { echo 'say where the recordings are: make conformance RECORDINGS=folder'; exit 1; }
	@$(BIN)/python -m tests.conformance "$(RECORDINGS)"

storm: $(STAMP) ## 1,000 carts ordered five times at once while Commerce and Redis fail, rules removed, 1,000 journeys; the cache; 200 sessions refreshed
	@$(BIN)/python -m tests.orders_storm --carts 1000
	@$(BIN)/python -m tests.api_storm --carts 1000
	@for rule in Claim LookUp Epoch Waiting; do \
		$(BIN)/python -m tests.api_storm --carts 60 --sabotage Without$$rule; \
		[ $$? = 3 ] || { echo "without its $$rule the run must break a promise (status 3), and did not"; exit 1; }; done
	@$(BIN)/python -m tests.cart_machine --journeys 1000
	@$(BIN)/python -m tests.cache_storm --invalidations 100000
	@for rule in Fence Purges Level Silence; do \
		$(BIN)/python -m tests.cache_storm --invalidations 4000 --sabotage Without$$rule; \
		[ $$? = 3 ] || { echo "without its $$rule the cache must be found old (status 3), and was not"; exit 1; }; done
	@$(BIN)/python -m tests.cache_misses --misses 10000
	@$(BIN)/python -m tests.cache_machine --histories 300
	@for rule in Run Log Fence Generations Store Gap; do \
		$(BIN)/python -m tests.cache_machine --histories 1000 --seed 1 --sabotage Without$$rule; \
		[ $$? = 3 ] || { echo "without its $$rule a history must go wrong (status 3), and none did"; exit 1; }; done
	@$(BIN)/python -m tests.refresh_storm --sessions 200 --calls 20
	@$(BIN)/python -m tests.refresh_storm --sessions 200 --calls 20 --sabotage WithoutLease; \
		[ $$? = 3 ] || { echo "without its lease the run must lose sessions (status 3), and did not"; exit 1; }

bench: $(STAMP) redis ## the speed figures of the README, beside others where npm is there: ten minutes; writes docs/bench.*
	@$(BIN)/python -m bench --write

pages: $(STAMP) ## CPU time of a category page, with compiled functions and by graphql-core alone
	@$(BIN)/python -m bench.execution --parts

live: $(STAMP) ## the journeys against a real Commerce: make live COMMERCE_URL=https://... [LIVE_WRITE=1: order, too]
	@test -n "$(COMMERCE_URL)" || { echo 'say which Commerce: make live COMMERCE_URL=https://shop.example.com'; exit 1; }
	@COMMERCE_URL="$(COMMERCE_URL)" LIVE_WRITE="$(LIVE_WRITE)" $(BIN)/python -m pytest tests/live -m live -p no:xdist -v $(PYTEST)

graphiql: ## build the GraphiQL files anew (needs node and npm)
	cd scripts/graphiql && npm ci && npm run build

lock: ## pin requirements/*.txt again (needs uv)
	uv pip compile pyproject.toml -o requirements/base.txt --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header -q
	uv pip compile pyproject.toml --group dev -c requirements/base.txt -o requirements/dev.txt --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header -q

clean: ## remove what this Makefile made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
