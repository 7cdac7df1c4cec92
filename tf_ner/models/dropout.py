"""Dropout that can be repeated: what is dropped follows from a seed, and from no state that a checkpoint would miss."""

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import tensorflow as tf
import tf_keras as keras
from transformers import TFPreTrainedModel

# What is drawn from while a model is called; each replica of a strategy traces its step in a thread of its own.
_seeds: ContextVar[Iterator[tf.Tensor] | None] = ContextVar("_seeds", default=None)
Generator = Literal["philox", "hash"]
"""What random bits come from. `philox` is a kernel of TensorFlow, and the same with XLA. On a TPU it is slow: it makes
four numbers at once, which must then be laid behind each other. `hash` is a function of a value's place, which XLA
computes where the value is, forward and backward, without writing it to memory; without XLA it takes many passes."""

_generator: ContextVar[Generator] = ContextVar("_generator", default="philox")


def seed_of_step(seed: int, step: tf.Tensor, replica: tf.Tensor | None = None) -> tf.Tensor:
    """What a step of a replica draws from <int32>[2]; differs from replica to replica.

    Args:
        seed: Of the training.
        step: The number of steps before.
        replica: Its number <int>[]; that of the replica that calls this, if not given.
    """
    if replica is None:
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context is not None else 0
    # Seeds reach 2 ** 32 - 1.
    high, low = divmod(seed, 2**31)
    base = tf.stack([tf.constant(low, tf.int32), tf.cast(step, tf.int32)])
    return fold_in(base, 2 * replica + high)


def fold_in(seed: tf.Tensor, number: int | tf.Tensor) -> tf.Tensor:
    """Another seed <int32>[2] for each number."""
    folded = tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int32))
    # Of one below 0, TensorFlow would make something else with XLA than without.
    return tf.bitwise.bitwise_and(folded, tf.int32.max)


def drop(values: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Drops some of the values and scales the others up: by the same seed and generator the same ones, on every device.

    Args:
        values: <float>[…]
        rate: The share that is dropped, to 16 bits.
        seed: <int32>[2], from `fold_in`.
    """
    threshold = min(round(rate * 2**16), 2**16 - 1)
    is_kept = _KEPT_BY[_generator.get()](tf.shape(values), seed, threshold)
    return tf.where(is_kept, values * tf.cast(1 / (1 - threshold / 2**16), values.dtype), tf.zeros([], values.dtype))


def _kept_by_philox(shape: tf.Tensor, seed: tf.Tensor, threshold: int) -> tf.Tensor:
    """Where 16 random bits are a number that is not below the threshold <bool>[shape].

    What TensorFlow draws as whole numbers is the same with and without XLA; what it draws between 0 and 1 is not.
    """
    num_values = tf.reduce_prod(shape)
    numbers = tf.random.stateless_uniform(
        [(num_values + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    halves = tf.reshape(tf.bitcast(numbers, tf.int16), [-1])[:num_values]
    return tf.reshape(halves, shape) >= tf.constant(threshold - 2**15, tf.int16)


def _kept_by_hash(shape: tf.Tensor, seed: tf.Tensor, threshold: int) -> tf.Tensor:
    """The same with the hash of a value's place and of both parts of the seed."""
    first, second = tf.unstack(tf.bitcast(seed, tf.uint32))
    # From the seed on, so that XLA has no table of places to read from memory.
    places, rank = _mixed(first), shape.shape[0]
    for axis, stride in enumerate(tf.unstack(tf.math.cumprod(shape, exclusive=True, reverse=True), rank)):
        of_axis = tf.reshape(tf.range(shape[axis]) * stride, [-1, *[1] * (rank - axis - 1)])
        places += tf.cast(of_axis, tf.uint32)
    bits = tf.bitwise.right_shift(_mixed(_mixed(places) + second), tf.constant(16, tf.uint32))
    return bits >= tf.constant(threshold, tf.uint32)


def _mixed(bits: tf.Tensor) -> tf.Tensor:
    """Others <uint32>[…] for each, of which every bit depends on all.

    Source: Wellons, "Prospecting for Hash Functions", 2018: the one with the least bias of its form.
    """
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits *= tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))


_KEPT_BY = {"philox": _kept_by_philox, "hash": _kept_by_hash}


@contextmanager
def drawing_from(generator: Generator) -> Iterator[None]:
    """While this lasts, `drop` draws from it."""
    token = _generator.set(generator)
    try:
        yield
    finally:
        _generator.reset(token)


@contextmanager
def dropping_by(seed: tf.Tensor | None) -> Iterator[None]:
    """While this lasts, layers that `make_dropout_repeatable` changed draw from the seed <int32>[2].

    The order of the calls tells one from the other: layers may share weights, and one be called again and again.
    """
    token = _seeds.set(None if seed is None else (fold_in(seed, number) for number in itertools.count()))
    try:
        yield
    finally:
        _seeds.reset(token)


def next_seed() -> tf.Tensor:
    """The next seed of `dropping_by` <int32>[2]; one of TensorFlow's own random state outside of it."""
    seeds = _seeds.get()
    return next(seeds) if seeds is not None else tf.random.uniform([2], maxval=tf.int32.max, dtype=tf.int32)


def make_dropout_repeatable(model: TFPreTrainedModel) -> None:
    """Lets a model's dropout draw from the seed of `dropping_by`; without one as before.

    Keras's draws from random numbers whose state nothing saves, so that a training that goes on after a break would
    drop other values than one without.
    """
    for layer in model.submodules:
        # A model is changed once, however many trainings it goes through.
        if _rate_of(layer) > 0 and not isinstance(layer.call, functools.partial):
            layer.call = functools.partial(_call, layer, layer.call)


def _rate_of(layer: tf.Module) -> float:
    """The share of its inputs that a layer drops; DeBERTa's is a layer of its own kind."""
    if isinstance(layer, keras.layers.Dropout):
        return float(layer.rate)
    return float(getattr(layer, "drop_prob", 0.0)) if hasattr(layer, "xdropout") else 0.0


def _call(
    layer: keras.layers.Layer,
    as_before: Callable[..., tf.Tensor],
    inputs: tf.Tensor,
    training: Any = None,
) -> tf.Tensor:
    seeds = _seeds.get()
    if seeds is None or not training:
        return as_before(inputs, training=training)
    return drop(inputs, _rate_of(layer), next(seeds))
