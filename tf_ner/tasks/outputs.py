"""A model's logits → what it says, and how sure it is. The one file of this room that needs TensorFlow."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray
from transformers import TFPreTrainedModel

from tf_ner.errors import ModelError
from tf_ner.tasks.task import Task

_WITHOUT_DECISIONS = {"albert", "bert", "camembert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta"}
"""Encoders that decide nothing by the values of tensors, which AutoGraph would take six seconds to find out."""


def logits_of(model: keras.Model, inputs: dict[str, tf.Tensor], *, training: bool) -> tf.Tensor:
    """Calls a model, and gives the logits: what it calls by that name, as transformers' models do, or its only output.

    Args:
        model: Of transformers, or of Keras.
        inputs: By name, <int>[batch, …].
        training: Whether dropout drops.

    Raises:
        ModelError: It gives something else.
    """
    is_known = type(model).__module__.startswith("transformers.")
    if is_known and isinstance(model, TFPreTrainedModel) and model.config.model_type in _WITHOUT_DECISIONS:
        model = tf.autograph.experimental.do_not_convert(model)
    outputs = model(inputs, training=training)
    if hasattr(outputs, "logits"):
        return outputs.logits
    if isinstance(outputs, Mapping) and "logits" in outputs:
        return outputs["logits"]
    if tf.is_tensor(outputs):
        return outputs
    raise ModelError(
        f"Received a model whose output is {type(outputs).__name__}; expected logits, alone or under that name. "
        "Make the model return the logits of its last layer."
    )


def read_out(task: Task, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads predictions and scores off logits.

    Args:
        task: Says what the logits are of.
        logits: <float>[batch, …, outputs]

    Returns:
        The label ids <int64>[batch, …] and their probabilities <float32>[batch, …]; of a task that learns numbers,
        these and these again.
    """
    return _READ_OUTS[task.output_kind](tf.cast(logits, tf.float32))


def without_padding(task: Task, padded: NDArray[Any], length: int) -> NDArray[Any]:
    """What stands for the subwords of one row <[padded subwords]>; a row's single value <[]> stays."""
    if padded.ndim == 0:
        return padded
    return padded[-length:] if task.tokenizer.padding_side == "left" else padded[:length]


def _most_probable(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.argmax(logits, axis=-1), tf.reduce_max(tf.nn.softmax(logits), axis=-1)


def _values(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return logits[..., 0], logits[..., 0]


_READ_OUTS = {"classes": _most_probable, "values": _values}
