"""TensorFlow models on disk, their weights as PyTorch lays them out, without PyTorch."""

import errno
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file
from transformers import PreTrainedTokenizerBase, TFPreTrainedModel
from transformers.modeling_tf_pytorch_utils import (
    TransposeType,
    apply_transpose,
    convert_tf_weight_name_to_pt_weight_name,
)

from tf_ner.errors import ModelError, OutputError
from tf_ner.files import folder_filled_whole, replaced_whole

MODEL = "model.safetensors"
"""What transformers calls the weights of a model in its folder."""

OPTIMIZER = "optimizer.safetensors"
"""The variables of an optimizer, beside the model that it was training."""

TOKENIZER_FILES = frozenset(
    {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "chat_template.jinja", "vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "normalizer.json",
        "sentencepiece.bpe.model", "sentencepiece.model", "spiece.model", "spm.model", "tokenizer.model",
        "prophetnet.tokenizer",
    }
)  # fmt: skip
"""What transformers calls the files of tokenizers; each kind has some of them."""


def save_model(model: TFPreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, folder: str | Path) -> None:
    """Saves weights, config and tokenizer so that transformers can load them with TensorFlow and with PyTorch.

    The folder is created if needed, and each file is replaced atomically.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with folder_filled_whole(folder) as temporary:
        save_config(model, temporary)
        if tokenizer is not None:
            save_tokenizer(tokenizer, temporary)
        save_weights(model, temporary / MODEL)


def save_config(model: TFPreTrainedModel, folder: Path) -> None:
    """Writes `config.json`, by which transformers finds the class of the model."""
    model.config.architectures = [type(model).__name__.removeprefix("TF")]
    model.config.save_pretrained(folder)


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Writes the files of a tokenizer.

    Raises:
        OSError: They cannot be written; fast tokenizers have no kind of their own for that.
    """
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:
        if type(error) is Exception and "os error" in str(error):
            raise OSError(errno.EIO, str(error), str(folder)) from error
        raise


def save_weights(model: TFPreTrainedModel, path: Path) -> None:
    """Writes safetensors that TensorFlow and PyTorch transformers both load.

    Raises:
        OutputError: The disk is full or the file cannot be written; an earlier file is left as it was.
    """
    write_tensors(pytorch_weights(model), path)


def pytorch_weights(model: TFPreTrainedModel) -> dict[str, NDArray[Any]]:
    """A model's weights as PyTorch names and turns them; a later step may change them."""
    return {
        name: apply_transpose(transpose, _array_of(variable), pt_to_tf=False)
        for variable, name, transpose in _pytorch_names(model)
    }


def write_tensors(tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Writes safetensors, whole or not at all.

    Raises:
        OutputError: The disk is full or the file cannot be written; an earlier file is left as it was.
    """
    try:
        with replaced_whole(path) as temporary:
            in_order = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
            save_file(in_order, temporary, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OutputError(
            f"Received {path}, which cannot be written ({error}); expected space for the weights. Check the disk."
        ) from error


def load_weights(model: TFPreTrainedModel, path: Path) -> None:
    """Sets a model's weights to those that `save_weights` wrote of a model like it.

    Raises:
        ModelError: The file cannot be read, or a weight is missing or of another shape; the model is left as it was.
    """
    wanted = list(_pytorch_names(model))
    with _readable(path), safe_open(path, framework="numpy") as tensors:
        missing = {name for _, name, _ in wanted}.difference(tensors.keys())
        if missing:
            raise ModelError(
                f"Received {path} without {', '.join(sorted(missing))}; expected the weights of a "
                f"{type(model).__name__}. Use the weights of the same kind of model."
            )
        found = {name: tensors.get_slice(name).get_shape() for _, name, _ in wanted}
        for variable, name, _ in wanted:
            if math.prod(found[name]) != math.prod(variable.shape):
                raise ModelError(
                    f"Received {path}, whose {name} has the shape {found[name]}; expected as many values as "
                    f"{variable.shape.as_list()} holds. Use the weights of the same kind of model."
                )
        for variable, name, transpose in wanted:
            variable.assign(apply_transpose(transpose, tensors.get_tensor(name), match_shape=variable.shape))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns what is said of a file that is not there, or no safetensors, into a ModelError."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"Received {path} ({error}); expected a complete safetensors file. Check the path and the file."
        ) from None


def optimizer_values(optimizer: keras.optimizers.Optimizer) -> dict[str, NDArray[Any]]:
    """An optimizer's variables by their number, for names depend on what else the process has made.

    A later step may change them.
    """
    return {f"{number:05d}": _array_of(variable) for number, variable in enumerate(_variables_of(optimizer))}


def _array_of(variable: tf.Variable) -> NDArray[Any]:
    """The value of a variable, without a copy where it is in the memory of this machine."""
    return np.asarray(memoryview(variable.read_value()))


class Copies:
    """Copies of arrays in memory that is kept for the next ones: to get it takes longer than to fill it."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}

    def of(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Copies; those of the time before change, and must not be needed any more."""
        copies = {}
        for name, array in arrays.items():
            kept = self._kept.get(name)
            if kept is None or (kept.shape, kept.dtype, kept.strides) != (array.shape, array.dtype, array.strides):
                kept = self._kept[name] = np.empty_like(array)
            np.copyto(kept, array)
            copies[name] = kept
        return copies


def load_optimizer(optimizer: keras.optimizers.Optimizer, path: Path) -> None:
    """Sets an optimizer's variables, which must be there, to what `optimizer_values` gave of one like it.

    Raises:
        ModelError: They are those of another optimizer, or for other weights, or the file cannot be read; this one is
            left as it was.
    """
    with _readable(path):
        values = load_file(path)
    variables = {f"{number:05d}": variable for number, variable in enumerate(_variables_of(optimizer))}
    expected = {name: tuple(variable.shape) for name, variable in variables.items()}
    if {name: value.shape for name, value in values.items()} != expected:
        raise ModelError(
            f"Received {path}, written by another optimizer or for other weights; expected {len(expected)} variables "
            "of the shapes this one has. Train the same weights of the same encoder as before."
        )
    for name, variable in variables.items():
        variable.assign(values[name])


def _variables_of(optimizer: keras.optimizers.Optimizer) -> list[tf.Variable]:
    # Those of older Keras, as transformers' create_optimizer gives them, have a method of that name.
    variables = list(optimizer.variables() if callable(optimizer.variables) else optimizer.variables)
    if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        # Keras does not count them among the variables, nor does it name them anywhere else.
        variables += [optimizer._loss_scale._current_loss_scale, optimizer.dynamic_counter]
    return variables


def _pytorch_names(model: TFPreTrainedModel) -> Iterator[tuple[tf.Variable, str, TransposeType]]:
    for variable in model.weights:
        name, transpose = convert_tf_weight_name_to_pt_weight_name(variable.name, tf_weight_shape=variable.shape)
        yield variable, name, transpose
