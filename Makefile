# Everything runs in .venv, which these targets make with nothing but Python 3.11+ and a network to PyPI.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: test

.venv/.test: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group test
	touch $@

test: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest
