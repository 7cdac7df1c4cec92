"""A model's logits → what it says, and how sure it is. The one file of this room that needs TensorFlow."""

from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from tf_ner.tasks.task import Task


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
