"""TensorFlow models on disk, their weights as PyTorch lays them out, without PyTorch."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from transformers import PreTrainedTokenizerBase, TFPreTrainedModel
from transformers.modeling_tf_pytorch_utils import (
    TransposeType,
    apply_transpose,
    convert_tf_weight_name_to_pt_weight_name,
)

from tf_ner.errors import ModelError, OutputError
from tf_ner.files import folder_filled_whole, replaced_whole


def save_model(model: TFPreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, folder: Path) -> None:
    """Writes weights, config and tokenizer as transformers reads them.

    The folder is made if it is not there, and each file is replaced whole.
    """
    model.config.architectures = [type(model).__name__.removeprefix("TF")]
    folder.mkdir(parents=True, exist_ok=True)
    with folder_filled_whole(folder) as temporary:
        model.config.save_pretrained(temporary)
        if tokenizer is not None:
            tokenizer.save_pretrained(temporary)
        save_weights(model, temporary / "model.safetensors")


def save_weights(model: TFPreTrainedModel, path: Path) -> None:
    """Writes safetensors that TensorFlow and PyTorch transformers both load.

    Raises:
        OutputError: The disk is full or the file cannot be written; an earlier file is left as it was.
    """
    tensors = {
        name: np.ascontiguousarray(apply_transpose(transpose, variable.numpy(), pt_to_tf=False))
        for variable, name, transpose in _pytorch_names(model)
    }
    try:
        with replaced_whole(path) as temporary:
            save_file(tensors, temporary, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OutputError(
            f"Received {path}, which cannot be written ({error}); expected room for the weights. Check the disk."
        ) from error


def load_weights(model: TFPreTrainedModel, path: Path) -> None:
    """Sets a model's weights to those that `save_weights` wrote of a model like it.

    Raises:
        ModelError: A weight is missing, and the model is left as it was.
    """
    with safe_open(path, framework="numpy") as tensors:
        wanted = list(_pytorch_names(model))
        missing = {name for _, name, _ in wanted}.difference(tensors.keys())
        if missing:
            raise ModelError(
                f"Received {path} without {', '.join(sorted(missing))}; expected the weights of a "
                f"{type(model).__name__}. Use the weights of the same kind of model."
            )
        for variable, name, transpose in wanted:
            variable.assign(apply_transpose(transpose, tensors.get_tensor(name), match_shape=variable.shape))


def _pytorch_names(model: TFPreTrainedModel) -> Iterator[tuple[tf.Variable, str, TransposeType]]:
    for variable in model.weights:
        name, transpose = convert_tf_weight_name_to_pt_weight_name(variable.name, tf_weight_shape=variable.shape)
        yield variable, name, transpose
