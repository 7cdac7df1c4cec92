"""The model as LiteRT, formerly TensorFlow Lite, runs it. Needs ai-edge-litert."""

import os
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter


class Model:
    """A model in LiteRT's own format.

    Args:
        folder: Of the export.
        precision: What it computes in, which its file says already.
    """

    def __init__(self, folder: Path, precision: str):
        self._interpreter = Interpreter(str(folder / "model.tflite"), num_threads=os.cpu_count())
        self._run = self._interpreter.get_signature_runner("serving_default")

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Runs a batch: `input_ids` and so on <int32>[batch, subwords] → `predictions`, `scores`, `probabilities`."""
        outputs: dict[str, Any] = self._run(**inputs)
        return outputs
