"""AdamW with linear decay and clipping."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf
import tf_keras as keras

_NOT_DECAYED = ["bias", "LayerNorm", "layer_norm", "layernorm", "gamma", "beta"]


def make_optimizer(
    *,
    learning_rate: float,
    num_steps: int,
    warmup_ratio: float = 0.0,
    weight_decay: float = 0.01,
    max_grad_norm: float = 1.0,
) -> keras.optimizers.Optimizer:
    """Makes the optimizer of the published recipe.

    Args:
        learning_rate: Its highest value.
        num_steps: After how many steps it reaches 0.
        warmup_ratio: Share of the steps over which it rises from 0.
        weight_decay: Decoupled; biases and layer norms are left out.
        max_grad_norm: Longest gradient, over all weights.

    Source: Loshchilov and Hutter 2019; Devlin et al. 2019, appendix A.2.
    """
    schedule = LinearSchedule(learning_rate, num_steps=num_steps, num_warmup_steps=round(warmup_ratio * num_steps))
    optimizer = AdamW(schedule, weight_decay=weight_decay, epsilon=1e-8, global_clipnorm=max_grad_norm)
    optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return optimizer


class LinearSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises from 0 to the learning rate over the warm-up steps, then falls to 0 at the last step."""

    def __init__(self, learning_rate: float, *, num_steps: int, num_warmup_steps: int = 0):
        self._learning_rate = learning_rate
        self._num_steps = num_steps
        self._num_warmup_steps = num_warmup_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        rising = step / max(self._num_warmup_steps, 1)
        falling = (self._num_steps - step) / max(self._num_steps - self._num_warmup_steps, 1)
        share = tf.where(step < self._num_warmup_steps, rising, falling)
        return self._learning_rate * tf.clip_by_value(share, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self._learning_rate,
            "num_steps": self._num_steps,
            "num_warmup_steps": self._num_warmup_steps,
        }


class AdamW(keras.optimizers.Adam):
    """AdamW as published and as PyTorch has it; Keras differs in two points.

    Epsilon is added after the correction of the bias, not before: in the first hundreds of steps Keras's is up to 30
    times as large, and weights with small gradients stand still.

    Global clipping sees the gradient of an embedding as it is. It comes as one slice a looked-up subword, and Keras
    measures it before it adds up the slices of the same subword, which is not the gradient's length.
    """

    def __init__(self, *arguments: Any, adaptive_epsilon: bool = True, **options: Any):
        super().__init__(*arguments, adaptive_epsilon=adaptive_epsilon, **options)

    def apply_gradients(
        self,
        grads_and_vars: Iterable[tuple[tf.Tensor | tf.IndexedSlices, tf.Variable]],
        name: str | None = None,
        skip_gradients_aggregation: bool = False,
        **kwargs: Any,
    ) -> tf.Operation | None:
        grads_and_vars = list(grads_and_vars)
        if not skip_gradients_aggregation:
            grads_and_vars = self.aggregate_gradients(grads_and_vars)
        summed = [(_with_slices_summed(gradient), variable) for gradient, variable in grads_and_vars]
        return super().apply_gradients(summed, name=name, skip_gradients_aggregation=True, **kwargs)


def _with_slices_summed(gradient: tf.Tensor | tf.IndexedSlices | None) -> tf.Tensor | tf.IndexedSlices | None:
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, position = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, position, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
