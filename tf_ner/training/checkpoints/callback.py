"""When checkpoints are written while a model is trained."""

import time
from collections.abc import Callable, Mapping
from signal import Signals

import tf_keras as keras

from tf_ner.errors import TrainingInterruptedError
from tf_ner.training.callbacks import EverySteps, Logs
from tf_ner.training.checkpoints.checkpoints import CheckpointWriter, TrainingState
from tf_ner.training.checkpoints.interrupts import Interrupts
from tf_ner.training.plan import Plan
from tf_ner.training.trackers.tracked_run import TrackedRun


class SaveCheckpoints(keras.callbacks.Callback):
    """Writes checkpoints: every so many steps, after each evaluation, and when a signal asks to stop.

    Must stand behind the callbacks whose state it saves.

    Args:
        writer: Writes them; None on a worker that is not the chief, which only stops when it shall.
        plan: Of the training.
        evaluations: Says when the model was scored.
        stateful: The callbacks whose state is saved, by name.
        interrupts: The signals that came.
        every: Every how many steps; None for only after evaluations.
        before: The state that the training began with, if it is one that goes on.
        tracked: What was reported, which is saved too.
        after_writing: Called when one was taken to be written.

    Raises:
        TrainingInterruptedError: While training, after the checkpoint that a signal asked for.
        OutputError: While training, if one cannot be written.
    """

    def __init__(
        self,
        writer: CheckpointWriter | None,
        *,
        plan: Plan,
        evaluations: EverySteps,
        stateful: Mapping[str, EverySteps],
        interrupts: Interrupts,
        every: int | None = None,
        before: TrainingState | None = None,
        tracked: TrackedRun | None = None,
        after_writing: Callable[[str], None] | None = None,
    ):
        super().__init__()
        self._writer = writer
        self._plan = plan
        self._evaluations = evaluations
        self._stateful = stateful
        self._interrupts = interrupts
        self._every = every
        self._seconds_before = before.seconds if before else 0.0
        self._begin: float | None = None
        self._tracked = tracked
        self._after_writing = after_writing

    @property
    def seconds(self) -> float:
        """How long the training has taken, before a break too."""
        return self._seconds_before + (time.perf_counter() - self._begin if self._begin is not None else 0.0)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._begin = time.perf_counter()
        self._written = self._position()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        # What is done at the end of an epoch belongs to the state of its last step.
        if batch + 1 < self.params["steps"] and not self.model.stop_training:
            self._save_if_due()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        # What is stopped has its last evaluation after this.
        if not self.model.stop_training:
            self._save_if_due()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._save()
        self._stop_at(self._interrupts.of_all())

    def _save_if_due(self) -> None:
        step = self._position()[0]
        if self._evaluations.step < step:
            # One of several steps that were taken at once: the model is ahead of it.
            return
        is_due = self._every is not None and step % self._every == 0
        received = self._interrupts.of_all() if step % self._interrupts.told_every == 0 else None
        if is_due or step == self._evaluations.last_told or received is not None:
            self._save()
        self._stop_at(received)

    def _save(self) -> None:
        position = self._position()
        if self._writer is None or self._written == position:
            return
        state = TrainingState(
            step=position[0],
            plan=self._plan.digest,
            seconds=self.seconds,
            is_stopped=bool(self.model.stop_training),
            callbacks={name: callback.get_state() for name, callback in self._stateful.items()},
            trackers=self._tracked.get_state() if self._tracked is not None else {},
        )
        self._writer.write(self.model, state)
        self._written = position
        if self._after_writing is not None:
            self._after_writing(f"Step {state.step}")

    def _stop_at(self, received: Signals | None) -> None:
        if received is None:
            return
        if self._writer is not None:
            self._writer.wait()
        raise TrainingInterruptedError(received, self._position()[0])

    def _position(self) -> tuple[int, ...]:
        """The steps taken, and those after which each of the stateful callbacks was last told."""
        last_told = [callback.last_told for callback in self._stateful.values()]
        return int(self.model.optimizer.iterations.numpy()), *last_told
