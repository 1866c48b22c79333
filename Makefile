# Everything sets itself up in .venv the first time; PYTHON names the Python to use (3.11 or newer).
PYTHON ?= python3
BIN    := .venv/bin
UV     ?= uv
LOCK   := $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
          --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help demo test check lock clean ready-box ready-dev

help:  ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

demo: ready-box  ## one backtest, end to end: servers, made-up data with a known answer, result, report
	@$(BIN)/usdc-arb demo

test: ready-dev  ## all tests, with branch coverage of engine and services
	$(BIN)/python -m pytest -n auto --dist loadfile --cov --cov-report=
	$(BIN)/python -m coverage report --include 'engine/*,app/services/*' --fail-under 98

check: ready-dev  ## style, types, layers, documentation
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_docs.py tests/test_layout.py

lock:  ## compile requirements/*.txt anew (needs uv)
	$(LOCK) --extra box --group build --group dev --output-file requirements/dev.txt
	$(LOCK) --extra box --group build --constraint requirements/dev.txt --output-file requirements/box.txt
	$(LOCK) --constraint requirements/dev.txt --output-file requirements/app.txt

clean:  ## remove the virtual environment, the demo's data and what tools left
	rm -rf .venv .demo .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

ready-box ready-dev: ready-%:
	@PYTHON='$(PYTHON)' .ci/ready $*
