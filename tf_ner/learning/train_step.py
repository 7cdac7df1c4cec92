"""The step of a training, and the steps one after the other: written out, to read and to change."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras as keras
from transformers import TFPreTrainedModel

from tf_ner.errors import ConfigError, DataError
from tf_ner.learning.gradients import (
    Inputs,
    Weights,
    fixed_piece,
    in_pieces,
    of_whole_batch,
    packed_piece,
    padded_piece,
)
from tf_ner.learning.lazy_rows import LazyRows
from tf_ner.learning.losses import MeanLoss, sum_over_replicas
from tf_ner.learning.optimizer import AdamW, sum_slices
from tf_ner.models.dropout import drawing_from, make_dropout_repeatable, seed_of_step
from tf_ner.models.packed import PackedModel
from tf_ner.tasks.outputs import logits_of

AnyDataset = Any
"""A `tf.data.Dataset`, or what the replicas of a strategy read of one (`tf.distribute.DistributedDataset`)."""

TrainStep = Callable[[Inputs, tf.Tensor], tf.Tensor]
"""Takes a step with a batch and gives its loss."""


@dataclass(frozen=True, kw_only=True)
class Update:
    """A step that was taken.

    Attributes:
        step: From 1.
        loss: Of its batch.
        learning_rate: The one it was taken with.
    """

    step: int
    loss: float
    learning_rate: float


def training_steps(
    model: TFPreTrainedModel,
    dataset: AnyDataset,
    *,
    train_step: TrainStep,
    optimizer: keras.optimizers.Optimizer,
    num_steps: int | None = None,
    first_step: int = 0,
) -> Iterator[Update]:
    """Trains one step per iteration, so that the loop around it can evaluate, save, log and stop.

    Args:
        model: The model, which is trained in place.
        dataset: Batches of (inputs, labels), one epoch after the other.
        train_step: The compiled step, from `compile_step`.
        optimizer: The optimizer of the step.
        num_steps: The number of steps of the whole training; the number of batches if not given.
        first_step: The number of steps taken before; the data set starts after them.

    Raises:
        DataError: There are fewer batches than steps; those that there are have been trained on.
    """
    num_steps = num_steps or first_step + len(dataset)
    batches = iter(_distributed(dataset, model.distribute_strategy))
    for step in range(first_step + 1, num_steps + 1):
        try:
            inputs, labels = next(batches)
        except StopIteration:
            raise DataError(
                f"Received {step - 1 - first_step} batches for steps {first_step + 1} to {num_steps}; expected "
                f"{num_steps - first_step}. Give the data set more epochs, or lower num_steps."
            ) from None
        loss = train_step(inputs, labels)
        yield Update(step=step, loss=float(loss), learning_rate=float(optimizer.learning_rate.numpy()))


def compile_step(model: TFPreTrainedModel, train_step: TrainStep, dataset: AnyDataset) -> Any:
    """Compiles a step into one TensorFlow function, traced once, that runs on each replica of the model's strategy."""
    strategy = model.distribute_strategy

    @tf.function(input_signature=_distributed(dataset, strategy).element_spec)
    def compiled(inputs: Inputs, labels: tf.Tensor) -> tf.Tensor:
        losses = strategy.run(train_step, args=(inputs, labels))
        return strategy.experimental_local_results(losses)[0]

    return compiled


def _distributed(dataset: AnyDataset, strategy: tf.distribute.Strategy) -> AnyDataset:
    """What the replicas of a strategy read: a data set of one's own is divided, one made for them stays as it is."""
    if isinstance(dataset, tf.distribute.DistributedDataset):
        return dataset
    # Each input would be divided by itself: rows of subwords, and the numbers of texts.
    if strategy.num_replicas_in_sync > 1 and "segment_ids" in tf.nest.flatten(list(dataset.element_spec[0])):
        raise ConfigError(
            f"Received packed sentences for {strategy.num_replicas_in_sync} replicas; expected padded ones. Leave out "
            "packing, or use `train`, which packs for each replica."
        )
    return strategy.experimental_distribute_dataset(dataset)


