"""Several steps a call of the devices, which then do not wait for Python between them."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tf_ner.learning.train_step import TrainStep
from tf_ner.options.train import TrainConfig
from tf_ner.training.strategies import Strategy, is_tpu

_ON_A_TPU = 16
"""How many steps: of a small encoder, a twentieth of a second."""

Batches = Iterator[Any]


@dataclass(frozen=True)
class Calls:
    """How the steps of a training are divided into calls.

    Attributes:
        most: How many steps a call takes at most.
        end_every: After which steps a call must end, for others to look at the model: the multiples of these numbers.
    """

    most: int
    end_every: tuple[int, ...]

    def num_steps(self, step: int) -> int:
        """How many steps the call takes that comes after so many."""
        return min([self.most, *(number - step % number for number in self.end_every)])


def plan_calls(
    config: TrainConfig,
    strategy: Strategy,
    *,
    steps_per_epoch: int,
    told_every: int | None = None,
    watches_steps: bool = False,
) -> Calls:
    """Divides the steps of a training into calls.

    Args:
        config: Says how many steps a call may take, and when a model is scored, logged and saved.
        strategy: The devices.
        steps_per_epoch: After how many steps an epoch ends.
        told_every: After how many the processes of a training tell each other of signals, if there are several; one
            alone acts on them at the end of a call.
        watches_steps: Whether a callback must see the model after each step.
    """
    usual = _ON_A_TPU if is_tpu(strategy) and config.loop == "fit" else 1
    most = 1 if watches_steps else config.steps_per_execution or usual
    every = [steps_per_epoch, config.eval_every, config.log_every, config.save_every, told_every]
    end_every = tuple(number for number in every if number is not None)
    return Calls(min(most, *end_every), end_every)


class StepsAtOnce:
    """Takes several steps a call, and gives their losses one by one.

    Args:
        take: Takes so many steps, with the next batches, and gives their losses.
        calls: How many each call takes.
        first_step: How many steps were taken before.
    """

    def __init__(self, take: Callable[[Batches, int], Any], calls: Calls, *, first_step: int):
        self._take = take
        self._calls = calls
        self._step = first_step
        self._losses: deque[Any] = deque()

    def __call__(self, batches: Batches) -> Any:
        """The loss of the next step."""
        if not self._losses:
            self._losses.extend(np.asarray(self._take(batches, self._calls.num_steps(self._step))))
        self._step += 1
        return self._losses.popleft()


class TensorFlowSteps:
    """Steps that are one TensorFlow function, traced once, in which each replica of the model's strategy takes them.

    Args:
        model: Knows its strategy.
        train_step: Takes one with a replica's batch.
    """

    def __init__(self, model: keras.Model, train_step: TrainStep):
        strategy = model.distribute_strategy

        @tf.function(reduce_retracing=True)
        def compiled(batches: Batches, num_steps: tf.Tensor) -> tf.Tensor:
            losses = tf.TensorArray(tf.float32, size=num_steps, element_shape=[])
            for number in tf.range(num_steps):
                of_replicas = strategy.run(train_step, args=next(batches))
                losses = losses.write(number, strategy.experimental_local_results(of_replicas)[0])
            return losses.stack()

        self._compiled = compiled

    def take(self, batches: Batches, num_steps: int) -> Any:
        """Takes so many steps, with the next batches of an iterator over a data set; their losses <float32>[steps]."""
        # A number of Python's would be a constant of the function.
        return self._compiled(batches, np.int32(num_steps))

    def experimental_get_tracing_count(self) -> int:
        """How often the function was traced."""
        count: int = self._compiled.experimental_get_tracing_count()
        return count
