"""The runtimes that a model can be exported for: one is a function that converts, and a line in the table."""

import contextlib
import importlib.util
import io
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tf_ner.errors import ConfigError
from tf_ner.options.commands import ExportPrecision, ExportRuntime

Inputs = Mapping[str, NDArray[np.int32]]
"""What a model reads, by name: a batch <int32>[batch, subwords]."""


@dataclass(frozen=True)
class Format:
    """A runtime's own format.

    Attributes:
        convert: Writes the model's files into a folder, given a SavedModel that computes in the precision if it can,
            the precision, and batches of training sentences.
        precisions: What it can compute in.
        requirement: The package that runs it.
        module: What is imported of that.
        converters: What must be there besides to convert, and tf_ner does not need otherwise.
        learns_ranges: To compute in int8 it must see training sentences.
    """

    convert: Callable[[Path, Path, ExportPrecision, Iterator[Inputs]], None]
    precisions: tuple[ExportPrecision, ...]
    requirement: str
    module: str
    converters: tuple[str, ...] = ()
    learns_ranges: bool = False


def _to_saved_model(graph: Path, folder: Path, precision: ExportPrecision, batches: Iterator[Inputs]) -> None:
    shutil.copytree(graph, folder / "model")


def _to_openvino(graph: Path, folder: Path, precision: ExportPrecision, batches: Iterator[Inputs]) -> None:
    import openvino as ov

    if precision == "bfloat16" and "BF16" not in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ConfigError(
            "Received --precision bfloat16 and a processor without units for it, on which OpenVINO computes in float32 "
            "instead; expected one with them, to measure what is lost. Export on such a machine, or in float32.",
            option="precision",
        )
    # `convert_model` would tell its maker that it was called, and so would the quantization below.
    model = ov.Core().read_model(str(graph))
    if precision == "int8":
        os.environ.setdefault("NNCF_CI", "1")
        import nncf

        nncf.set_log_level(logging.ERROR)
        data = [dict(batch) for batch in batches]
        # It draws bars of progress.
        with contextlib.redirect_stdout(io.StringIO()):
            model = nncf.quantize(
                model,
                nncf.Dataset(data),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(data),
                ignored_scope=nncf.IgnoredScope(patterns=[_WIDE_RANGES], validate=False),
            )
    ov.save_model(model, str(folder / "model.xml"), compress_to_fp16=False)


_WIDE_RANGES = r"(?!.*attention/).*/(output/dense|ffn/lin2|ffn_output)/.*"
"""The second products of the layers' feed-forward parts, by their names in transformers' classes: left in float32.

What goes into them has a few values far from all others: with them in int8, MiniLM on CoNLL-2003 loses 0.9 points of
recall on ORG in OpenVINO, and 0.3 without.
"""


def _to_litert(graph: Path, folder: Path, precision: ExportPrecision, batches: Iterator[Inputs]) -> None:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(graph))
    if precision == "int8":
        # Weights in int8, and the inputs of products as they come, by their own ranges: nothing has to be seen before.
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    (folder / "model.tflite").write_bytes(converter.convert())


def _to_onnx(graph: Path, folder: Path, precision: ExportPrecision, batches: Iterator[Inputs]) -> None:
    import tf2onnx

    tf2onnx.logging.set_level(logging.ERROR)
    loaded = tf.saved_model.load(str(graph))
    run = loaded.signatures["serving_default"]
    specs = list(run.structured_input_signature[1].values())
    names = [spec.name for spec in specs]

    @tf.function(input_signature=specs)
    def step(*inputs: tf.Tensor) -> Any:
        return run(**dict(zip(names, inputs, strict=True)))

    file = folder / "model.onnx"
    whole = folder / "whole.onnx" if precision == "int8" else file
    tf2onnx.convert.from_function(
        step,
        input_signature=specs,
        opset=_OPSET,
        custom_op_handlers={"Erfc": (_complement_of_erf, [])},
        output_path=str(whole),
    )
    if precision == "int8":
        import onnx
        from onnxruntime.quantization import quantize_dynamic

        # As for LiteRT.
        wide = [node.name for node in onnx.load(whole).graph.node if re.match(_WIDE_RANGES, node.name)]
        quantize_dynamic(whole, file, per_channel=True, nodes_to_exclude=wide)
        whole.unlink()


_OPSET = 17
"""The newest one that has all that is needed, and that the converter knows well."""


def _complement_of_erf(graph: Any, node: Any, name: str, args: Any) -> Any:
    """ONNX has no 1 - erf(x), in which TensorFlow computes gelu."""
    node.type = "Erf"
    one = graph.make_const(f"{name}/one", np.array(1, np.float32)).output[0]
    [erf] = node.output
    return graph.insert_new_node_on_output("Sub", erf, name=f"{name}/complement", inputs=[one, erf])


FORMATS: dict[ExportRuntime, Format] = {
    "saved-model": Format(_to_saved_model, ("float32", "bfloat16"), "tensorflow", "tensorflow"),
    "openvino": Format(
        _to_openvino, ("float32", "bfloat16", "int8"), "openvino", "openvino", ("nncf",), learns_ranges=True
    ),
    "litert": Format(_to_litert, ("float32", "int8"), "ai-edge-litert", "ai_edge_litert"),
    "onnx": Format(_to_onnx, ("float32", "int8"), "onnxruntime", "onnxruntime", ("onnx", "tf2onnx")),
}
"""By the names that `--to` takes. Each is run by the module `runtime_….py` of `copied`."""


def format_of(runtime: ExportRuntime, precision: ExportPrecision) -> Format:
    """How to export for a runtime.

    Raises:
        ConfigError: It does not compute in this precision, or what it needs is not installed.
    """
    found = FORMATS[runtime]
    if precision not in found.precisions:
        raise ConfigError(
            f"Received --precision {precision} with --to {runtime}; expected {' or '.join(found.precisions)}. Change "
            "one of the two.",
            option="precision",
        )
    require_packages(runtime, (found.module, *found.converters))
    return found


def require_packages(runtime: str, packages: tuple[str, ...]) -> None:
    """Makes sure that packages are there, of which tf_ner has none otherwise.

    Raises:
        ConfigError: One is missing.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"Received the runtime {runtime}, without the package {missing[0]}; expected it alongside tf_ner. Install "
            f"it with `pip install tf_ner[{runtime}]`."
        )
