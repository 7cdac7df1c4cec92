"""How the learning rate goes over a training."""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tf_ner.options.train import ScheduleName

# The share of the highest learning rate, by how much of the way after the warm-up lies behind: from 0 to 1.
_SHAPES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "linear": lambda way: 1.0 - way,
    "cosine": lambda way: 0.5 * (1.0 + tf.cos(math.pi * way)),
    "constant": tf.ones_like,
}


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises from 0 to the learning rate over the warm-up steps, then goes as its name says.

    Equal to `get_linear_schedule_with_warmup`, `get_cosine_schedule_with_warmup` and
    `get_constant_schedule_with_warmup` of transformers.

    Args:
        learning_rate: Its highest value.
        name: `linear` and `cosine` end at 0, in a straight line and in half a wave; `constant` stays.
        num_steps: After how many steps it ends.
        num_warmup_steps: How many of them it rises.
    """

    def __init__(self, learning_rate: float, *, name: ScheduleName = "linear", num_steps: int, num_warmup_steps: int):
        self._learning_rate = learning_rate
        self._name = name
        self._num_steps = num_steps
        self._num_warmup_steps = num_warmup_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        rising = step / max(self._num_warmup_steps, 1)
        way = (step - self._num_warmup_steps) / max(self._num_steps - self._num_warmup_steps, 1)
        share = tf.where(step < self._num_warmup_steps, rising, _SHAPES[self._name](tf.clip_by_value(way, 0.0, 1.0)))
        return self._learning_rate * share

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self._learning_rate,
            "name": self._name,
            "num_steps": self._num_steps,
            "num_warmup_steps": self._num_warmup_steps,
        }