def make_train_step(
    model: TFPreTrainedModel,
    *,
    loss: MeanLoss,
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[tf.Variable] | None = None,
    max_grad_norm: float = 1.0,
    piece_size: int | None = None,
    seed: int | None = None,
    jit_compile: bool = False,
    lazy_rows: bool = False,
    grad_norm: tf.Variable | None = None,
) -> TrainStep:
    """Makes the training step that each replica runs.

    Args:
        model: A transformers model, one for packed sentences, or a Keras model whose output is the logits.
        loss: The loss, as a sum and what it is divided by.
        optimizer: The optimizer; it need not clip gradients, since the step does.
        variables: The variables to train; all trainable variables of the model if not given.
        max_grad_norm: The largest global norm of the gradients; larger ones are scaled down.
        piece_size: The number of rows processed at once (gradient accumulation): a larger batch is split, so that only
            one piece has to fit in memory; apart from dropout, the step is the same. All rows at once if not given.
            Batches of packed sentences are split already.
        seed: Together with the number of the step, determines dropout; if not given, dropout uses Keras's random
            state, which no checkpoint saves.
        jit_compile: Whether to compile the step with XLA, once for each batch shape.
        lazy_rows: Whether those rows of the word embedding wait that a step does not use, at no cost in that step; see
            `AdamW.follow_rows`. Only for packed sentences in one piece, on one device, without a scaled loss.
        grad_norm: Is set to the global norm <float32>[] of each step's gradients, before they are scaled down.

    Returns:
        A function of a replica's inputs, by name <int>[rows, subwords], and its labels. It updates the variables and
        returns the loss of the whole batch <float32>[], over all replicas.

    Raises:
        ConfigError: The rows of this model's embedding cannot wait.
    """
    variables = model.trainable_variables if variables is None else list(variables)
    is_scaled = isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
    adam = optimizer.inner_optimizer if is_scaled else optimizer
    # Built now, the step is traced once; otherwise a first time to make these variables and a second time to train.
    optimizer.build(variables)
    if seed is not None:
        make_dropout_repeatable(model)
    on_tpu = isinstance(model.distribute_strategy, tf.distribute.TPUStrategy)
    is_xla = jit_compile or on_tpu
    is_plain = not (is_xla or is_scaled or piece_size is not None)
    lazy = _follow_rows(model, adam, is_plain=is_plain) if lazy_rows else None

    def read(_: Weights, inputs: Inputs) -> tf.Tensor:
        # The weights are its own variables.
        return logits_of(model, inputs, training=True)

    loss_and_gradients = of_whole_batch(read, loss, variables, scaler=optimizer if is_scaled else None)
    if piece_size is not None and isinstance(model, PackedModel):
        loss_and_gradients = in_pieces(loss_and_gradients, variables, stride=1, take_piece=packed_piece)
    elif piece_size is not None:
        take = functools.partial(fixed_piece if is_xla else padded_piece, size=piece_size)
        loss_and_gradients = in_pieces(loss_and_gradients, variables, stride=piece_size, take_piece=take)

    def train_step(inputs: Inputs, labels: tf.Tensor) -> tf.Tensor:
        # Known before the first piece, so that labels weigh alike in whichever piece and replica they are.
        weight = sum_over_replicas(loss.weight(labels))
        if lazy is not None:
            lazy.make_ready(inputs["input_ids"])
        noise = None if seed is None else seed_of_step(seed, adam.iterations)
        with drawing_from("hash" if on_tpu else "philox"):
            part, gradients = loss_and_gradients(inputs, labels, weight, noise)
        # What has no part in the outputs, such as a pooler that taggers do not ask, has no gradient.
        pairs = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
        if is_xla:
            # XLA cannot add up slices whose number their values tell.
            pairs = [(tf.convert_to_tensor(gradient), variable) for gradient, variable in pairs]
        pairs = adam.aggregate_gradients(pairs)
        clipped, norm = tf.clip_by_global_norm([sum_slices(gradient) for gradient, _ in pairs], max_grad_norm)
        if grad_norm is not None:
            grad_norm.assign(norm)
        pairs = [(gradient, variable) for gradient, (_, variable) in zip(clipped, pairs, strict=True)]
        optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)
        if lazy is not None:
            lazy.settle_if_due()
        whole = sum_over_replicas(part)
        # Gradients that are no numbers spoil the weights, whatever the loss was; those of a scaled one are left out.
        return whole if is_scaled else tf.where(tf.math.is_finite(norm), whole, math.nan)

    return tf.function(train_step, jit_compile=True) if jit_compile else train_step


def _follow_rows(model: keras.Model, adam: AdamW, *, is_plain: bool) -> LazyRows:
    """Lets rows of a model's word embedding wait.

    Raises:
        ConfigError: They cannot.
    """
    if not is_plain or not isinstance(model, PackedModel):
        raise ConfigError(
            "Received lazy_rows for padded or divided batches, a scaled loss or XLA; expected a step of packed "
            "sentences without any of them. Leave out lazy_rows."
        )
    return adam.follow_rows(model.unpacked.get_input_embeddings().weight)
