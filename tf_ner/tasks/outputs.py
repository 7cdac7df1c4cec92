"""A model's logits → what it says, and how sure it is. The one file of this room that needs TensorFlow."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from tf_ner.errors import ModelError
from tf_ner.tasks.task import Task


def logits_of(outputs: Any) -> tf.Tensor:
    """The logits among what a model gives: by that name, as the models of transformers do, or its only output.

    Raises:
        ModelError: It gives something else.
    """
    if hasattr(outputs, "logits"):
        return outputs.logits
    if isinstance(outputs, Mapping) and "logits" in outputs:
        return outputs["logits"]
    if tf.is_tensor(outputs):
        return outputs
    raise ModelError(
        f"Received a model whose output is {type(outputs).__name__}; expected logits, alone or by that name. Let the "
        "model give the logits of its last layer."
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
