# Two commands do the main things on a bare machine: `make train` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := $(shell cat .ci/uv-version)
RUN_DIR ?= runs/demo-$(shell date +%Y-%m-%d_%H-%M-%S)

.DEFAULT_GOAL := help
.PHONY: help setup train test quick lint bench lock clean

help: ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.done ## make .venv with everything the commands below need

$(VENV)/.done: requirements.lock pyproject.toml .ci/uv-version
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

train: setup ## train two keyword models on synthesised speech and compare them (under 6 minutes on two cores)
	$(BIN)/python scripts/demo.py $(RUN_DIR)

test: setup ## lint, types, import rules and all tests
	$(MAKE) --no-print-directory lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

quick: setup ## the tests without the slow ones, within two minutes
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m "not slow"

lint: setup ## ruff, pyright, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: setup ## size and speed of the default model on this machine
	$(BIN)/speechsrt benchmark pointwise=ternary run_dir=runs/benchmark-$$(date +%s)

lock: ## pin all dependencies anew, with hashes and without an index address
	uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra dev --extra synthesis --extra beam pyproject.toml -o requirements.lock

clean: ## remove what the commands made, the environment included
	rm -rf $(VENV) runs dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
