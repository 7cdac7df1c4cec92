"""Dropout that can be repeated: what is dropped follows from a seed, and from no state that a checkpoint would miss."""

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import tensorflow as tf
import tf_keras as keras
from transformers import TFPreTrainedModel

# What is drawn from while a model is called; each replica of a strategy traces its step in a thread of its own.
_seeds: ContextVar[Iterator[tf.Tensor] | None] = ContextVar("_seeds", default=None)


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
    """Drops some of the values and scales the others up: by the same seed the same ones, on every device.

    What TensorFlow draws as whole numbers is the same with and without XLA, and half of their bits is enough for each
    value; what it draws between 0 and 1 is not.

    Args:
        values: <float>[…]
        rate: The share that is dropped, to 16 bits.
        seed: <int32>[2]
    """
    threshold = min(round(rate * 2**16), 2**16 - 1)
    num_values = tf.size(values)
    draws = tf.random.stateless_uniform(
        [(num_values + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    halves = tf.reshape(tf.bitcast(draws, tf.int16), [-1])[:num_values]
    is_kept = tf.reshape(halves, tf.shape(values)) >= tf.constant(threshold - 2**15, tf.int16)
    return tf.where(is_kept, values * tf.cast(1 / (1 - threshold / 2**16), values.dtype), tf.zeros([], values.dtype))


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
