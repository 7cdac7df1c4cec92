"""The model as ONNX Runtime runs it. Needs onnxruntime."""

from pathlib import Path
from typing import Any

import onnxruntime


class Model:
    """A model in ONNX, on the CPU.

    Args:
        folder: Of the export.
        precision: What it computes in, which its file says already.
    """

    def __init__(self, folder: Path, precision: str):
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Runs a batch: `input_ids` and so on <int32>[batch, subwords] → `predictions`, `scores`, `probabilities`."""
        return dict(zip(self._names, self._session.run(None, inputs), strict=True))
