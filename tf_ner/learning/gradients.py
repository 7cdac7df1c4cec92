"""The loss of a batch and its gradients: the part of a step that every runtime computes."""

from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras as keras

from tf_ner.errors import ConfigError
from tf_ner.learning.losses import MeanLoss
from tf_ner.models.dropout import dropping_by, fold_in

Inputs = dict[str, tf.Tensor]

Weights = Sequence[tf.Variable | tf.Tensor]
"""What gradients are taken of: the variables of a model, or tensors in their place."""

Gradients = list[tf.Tensor | tf.IndexedSlices | None]

LossAndGradients = Callable[[Inputs, tf.Tensor, tf.Tensor, tf.Tensor | None], tuple[tf.Tensor, Gradients]]
"""Takes inputs, labels, what the loss is divided by <float32>[] and what dropout is drawn from <int32>[2]."""

TakePiece = Callable[[Inputs, tf.Tensor, tf.Tensor], tuple[Inputs, tf.Tensor]]
"""Takes the piece of a batch that begins at a number."""


def of_whole_batch(
    logits_of: Callable[[Weights, Inputs], tf.Tensor],
    loss: MeanLoss,
    weights: Weights,
    *,
    scaler: keras.mixed_precision.LossScaleOptimizer | None = None,
) -> LossAndGradients:
    """Makes what computes a batch at once.

    Args:
        logits_of: The model, in training, by its weights.
        loss: The loss, as a sum and what it is divided by.
        weights: Those that the model uses and that are trained.
        scaler: Scales the loss, so that gradients do not vanish in float16.
    """

    def loss_and_gradients(
        inputs: Inputs, labels: tf.Tensor, divisor: tf.Tensor, noise: tf.Tensor | None
    ) -> tuple[tf.Tensor, Gradients]:
        with dropping_by(noise), tf.GradientTape() as tape:
            # It watches variables by itself; a tensor must be one of the very graph.
            sources = [weight if isinstance(weight, tf.Variable) else tf.identity(weight) for weight in weights]
            tape.watch([source for source in sources if not isinstance(source, tf.Variable)])
            part = tf.math.divide_no_nan(loss.total(labels, logits_of(sources, inputs)), divisor)
            target = part if scaler is None else scaler.get_scaled_loss(part)
        gradients = tape.gradient(target, sources)
        return part, gradients if scaler is None else scaler.get_unscaled_gradients(gradients)

    return loss_and_gradients


def in_pieces(of_piece: LossAndGradients, weights: Weights, *, stride: int, take_piece: TakePiece) -> LossAndGradients:
    """Does the same a piece of the batch at a time, so that only one has to fit in memory.

    Args:
        of_piece: What is done with each.
        weights: As for `of_whole_batch`.
        stride: From the begin of one to that of the next.
        take_piece: Takes it.
    """

    @tf.function
    def loss_and_gradients(
        inputs: Inputs, labels: tf.Tensor, divisor: tf.Tensor, noise: tf.Tensor | None
    ) -> tuple[tf.Tensor, Gradients]:
        total, sums = 0.0, [tf.zeros_like(weight) for weight in weights]
        are_used = [True for _ in weights]
        for start in tf.range(0, tf.shape(labels)[0], stride):
            # Not side by side, which would need the memory of all of them.
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            noise_of_piece = None if noise is None else fold_in(noise, start)
            part, gradients = of_piece(*take_piece(inputs, labels, start), divisor, noise_of_piece)
            total += part
            sums = [_added(*pair) for pair in zip(sums, gradients, strict=True)]
            are_used[:] = [gradient is not None for gradient in gradients]
        return total, [gradient if is_used else None for gradient, is_used in zip(sums, are_used, strict=True)]

    return loss_and_gradients


def _added(total: tf.Tensor, gradient: tf.Tensor | tf.IndexedSlices | None) -> tf.Tensor:
    if gradient is None:
        return total
    if isinstance(gradient, tf.IndexedSlices):
        return tf.tensor_scatter_nd_add(total, gradient.indices[:, tf.newaxis], gradient.values)
    return total + gradient


def packed_piece(inputs: Inputs, labels: tf.Tensor, number: tf.Tensor) -> tuple[Inputs, tf.Tensor]:
    """One of the pieces of which a batch [pieces, …] is made."""
    if inputs["segment_ids"].shape.rank != 3:
        raise ConfigError(
            "Received packed sentences in one piece for a step that adds up pieces; expected batches like those of "
            "`train` with --accumulate. Leave out piece_size, or packing."
        )
    return {name: values[number] for name, values in inputs.items()}, labels[number]


def padded_piece(inputs: Inputs, labels: tf.Tensor, start: tf.Tensor, size: int) -> tuple[Inputs, tf.Tensor]:
    """Some rows of a batch, without the columns that are padding in all of them."""
    rows = slice(start, start + size)
    is_column = tf.reduce_any(tf.cast(inputs["attention_mask"][rows], tf.bool), axis=0)

    def cut(values: tf.Tensor) -> tf.Tensor:
        return tf.boolean_mask(values[rows], is_column, axis=1) if values.shape.rank == 2 else values[rows]

    return {name: cut(values) for name, values in inputs.items()}, cut(labels)


def fixed_piece(inputs: Inputs, labels: tf.Tensor, start: tf.Tensor, size: int) -> tuple[Inputs, tf.Tensor]:
    """Some rows of a batch that divides into such pieces, of a shape that is known beforehand."""
    rows = start + tf.range(size)
    return {name: tf.gather(values, rows) for name, values in inputs.items()}, tf.gather(labels, rows)
