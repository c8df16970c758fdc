# Everything a user or developer does; `make` alone lists it.
SHELL := /bin/bash
.DELETE_ON_ERROR:
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url

.PHONY: help setup setup-dev demo test test-unit lint format bench bench-hundred bench-soak bench-all bench-accuracy train-violence lock migration clean

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: .venv/.installed ## Make .venv and install what running needs

setup-dev: .venv/.installed-dev ## Install what tests and checks need, too

# --no-deps: the lock names everything, and leaves out what rapidocr would bring (docs/decisions.md).
.venv/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found on PATH."; exit 1; }
	@test -x $(BIN)/python || { echo "Making .venv with $$($(PYTHON) --version)"; $(PYTHON) -m venv .venv; }
	@echo "Installing what requirements.lock names (about 450 MB, once)"
	@$(PIP) install --no-deps -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable . 2>/dev/null || $(PIP) install --no-deps --editable .
	@touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.installed
	@echo "Installing what tests and checks need"
	@$(PIP) install --no-deps -r requirements-dev.lock
	@touch $@

demo: setup ## Run the whole system with generated cameras, until Ctrl-C
	@$(BIN)/camrec demo

# Three at a time even on two cores: most tests wait, for streams, for time-outs, for processes that come back.
test: setup-dev ## Run all tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile tests

test-unit: setup-dev ## Run the pure tests only
	@$(BIN)/python -m pytest tests/unit

lint: setup-dev ## Check style, types and the import direction
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup-dev ## Format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

# $(call benchmarks,ONE "ANOTHER --with-options"): goes on after a failure, writes the page, and then fails.
benchmarks = @failed=; for b in $(1); do echo "== $$b"; $(BIN)/python -m benchmarks.$$b || failed="$$failed $${b%% *}"; \
	done; $(BIN)/python -m benchmarks.performance && test -z "$$failed" || { echo "Failed:$${failed:- the page}"; exit 1; }

bench: setup-dev ## Measure speed, three quarters of an hour; results go to benchmarks/results/
	$(call benchmarks,frame_store frame_transport plates_picture plates_batches recognisers pipeline \
		queue_overhead capture capture_modes recording latency fanout baseline api_events reid_search clips outages)

bench-hundred: setup-dev ## A hundred cameras in the whole product: ten minutes, then three with motion in all
	$(call benchmarks,hundred "hundred --all-moving")

bench-soak: setup-dev ## A hundred cameras for half an hour: does anything grow?
	$(call benchmarks,"hundred --soak")

# One after the other, each undisturbed. The hundred come first: `baseline` compares with them.
bench-all: setup-dev ## All figures of docs/performance.md, an hour and a half
	@$(MAKE) --no-print-directory --jobs=1 --keep-going bench-hundred bench bench-soak

bench-accuracy: setup-dev ## Measure accuracy on the footage in ../shared/data
	@$(BIN)/python -m benchmarks.accuracy

# The training sees the packages of .venv too, so that it computes features with the very versions that run.
.venv-train/.installed: training/violence/requirements.txt .venv/.installed
	@$(BIN)/python -m venv .venv-train
	@$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' \
		> "$$(.venv-train/bin/python -c 'import site; print(site.getsitepackages()[0])')/camrec.pth"
	@.venv-train/bin/python -m pip --disable-pip-version-check --quiet install -r training/violence/requirements.txt
	@touch $@

train-violence: .venv-train/.installed ## Train the violence model on ../shared/data/fights, with its metrics
	@.venv-train/bin/python -m training.violence.train ../shared/data/fights ../shared/data/models

lock: setup-dev ## Resolve requirements*.txt into the lock files
	@$(BIN)/uv pip compile $(LOCK) --override requirements-overrides.txt --upgrade requirements.txt -o requirements.lock
	@$(BIN)/uv pip compile $(LOCK) --override requirements-dev-overrides.txt requirements-dev.txt -c requirements.lock \
		-o requirements-dev.lock

migration: setup-dev ## Write a database migration from the models: make migration NAME=what_changes
	@test -n "$(NAME)" || { echo "make migration NAME=what_changes"; exit 2; }
	@$(BIN)/python -m storage.new_migration "$(NAME)"

clean: ## Remove what make made
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache
