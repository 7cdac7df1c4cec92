"""AdamW with a schedule and clipping."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
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


_NOT_DECAYED = ["bias", "LayerNorm", "layer_norm", "layernorm", "gamma", "beta"]


def make_optimizer(
    *,
    learning_rate: float,
    num_steps: int,
    schedule: ScheduleName = "linear",
    warmup_ratio: float = 0.0,
    num_warmup_steps: int | None = None,
    weight_decay: float = 0.01,
    max_grad_norm: float | None = 1.0,
    rate_shares: Mapping[str, float] | None = None,
    scale_loss: bool = False,
) -> keras.optimizers.Optimizer:
    """Makes AdamW with a learning rate schedule, as in the published recipe.

    Args:
        learning_rate: The peak learning rate.
        num_steps: The total number of training steps.
        schedule: How the learning rate decays: `linear`, `cosine`, or not at all (`constant`).
        warmup_ratio: The share of the steps over which the learning rate rises from 0 before it decays.
        num_warmup_steps: The number of warmup steps; takes precedence over `warmup_ratio`.
        weight_decay: Decoupled weight decay, not applied to biases and layer norms.
        max_grad_norm: The largest global norm of the gradients; None for no clipping.
        rate_shares: The share of the learning rate by name of variable, where it is not the whole; see
            `tf_ner.models.layers.rate_shares`.
        scale_loss: Whether to scale the loss dynamically, so that gradients do not vanish in float16.

    Source: Loshchilov and Hutter 2019; Devlin et al. 2019, appendix A.2.
    """
    if num_warmup_steps is None:
        # Rounded as transformers' Trainer does.
        num_warmup_steps = math.ceil(warmup_ratio * num_steps)
    rate = WarmupSchedule(learning_rate, name=schedule, num_steps=num_steps, num_warmup_steps=num_warmup_steps)
    optimizer = AdamW(
        rate, weight_decay=weight_decay, epsilon=1e-8, global_clipnorm=max_grad_norm, rate_shares=rate_shares
    )
    optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return keras.mixed_precision.LossScaleOptimizer(optimizer) if scale_loss else optimizer


class AdamW(keras.optimizers.Adam):
    """AdamW as published and as PyTorch has it, with a share of the learning rate for each variable.

    Keras differs in two points.

    Epsilon is added after the correction of the bias, not before: in the first hundreds of steps Keras's is up to 30
    times as large, and weights with small gradients stand still.

    Global clipping sees the gradient of an embedding as it is. It comes as one slice a looked-up subword, and Keras
    measures it before it adds up the slices of the same subword, which is not the gradient's length.
    """

    def __init__(
        self,
        *arguments: Any,
        weight_decay: float = 0.0,
        epsilon: float = 1e-8,
        rate_shares: Mapping[str, float] | None = None,
        **options: Any,
    ):
        # Keras's own decay knows one rate for all; None switches it off.
        super().__init__(*arguments, weight_decay=None, epsilon=epsilon, **options)
        self._decay = weight_decay
        self._rate_shares = dict(rate_shares or {})

    def build(self, var_list: Sequence[tf.Variable]) -> None:
        if getattr(self, "_built", False):
            return
        super().build(var_list)
        self._shares = [self._rate_shares.get(variable.name, 1.0) for variable in var_list]
        self._decays = [self._decay if self._use_weight_decay(variable) else 0.0 for variable in var_list]

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Loshchilov and Hutter 2019, algorithm 2, lines 6 to 12; the decay is scaled as the rate is, as in PyTorch."""
        index = self._index_dict[self._var_key(variable)]
        rate = tf.cast(self.learning_rate, variable.dtype) * self._shares[index]
        if self._decays[index]:
            variable.assign_sub(variable * (rate * self._decays[index]))
        first, second = self._momentums[index], self._velocities[index]
        step = tf.cast(self.iterations + 1, variable.dtype)
        first_power, second_power = (tf.pow(tf.cast(beta, variable.dtype), step) for beta in (self.beta_1, self.beta_2))
        # Added before the correction of the bias, it is what it would be if it were added after that.
        epsilon = self.epsilon * tf.sqrt(1 - second_power)
        if isinstance(gradient, tf.IndexedSlices):
            rows, values = gradient.indices, gradient.values
            first.assign(first * self.beta_1)
            first.scatter_add(tf.IndexedSlices(values * (1 - self.beta_1), rows))
            second.assign(second * self.beta_2)
            second.scatter_add(tf.IndexedSlices(tf.square(values) * (1 - self.beta_2), rows))
            rate *= tf.sqrt(1 - second_power) / (1 - first_power)
            variable.assign_sub(first * rate / (tf.sqrt(second) + epsilon))
        else:
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=first_power,
                beta2_power=second_power,
                lr=rate,
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=epsilon,
                grad=gradient,
            )

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
        summed = [(sum_slices(gradient), variable) for gradient, variable in grads_and_vars]
        return super().apply_gradients(summed, name=name, skip_gradients_aggregation=True, **kwargs)


def sum_slices(gradient: tf.Tensor | tf.IndexedSlices | None) -> tf.Tensor | tf.IndexedSlices | None:
    """A gradient with one slice a row, such as that of an embedding must be before its length is measured."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, position = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, position, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
