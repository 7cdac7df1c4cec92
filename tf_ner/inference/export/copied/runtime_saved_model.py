"""The model as TensorFlow runs it. Needs tensorflow."""

from pathlib import Path
from typing import Any

import tensorflow as tf


class Model:
    """A SavedModel.

    Args:
        folder: Of the export.
        precision: What it computes in, which its graph says already.
    """

    def __init__(self, folder: Path, precision: str):
        self._loaded = tf.saved_model.load(str(folder / "model"))
        self._run = self._loaded.signatures["serving_default"]

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Runs a batch: `input_ids` and so on <int32>[batch, subwords] → `predictions`, `scores`, `probabilities`."""
        outputs = self._run(**{name: tf.constant(array) for name, array in inputs.items()})
        return {name: array.numpy() for name, array in outputs.items()}
