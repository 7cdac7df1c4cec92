"""A training step of tf_ner as files that need JAX alone, and not tf_ner or TensorFlow; for `gpu_step.py`.

    .venv/bin/python -m benchmarks.export_step --data FOLDER --model FOLDER --output STEP [--batch-size 32 --steps 60]

The step is that of `tf-ner train --runtime jax`, on one device. Beside it lie its weights, its packed batches, the same
sentences in padded batches, and the same step without dropout, by whose losses it can be seen that a peer learns the
same.
"""

# Before TensorFlow, as in all commands: it chooses how to multiply.
import tf_ner  # noqa: F401, I001

import argparse
import dataclasses
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tensorflow as tf
from jax import export

from tf_ner import TrainConfig
from tf_ner.learning.adamw import Learnt
from tf_ner.models.packed import weights_by_name
from tf_ner.training.jax_runtime import JaxStrategy, JaxTraining
from tf_ner.training.job import Job, prepare_job
from tf_ner.training.loops import batches_to_train, make_step
from tf_ner.training.steps_at_once import Calls
from tf_ner.training.strategies import computing_in

_PLATFORMS = {"cpu": "cpu", "gpu": "cuda"}
"""What the devices are called by JAX, and what programs for them are."""

_RATES = ("hidden_dropout_prob", "attention_probs_dropout_prob")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder in CoNLL's format")
    parser.add_argument("--model", type=Path, required=True, help="folder of a BERT encoder")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--row-length", type=int, default=128, help="in subwords")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16")
    export_step(parser.parse_args())


def export_step(options: argparse.Namespace) -> None:
    config = TrainConfig(
        dataset=str(options.data),
        model=str(options.model),
        runtime="jax",
        logical_devices=1,
        epochs=1,
        batch_size=options.batch_size,
        pad_to_length=options.row_length,
        max_train_examples=options.batch_size * options.steps,
        precision=options.precision,
        learning_rate=1e-4,
    )
    options.output.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder, computing_in(config.precision):
        for platform in _PLATFORMS:
            strategy = JaxStrategy(jax.devices()[:1], platform=platform)
            job = prepare_job(config, strategy)
            (options.output / f"step-{platform}").write_bytes(_exported(job, platform))
        _write_batches(job, options.output)
        settings = job.model.config.to_dict() | {
            "learning_rate": config.learning_rate,
            "weight_decay": config.weight_decay,
            "max_grad_norm": config.max_grad_norm,
            "num_steps": len(job.plan.batches),
            "num_labels": job.model.config.num_labels,
            "precision": config.precision,
        }
        (options.output / "settings.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
        config = dataclasses.replace(config, model=str(without_dropout(options.model, Path(folder, "model"))))
        for platform in _PLATFORMS:
            without = _exported(prepare_job(config, strategy), platform)
            (options.output / f"step-without-dropout-{platform}").write_bytes(without)


def without_dropout(model: Path, copy: Path) -> Path:
    """A copy of an encoder whose dropout drops nothing."""
    shutil.copytree(model, copy)
    settings = json.loads((copy / "config.json").read_text(encoding="utf-8")) | dict.fromkeys(_RATES, 0.0)
    (copy / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return copy


def _exported(job: Job, platform: str) -> bytes:
    """The step as a function of weights, moments, what is not trained, the number of the step, inputs and labels."""
    _, training = make_step(job, Calls(1, ()))
    assert isinstance(training, JaxTraining)

    def step(weights: Any, first: Any, second: Any, others: Any, number: Any, inputs: Any, labels: Any) -> Any:
        learnt = {name: Learnt(weights[name], first[name], second[name]) for name in weights}
        learnt, losses = training.program(learnt, others, number, np.int32(1), inputs, labels)
        return *({name: part[place] for name, part in learnt.items()} for place in range(3)), losses[0]

    variables = weights_by_name(job.model)
    weights = job.strategy.specs({name: variables[name] for name in training.trained})
    others = job.strategy.specs({name: found for name, found in variables.items() if name not in training.trained})
    [batch] = batches_to_train(job).dataset.take(1)
    inputs, labels = tf.nest.map_structure(
        lambda found: job.strategy.spec((1, *found.shape), found.dtype, is_shared_out=True), batch
    )
    compiled = jax.jit(step, donate_argnums=(0, 1, 2))
    number = job.strategy.spec([], tf.int32)
    return export.export(compiled, platforms=[_PLATFORMS[platform]])(
        weights, weights, weights, others, number, inputs, labels
    ).serialize()


def _write_batches(job: Job, folder: Path) -> None:
    """The weights before the first step, and each batch in both forms."""
    np.savez(folder / "weights.npz", **{name: found.numpy() for name, found in weights_by_name(job.model).items()})
    packed, padded = {}, {}
    for number, (inputs, labels) in enumerate(batches_to_train(job).dataset):
        for name, values in {**inputs, "labels": labels}.items():
            # One replica, and one step at a time.
            packed[f"{number}/{name}"] = values.numpy()[:, np.newaxis]
    for number, rows in enumerate(job.plan.batches):
        windows = job.plan.encoded.windows[rows]
        for name, padding in (("input_ids", job.task.tokenizer.pad_token_id), ("labels", -100)):
            length = max(map(len, windows[name]))
            filled = [[*values, *[padding] * (length - len(values))] for values in windows[name]]
            padded[f"{number}/{name}"] = np.array(filled, np.int64)
        padded[f"{number}/attention_mask"] = padded[f"{number}/input_ids"] != job.task.tokenizer.pad_token_id
    np.savez(folder / "packed.npz", **packed)
    np.savez(folder / "padded.npz", **padded)


if __name__ == "__main__":
    main()
