# All that is needed beforehand is Python 3.11 or newer, make and git. Everything else goes into .venv.

.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
UV := $(BIN)/uv --system-certs --no-progress
PYTEST := $(BIN)/python -m pytest -rs -n 2 --dist loadfile
CODE := src tests bench docs

.PHONY: help
help:  ## List what can be made.
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 10

# ---------------------------------------------------------------------------------------------------- installation
# Locked versions with their hashes; by uv where it can be had, else by pip.

.venv/made: lock/uv.txt
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11 to 3.14 with venv (Debian: apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --require-hashes -r lock/uv.txt || echo "make: goes on with pip alone"
	@touch $@

.venv/has-%: lock/%.txt pyproject.toml | .venv/made
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r $< \
		|| $(BIN)/python -m pip install -q --require-hashes -r $<
	$(BIN)/python -m pip install -q --no-deps --no-index --no-build-isolation --editable .
	@touch $@

.PHONY: lock
lock: .venv/made  ## Choose versions anew and write lock/.
	echo uv | $(UV) pip compile -q - $(LOCK_OPTIONS) --output-file lock/uv.txt
	$(UV) pip compile -q pyproject.toml --group dev --group bench $(LOCK_OPTIONS) --output-file .venv/all.txt
	for part in run test dev bench; do \
		group=$$(test $$part = run && echo build || echo $$part); \
		$(UV) pip compile -q pyproject.toml --group $$group --constraint .venv/all.txt $(LOCK_OPTIONS) \
			--output-file lock/$$part.txt || exit 1; \
	done
	$(UV) pip compile -q pyproject.toml --group build --extra postgresql --constraint .venv/all.txt $(LOCK_OPTIONS) \
		--output-file lock/server.txt

LOCK_OPTIONS := --upgrade --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-annotate --custom-compile-command "make lock"

# --------------------------------------------------------------------------------------------------------- product

.PHONY: demo
demo: .venv/has-run  ## Detect real faults in a recorded host, and write a report.
	$(BIN)/redshank demo

.PHONY: bench
bench: .venv/has-bench  ## Measure speed and memory (docs/benchmarks.md).
	$(BIN)/redshank bench

# ----------------------------------------------------------------------------------------------------------- checks

.PHONY: test
test: .venv/has-test  ## Run the tests that need nothing but this folder.
	$(PYTEST) -m "not external_service"

.PHONY: check
check: lint types test docs  ## Format check, lint, types, tests, docs: what a change must pass.

.PHONY: lint
lint: .venv/has-dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

.PHONY: types
types: .venv/has-dev
	$(BIN)/mypy

.PHONY: format
format: .venv/has-dev  ## Format the code and mend what can be mended.
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

.PHONY: docs
docs: reference  ## Build the documentation into site/, strictly.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.PHONY: reference
reference: .venv/has-dev  ## Write the generated pages anew.
	$(BIN)/python docs/generate_reference.py

.PHONY: integration
integration: .venv/has-dev  ## Run the tests that need a browser, a server or the benchmark data.
	$(BIN)/python -m pytest -rs -m "external_service or bench_data"

.PHONY: recompile
recompile:  ## Forget compiled kernels: numba misses a change in a kernel that a kernel of another file calls.
	find src tests bench -name '*.nb[ci]' -delete

.PHONY: clean
clean:  ## Remove everything that was made.
	rm -rf .venv site dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests bench docs -name __pycache__ -prune -exec rm -rf {} +
