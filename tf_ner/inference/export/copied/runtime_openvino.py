"""The model as OpenVINO runs it. Needs openvino."""

from pathlib import Path
from typing import Any

import openvino as ov


class Model:
    """A model in OpenVINO's own format, on the CPU.

    Args:
        folder: Of the export.
        precision: What it computes in. Said always: OpenVINO takes bfloat16 by itself where there are units for it.
    """

    def __init__(self, folder: Path, precision: str):
        hint = "bf16" if precision == "bfloat16" else "f32"
        compiled = ov.Core().compile_model(str(folder / "model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": hint})
        self._request = compiled.create_infer_request()
        self._names = [output.any_name for output in compiled.outputs]

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Runs a batch: `input_ids` and so on <int32>[batch, subwords] → `predictions`, `scores`, `probabilities`."""
        outputs = self._request.infer(inputs)
        return {name: outputs[name].copy() for name in self._names}
