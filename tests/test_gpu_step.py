"""The step that is written for machines with JAX and PyTorch alone."""

import csv
import json
import subprocess
import sys

import pytest

from benchmarks import export_step
from tests.processes import PYTORCH_PYTHONS, ROOT
from tf_ner import TrainConfig, train

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("graphs")]


@pytest.fixture(scope="module")
def step(tiny_bert, corpus_dir, tmp_path_factory):
    """Four steps of two sentences in float32, written by the program; and the losses of a run of the same."""
    folder = tmp_path_factory.mktemp("step")
    options = ["--data", corpus_dir, "--model", tiny_bert, "--output", folder / "step", "--batch-size", "2"]
    command = [
        sys.executable,
        "-m",
        "benchmarks.export_step",
        *options,
        "--steps",
        "4",
        "--row-length",
        "40",
        "--precision",
        "float32",
    ]
    subprocess.run(list(map(str, command)), check=True, cwd=ROOT, capture_output=True)
    return folder / "step"


def losses_of(python, step, program):
    command = [python, ROOT / "benchmarks" / "gpu_step.py", step, "--only", program, "--rounds", "1"]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, cwd=step)
    found = json.loads(done.stdout)
    assert found["milliseconds_a_step"][program] > 0
    return found["losses_without_dropout"][program]


def test_jax_takes_the_steps_of_a_run(step, tiny_bert, corpus_dir, tmp_path):
    model = export_step.without_dropout(tiny_bert, tmp_path / "model")
    config = TrainConfig(
        model=str(model), dataset=str(corpus_dir), output_dir=tmp_path / "run", epochs=1, batch_size=2, log_every=1,
        max_train_examples=8, learning_rate=1e-4,
    )  # fmt: skip
    train(config, verbose=0)
    with (tmp_path / "run" / "losses.csv").open() as file:
        expected = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses_of(sys.executable, step, "jax") == pytest.approx(expected, abs=1e-5)


@pytest.mark.skipif(not PYTORCH_PYTHONS, reason="TF_NER_INTEROP_PYTHONS names no interpreters with PyTorch")
def test_pytorch_learns_the_same(step):
    expected = losses_of(sys.executable, step, "jax")
    assert losses_of(PYTORCH_PYTHONS[0], step, "pytorch") == pytest.approx(expected, abs=1e-4)
