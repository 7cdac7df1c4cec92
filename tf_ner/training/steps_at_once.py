"""Several steps a call of the devices, which then do not wait for Python between them."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tf_ner.learning.train_step import TrainStep
from tf_ner.options.train import TrainConfig
from tf_ner.training.jax_runtime import JaxStrategy
from tf_ner.training.strategies import Strategy

_ON_A_TPU = 16
"""How many steps: of a small encoder, about a fifth of a second."""

Batches = Iterator[Any]


def most_steps_at_once(config: TrainConfig, strategy: Strategy) -> int:
    """How many steps a call may take."""
    if config.steps_per_execution is not None:
        return config.steps_per_execution
    on_tpu = isinstance(strategy, tf.distribute.TPUStrategy) or (
        isinstance(strategy, JaxStrategy) and strategy.platform == "tpu"
    )
    return _ON_A_TPU if on_tpu and config.loop == "fit" else 1


class StepsAtOnce:
    """Takes several steps a call, and gives their losses one by one.

    Args:
        take: Takes so many steps, with the next batches, and gives their losses.
        most: How many a call takes at most.
        end_every: After which steps a call must end, for others to look at the model: the multiples of these numbers.
        first_step: How many steps were taken before.
    """

    def __init__(
        self, take: Callable[[Batches, np.int32], Any], *, most: int, end_every: Sequence[int], first_step: int
    ):
        self._take = take
        self._most = most
        self._end_every = list(end_every)
        self._step = first_step
        self._losses: deque[Any] = deque()

    def __call__(self, batches: Batches) -> Any:
        """The loss of the next step."""
        if not self._losses:
            until_end = (number - self._step % number for number in self._end_every)
            # A number of Python's would be a constant to TensorFlow.
            self._losses.extend(np.asarray(self._take(batches, np.int32(min([self._most, *until_end])))))
        self._step += 1
        return self._losses.popleft()


def compile_steps(model: keras.Model, train_step: TrainStep) -> Any:
    """Compiles steps into one TensorFlow function, traced once.

    Returns:
        A function of the iterator over a data set and of how many steps to take with its next batches; it gives their
        losses <float32>[steps].
    """
    strategy = model.distribute_strategy

    @tf.function(reduce_retracing=True)
    def compiled(batches: Batches, num_steps: tf.Tensor) -> tf.Tensor:
        losses = tf.TensorArray(tf.float32, size=num_steps, element_shape=[])
        for number in tf.range(num_steps):
            of_replicas = strategy.run(train_step, args=next(batches))
            losses = losses.write(number, strategy.experimental_local_results(of_replicas)[0])
        return losses.stack()

    return compiled
