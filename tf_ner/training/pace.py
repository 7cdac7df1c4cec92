"""When, in a training, what else there is to do is done."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import tf_keras as keras

Logs = dict[str, Any]


@runtime_checkable
class Stateful(Protocol):
    """A callback that a checkpoint must ask what it remembers."""

    def get_state(self) -> Mapping[str, Any]:
        """What `set_state` of a new one takes, in JSON's types; nothing later may change it."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on where another one was; called before the training begins."""


class EverySteps(keras.callbacks.Callback):
    """Tells other callbacks that an epoch has ended, every so many steps and after the last one.

    So what scores, saves or writes after each epoch can do so at any step. In their logs stands the mean loss of the
    steps since the last time: the training's own logs must give the loss of each step, as those of our steps do. What
    they add stands in the logs of an epoch that ends there.

    Args:
        callbacks: Whom to tell, in this order.
        num_steps: Every how many steps; at the end of each epoch if None.

    Attributes:
        last_told: The step after which they were last told.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], *, num_steps: int | None):
        super().__init__()
        self._callbacks = list(callbacks)
        self._num_steps = num_steps
        self._first_step: int | None = None
        self._losses: list[float] = []
        self._losses_of_epoch: list[float] = []

    def get_state(self) -> dict[str, Any]:
        return {
            "first_step": self._first_step,
            "losses": list(self._losses),
            "losses_of_epoch": list(self._losses_of_epoch),
            "callbacks": [callback.get_state() for callback in self._stateful],
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        self._first_step = state["first_step"]
        self._losses = list(state["losses"])
        self._losses_of_epoch = list(state["losses_of_epoch"])
        for callback, its_state in zip(self._stateful, state["callbacks"], strict=True):
            callback.set_state(its_state)

    @property
    def _stateful(self) -> list[Stateful]:
        return [callback for callback in self._callbacks if isinstance(callback, Stateful)]

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        for callback in self._callbacks:
            callback.set_model(model)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._step = self.last_told = int(self.model.optimizer.iterations.numpy())
        self._first_step = self._step if self._first_step is None else self._first_step
        self._last_step = self._first_step + self.params["epochs"] * self.params["steps"]
        for callback in self._callbacks:
            callback.on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._step += 1
        loss = float((logs or {})["loss"])
        self._losses.append(loss)
        self._losses_of_epoch.append(loss)
        if self._num_steps is not None and (self._step % self._num_steps == 0 or self._step == self._last_step):
            self._tell()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._num_steps is None:
            self._tell()
        if logs is not None:
            logs |= self._logs if self.last_told == self._step else {}
            logs["loss"] = statistics.fmean(self._losses_of_epoch)
        self._losses_of_epoch = []

    def on_train_end(self, logs: Logs | None = None) -> None:
        # Another callback has stopped the training in between.
        if self.last_told != self._step:
            self._tell()

    def _tell(self) -> None:
        self._logs = {"loss": statistics.fmean(self._losses)}
        for callback in self._callbacks:
            callback.on_epoch_end(self._epoch, self._logs)
        self.last_told = self._step
        self._losses = []
