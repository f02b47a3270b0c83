# Everything happens in .venv; `make quickstart` and `make check` are all a newcomer needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: quickstart check lint test slow format clean

quickstart: $(VENV)/.core
	$(BIN)/trajset quickstart

check: lint test

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

test: $(VENV)/.test
	$(BIN)/pytest -n auto --dist loadfile

slow: $(VENV)/.test
	$(BIN)/pytest -m slow

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e .
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[train,dense,elastic,ray,wiki,track,bench,test]'
	touch $@ $(VENV)/.core

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
