# The two commands of the README; each does its own set-up with nothing but Python and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test clean

demo: .venv/.demo
	$(BIN)/snakemake train_genre report
	@$(BIN)/otogura runs

test: .venv/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest

clean:
	rm -rf .venv work .snakemake

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) --editable .
	@touch $@

.venv/.test: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) --editable ".[test]"
	@touch $@
