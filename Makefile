# Everything sets itself up in .venv the first time; PYTHON names the Python to use (3.11 or newer).
PYTHON ?= python3
BIN    := .venv/bin
UV     ?= uv
LOCK   := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
          --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

PEERS  := hftbacktest vectorbt

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-peers peers lock clean ready-box ready-dev

help:  ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

demo: ready-box  ## one backtest, end to end: servers, made-up data with a known answer, result, report
	@$(BIN)/usdc-arb demo

test: ready-dev  ## all tests, with branch coverage of engine and services
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --cov --cov-report=
	$(BIN)/python -m coverage report --include 'engine/*,app/services/*' --fail-under 98

check: ready-dev  ## style, types, layers, documentation
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_docs.py tests/test_layout.py

bench: ready-dev peers  ## all benchmarks, written to docs/benchmarks.md; alone on the machine, a quarter of an hour
	$(BIN)/python -m tests.bench.report

bench-peers: ready-dev peers  ## the same jobs in hftbacktest and vectorbt; ARGS=--quick to see that it works
	$(BIN)/python -m tests.bench.bench_peers $(ARGS)

peers: $(PEERS:%=.venv-peers/%/.ready)

.venv-peers/%/.ready: requirements/peer-%.txt
	@printf '· installing $< in $(@D), every hash checked (some 900 MB)\n'
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps --require-hashes -r $<
	@touch $@

lock:  ## compile requirements/*.txt anew (needs uv)
	$(LOCK) pyproject.toml --extra box --extra fetch --group build --group dev --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --extra box --extra fetch --group build --constraint requirements/dev.txt --output-file requirements/box.txt
	$(LOCK) pyproject.toml --constraint requirements/dev.txt --output-file requirements/app.txt
	$(LOCK) requirements/peer-hftbacktest.in --output-file requirements/peer-hftbacktest.txt
	$(LOCK) requirements/peer-vectorbt.in --output-file requirements/peer-vectorbt.txt
	$(LOCK) requirements/s3-server.in --output-file requirements/s3-server.txt

clean:  ## remove the virtual environment, the demo's data and what tools left
	rm -rf .venv .venv-peers .demo .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

ready-box ready-dev: ready-%:
	@PYTHON='$(PYTHON)' .ci/ready $*
