"""AdamW as a function of a weight, its moments and its gradient."""

from typing import NamedTuple

import tensorflow as tf


class Learnt(NamedTuple):
    """A weight, or some rows of it, and its moments, each <float32>[…]."""

    weights: tf.Tensor
    first: tf.Tensor
    second: tf.Tensor


def adamw(
    before: Learnt,
    gradient: tf.Tensor,
    *,
    step: tf.Tensor,
    rate: tf.Tensor,
    decay: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Learnt:
    """Makes a step.

    Args:
        before: As it was after the step before.
        gradient: Of the weight <float32>[…].
        step: Its number from 1 <float32>[].
        rate: The learning rate <float32>[].
        decay: Decoupled weight decay; what a weight loses is this times the rate.
        beta_1, beta_2, epsilon: Of Adam.

    Source: Loshchilov and Hutter 2019, algorithm 2, lines 6 to 12; the decay is scaled as the rate is, as in PyTorch.
    """
    first = before.first * beta_1 + gradient * (1 - beta_1)
    second = before.second * beta_2 + tf.square(gradient) * (1 - beta_2)
    move = first / (1 - beta_1**step) / (tf.sqrt(second / (1 - beta_2**step)) + epsilon)
    return Learnt(before.weights * (1 - rate * decay) - rate * move, first, second)
