"""AdamW with a schedule and clipping."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import tensorflow as tf
import tf_keras as keras
from transformers import TFPreTrainedModel

from tf_ner.errors import ConfigError
from tf_ner.learning.adamw import Learnt, adamw
from tf_ner.learning.lazy_rows import LazyRows
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


class Elsewhere(Protocol):
    """Weights and moments that are in their variables only when somebody looks at them."""

    def settle(self) -> None:
        """Brings them there."""

    def settled(self) -> AbstractContextManager[None]:
        """Shows them there; if somebody changes weights meanwhile, that is kept."""


class AdamW(keras.optimizers.Adam):
    """AdamW as published and as PyTorch has it, with a share of the learning rate for each variable.

    Keras differs in two points.

    Epsilon is added after the correction of the bias, not before: in the first hundreds of steps Keras's is up to 30
    times as large, and weights with small gradients stand still.

    Global clipping sees the gradient of an embedding as it is. It comes as one slice a looked-up subword, and Keras
    measures it before it adds up the slices of the same subword, which is not the gradient's length.

    Attributes:
        lazy_rows: The embedding whose rows wait, after `follow_rows`.
        elsewhere: Where weights and moments are while they are trained, if that is not in their variables.
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
        # Its update is one operation already, and XLA would keep the numbers of the first step.
        super().__init__(*arguments, weight_decay=None, epsilon=epsilon, **options | {"jit_compile": False})
        self._decay = weight_decay
        self._rate_shares = dict(rate_shares or {})
        self.lazy_rows: LazyRows | None = None
        self.elsewhere: Elsewhere | None = None

    def build(self, var_list: Sequence[tf.Variable]) -> None:
        if getattr(self, "_built", False):
            return
        super().build(var_list)
        self._shares = [self._rate_shares.get(variable.name, 1.0) for variable in var_list]
        self._decays = [self._decay if self._use_weight_decay(variable) else 0.0 for variable in var_list]

    def follow_rows(self, embedding: tf.Variable) -> LazyRows:
        """Lets those rows of an embedding wait that a step does not use.

        Whoever makes the steps calls `make_ready` of what this gives before the rows of a batch are read,
        `settle_if_due` after the step, and shows the embedding to others in `settled` only.

        Args:
            embedding: One of the variables that the optimizer was built for; its rate must be a `WarmupSchedule`.

        Raises:
            ConfigError: The embedding is shared out to devices.
        """
        if isinstance(embedding, tf.distribute.DistributedValues):
            raise ConfigError(
                "Received an embedding of a strategy for several devices, whose rows cannot wait; expected one of a "
                "single device. Leave out lazy_rows."
            )
        self.lazy_rows = self.rows_of(embedding)
        return self.lazy_rows

    def rows_of(self, embedding: tf.Variable) -> LazyRows:
        """The rows of an embedding with their moments, all as they are after the last step."""
        index = self._index_dict[self._var_key(embedding)]
        return LazyRows(
            embedding,
            self._momentums[index],
            self._velocities[index],
            rate=lambda step: self._learning_rate(step - 1) * self._shares[index],
            decay=self._decays[index],
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            now=self.iterations,
        )

    def learnt(self, variable: tf.Variable) -> Learnt:
        """A variable that the optimizer was built for, with those of its moments."""
        index = self._index_dict[self._var_key(variable)]
        return Learnt(variable, self._momentums[index], self._velocities[index])

    def updated(
        self,
        learnt: Sequence[Learnt],
        gradients: Sequence[tf.Tensor],
        variables: Sequence[tf.Variable],
        step: tf.Tensor,
    ) -> list[Learnt]:
        """What a step makes of weights, as `update_step` does, but as a function of values.

        Args:
            learnt: The values before, one for each gradient.
            gradients: Each of the shape of its weight.
            variables: Whose values they are; the optimizer was built for them.
            step: The number of steps that were made before <int>[].
        """
        rate = self._learning_rate(step)
        indices = [self._index_dict[self._var_key(variable)] for variable in variables]
        return [
            adamw(
                before,
                gradient,
                step=tf.cast(step + 1, tf.float32),
                rate=rate * self._shares[index],
                decay=self._decays[index],
                beta_1=self.beta_1,
                beta_2=self.beta_2,
                epsilon=self.epsilon,
            )
            for before, gradient, index in zip(learnt, gradients, indices, strict=True)
        ]

    def _distributed_apply_gradients_fn(self, *arguments: Any, **options: Any) -> tf.Operation | None:
        # Keras calls it once a step, before it updates one variable after the other.
        step = tf.cast(self.iterations + 1, tf.float32)
        first_power, second_power = (tf.pow(beta, step) for beta in (self.beta_1, self.beta_2))
        # Added before the correction of the bias, it is what it would be if it were added after that.
        epsilon = self.epsilon * tf.sqrt(1 - second_power)
        self._of_step = (self.learning_rate.value(), first_power, second_power, epsilon)
        try:
            return super()._distributed_apply_gradients_fn(*arguments, **options)
        finally:
            del self._of_step

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Loshchilov and Hutter 2019, algorithm 2, lines 6 to 12; the decay is scaled as the rate is, as in PyTorch."""
        if self.lazy_rows is not None and variable is self.lazy_rows.weights:
            self.lazy_rows.update(gradient)
            return
        if isinstance(gradient, tf.IndexedSlices):
            gradient = tf.math.unsorted_segment_sum(gradient.values, gradient.indices, variable.shape[0])
        index = self._index_dict[self._var_key(variable)]
        rate, first_power, second_power, epsilon = (tf.cast(value, variable.dtype) for value in self._of_step)
        rate *= self._shares[index]
        if self._decays[index]:
            # The product becomes the variable, with no pass over it to subtract; PyTorch rounds the factor so too.
            variable.assign(variable * (1 - rate * self._decays[index]))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].handle,
            v=self._velocities[index].handle,
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


def lazy_rows_of(optimizer: keras.optimizers.Optimizer) -> LazyRows | None:
    """The embedding whose rows wait, if there is one."""
    return getattr(optimizer, "lazy_rows", None)


def weights_settled(optimizer: keras.optimizers.Optimizer) -> AbstractContextManager[None]:
    """In which all weights are as they are after the last step.

    Outside of it, rows of an embedding may wait, or all weights be elsewhere.
    """
    unsettled = _unsettled_of(optimizer)
    return nullcontext() if unsettled is None else unsettled.settled()


def settle(optimizer: keras.optimizers.Optimizer) -> None:
    """Leaves all weights as they are after the last step."""
    if (unsettled := _unsettled_of(optimizer)) is not None:
        unsettled.settle()


def _unsettled_of(optimizer: keras.optimizers.Optimizer) -> Elsewhere | None:
    return lazy_rows_of(optimizer) or getattr(optimizer, "elsewhere", None)


def restore_rows(
    optimizer: keras.optimizers.Optimizer, model: TFPreTrainedModel, waiting: Mapping[str, Any] | None
) -> None:
    """Goes on with the rows of an embedding where another training left them.

    Args:
        optimizer: Its rows may wait or not; the moments are there already.
        model: The one with the embedding.
        waiting: What `LazyRows.waiting` gave; None where no row waited.
    """
    lazy = lazy_rows_of(optimizer)
    if lazy is not None:
        settled = {"weights": lazy.weights.value(), "since": tf.fill(lazy.since.shape, optimizer.iterations.value())}
        lazy.wait(settled if waiting is None else waiting)
    elif waiting is not None:
        adam = getattr(optimizer, "inner_optimizer", optimizer)
        lazy = adam.rows_of(model.get_input_embeddings().weight)
        lazy.wait(waiting)
        lazy.settle()
