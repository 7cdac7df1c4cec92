"""What keeps a training from being lost: checkpoints, and a look at each loss."""

import math
import time
from collections.abc import Callable, Mapping
from signal import Signals
from typing import Any

import tf_keras as keras
from transformers import PreTrainedTokenizerBase

from tf_ner.errors import TrainingError, TrainingInterruptedError
from tf_ner.training.checkpoints.checkpoints import CheckpointWriter, TrainingState
from tf_ner.training.checkpoints.interrupts import Interrupts
from tf_ner.training.pace import EverySteps, Logs
from tf_ner.training.plan import Plan

_MOST_SENTENCES = 20
_NUM_QUOTED = 3
_QUOTED_SUBWORDS = 12


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


class StopAtNoNumber(keras.callbacks.Callback):
    """Ends a training whose loss is not finite, before anything of it is saved.

    Must stand before all callbacks that save.

    Args:
        plan: Of the training.
        tokenizer: Puts what was learnt from into words.

    Raises:
        TrainingError: While training, naming the step and its sentences.
    """

    def __init__(self, plan: Plan, tokenizer: PreTrainedTokenizerBase):
        super().__init__()
        self._plan = plan
        self._tokenizer = tokenizer

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = float((logs or {})["loss"])
        if math.isfinite(loss):
            return
        step = int(self.model.optimizer.iterations.numpy())
        raise TrainingError(
            f"Received the loss {loss} at step {step}, which learns from {self._sentences_of(step)}; expected a "
            "number. Lower --learning-rate, or look at these sentences; earlier checkpoints are whole, and --resume "
            "goes on from the last one."
        )

    def _sentences_of(self, step: int) -> str:
        """The examples of a step by their numbers in the training data, from 1, and how the first of them begin."""
        windows = self._plan.encoded.windows
        rows = self._plan.batches[step - 1]
        numbers = windows[rows]["sentence"] if "sentence" in windows.column_names else rows.tolist()
        texts: dict[int, Any] = {}
        for number, row in zip(numbers, rows.tolist(), strict=True):
            if number not in texts and len(texts) < _NUM_QUOTED:
                texts[number] = windows[row]["input_ids"][:_QUOTED_SUBWORDS]
        quoted = [repr(self._tokenizer.decode(text, skip_special_tokens=True) + " …") for text in texts.values()]
        named = sorted({number + 1 for number in numbers})
        more = f" and {len(named) - _MOST_SENTENCES} more" if len(named) > _MOST_SENTENCES else ""
        listed = ", ".join(map(str, named[:_MOST_SENTENCES]))
        return f"sentences {listed}{more} of the training data ({', '.join(quoted)})"
