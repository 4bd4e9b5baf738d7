# Two commands matter: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
BIN := .venv/bin
PROCESSES ?= 2

.PHONY: demo test setup lint faults bench docs pictures notebook clean

demo: setup  ## A minute of cardholders' transactions, some of them frauds, scored live
	@$(BIN)/eddy demo

test: setup lint  ## All tests, on a real Kafka
	$(BIN)/pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered

setup: .venv/.installed  ## The virtual environment that both share

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Eddy needs Python 3.11 to 3.13, found $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "This Python cannot make virtual environments. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "installing into .venv: once, a minute or two"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

lint: setup  ## Style, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

faults: setup  ## The nightly doses of faults, up to 45 minutes
	$(BIN)/pytest -m nightly --timeout 3000

bench: setup  ## Every benchmark that needs no data of yours, one after the other
	$(BIN)/python -m benchmarks.synthetic
	$(BIN)/python -m benchmarks.stream
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.api
	$(BIN)/python -m benchmarks.checks
	$(BIN)/python -m benchmarks.scoring
	$(BIN)/python -m benchmarks.decoding
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.calibration

docs: setup  ## The generated pages
	$(BIN)/eddy settings --markdown > docs/settings.md
	$(BIN)/python -c 'from eddy.api.problem_types import markdown; print(markdown(), end="")' > docs/problems.md

pictures: setup  ## The pictures of docs/detection.md, and the figures it quotes
	$(BIN)/python -m docs.pictures

notebook: setup  ## docs/tutorial.ipynb, from docs/tutorial.py
	$(BIN)/python -m docs.notebook

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
