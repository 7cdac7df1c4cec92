"""Keras callbacks: when they are called, scores, the best model on disk, early stopping, tables, uploads, faults."""

import csv
import logging
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import tf_keras as keras
from datasets import Dataset
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tf_ner.errors import ConfigError, DataError, TrainingError
from tf_ner.files import replaced_whole
from tf_ner.hub.background import BackgroundUploader
from tf_ner.learning.best import BestScore
from tf_ner.learning.optimizer import weights_settled
from tf_ner.models.packed import unpacked
from tf_ner.models.weights import save_model
from tf_ner.tasks.task import Task
from tf_ner.training.plan import Plan
from tf_ner.training.scoring import Scorer, ScoringSteps

logger = logging.getLogger(__name__)

# Of a step whose loss is not finite: how many of its sentences are named, and how many of them quoted, and how far.
_MOST_SENTENCES = 20
_NUM_QUOTED = 3
_QUOTED_SUBWORDS = 12

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
        step: How many were taken, of those that Keras has told of.
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
        self.step = self.last_told = int(self.model.optimizer.iterations.numpy())
        self._first_step = self.step if self._first_step is None else self._first_step
        self._last_step = self._first_step + self.params["epochs"] * self.params["steps"]
        for callback in self._callbacks:
            callback.on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.step += 1
        loss = float((logs or {})["loss"])
        self._losses.append(loss)
        self._losses_of_epoch.append(loss)
        if self._num_steps is not None and (self.step % self._num_steps == 0 or self.step == self._last_step):
            self._tell()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._num_steps is None:
            self._tell()
        if logs is not None:
            logs |= self._logs if self.last_told == self.step else {}
            logs["loss"] = statistics.fmean(self._losses_of_epoch)
        self._losses_of_epoch = []

    def on_train_end(self, logs: Logs | None = None) -> None:
        # Another callback has stopped the training in between.
        if self.last_told != self.step:
            self._tell()

    def _tell(self) -> None:
        self._logs = {"loss": statistics.fmean(self._losses)}
        with _settled_for(self._callbacks, self.model):
            for callback in self._callbacks:
                callback.on_epoch_end(self._epoch, self._logs)
        self.last_told = self.step
        self._losses = []


class OwnCallbacks(keras.callbacks.Callback):
    """The callbacks of a user, who find all weights as they are after the last step.

    That takes time with each call. One that never reads weights may say so by an attribute `reads_weights = False`.

    Args:
        callbacks: In the order in which they are called.

    Attributes:
        callbacks: The same.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]):
        super().__init__()
        self.callbacks = list(callbacks)

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)

    @property
    def watches_steps(self) -> bool:
        """Whether one of them is called for each step."""
        return any(callback._implements_train_batch_hooks() for callback in self.callbacks)

    def _implements_train_batch_hooks(self) -> bool:
        return self.watches_steps

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._call("on_train_begin", logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._call("on_train_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._call("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._call("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_train_batch_end", batch, logs)

    def _call(self, hook: str, *arguments: Any) -> None:
        called = [callback for callback in self.callbacks if _has_hook(callback, hook)]
        with _settled_for(called, self.model):
            for callback in called:
                getattr(callback, hook)(*arguments)


def _settled_for(callbacks: Iterable[keras.callbacks.Callback], model: keras.Model) -> AbstractContextManager[None]:
    """In which the weights are settled, if one of the callbacks may read them."""
    reads_weights = any(getattr(callback, "reads_weights", True) for callback in callbacks)
    return weights_settled(model.optimizer) if reads_weights else nullcontext()


def _has_hook(callback: keras.callbacks.Callback, hook: str) -> bool:
    """Whether a callback does anything there; by Keras's older names too.

    One that has a hook for batches may say that it does nothing there, as Keras's own do that save each epoch.
    """
    if "batch" in hook and not callback._implements_train_batch_hooks():
        return False
    return any(
        getattr(getattr(callback, name), "__func__", None) is not getattr(keras.callbacks.Callback, name)
        for name in {hook, hook.replace("train_batch", "batch")}
    )


class MetricsCallback(keras.callbacks.Callback):
    """Scores a split after each epoch, including its last partial batch, and adds the scores to the logs.

    Writes `val_loss`, and `val_` with the name of each score of the task, or of each that `compute_metrics` returns.
    Must come before the callbacks that read them, such as early stopping and `SaveBest`. Keeps predictions, not logits.

    Raises:
        ConfigError: When training begins, if a Keras callback that reads one of these scores comes before it.

    Args:
        rows: A split, as `load_corpus` or `load_texts` returns it.
        task: Encodes the rows for the model.
        compute_metrics: `(predictions, references) -> {name: value}`, called with these keywords: arrays of label ids
            (or of numbers) of the texts that have a label; for words, tags by sentence. So `Seqeval().compute` works,
            as does `compute` of any other metric of the `evaluate` library. Values that are not numbers are left out.
            If not given, the task's own scores are used.
        batch_size: The number of rows, or windows, per batch and replica.
        pad_to_length: Pads every batch to this length in subwords, as a TPU needs it.
        packing: Whether sentences are packed where the model can be computed so, instead of padded.
        steps: Shared with other scorers of the same model.

    Attributes:
        metrics: All scores of the last time, as in `metrics.json`, or what `compute_metrics` gave; empty before.
    """

    def __init__(
        self,
        rows: Dataset,
        task: Task,
        compute_metrics: Callable[..., Mapping[str, Any]] | None = None,
        *,
        batch_size: int = 32,
        pad_to_length: int | None = None,
        packing: bool = True,
        steps: ScoringSteps | None = None,
    ):
        super().__init__()
        self.scorer = Scorer(
            rows, task, batch_size=batch_size, pad_to_length=pad_to_length, packing=packing, steps=steps
        )
        self._task = task
        self._compute_metrics = compute_metrics
        self._beside: list[keras.callbacks.Callback] = []
        self.metrics: Mapping[str, Any] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        # Keras tells a callback nothing of the others; the list of them is in the hands of whoever calls this.
        caller = sys._getframe(1).f_locals.get("self")
        self._beside = list(caller.callbacks) if isinstance(caller, keras.callbacks.CallbackList | OwnCallbacks) else []
        names = () if self._compute_metrics is not None else self._task.log_names
        # Keras writes a loss of its own where `fit` has validation data.
        self._require_readers_behind([f"val_{name}" for name in names if name != "loss"])

    def _require_readers_behind(self, names: Iterable[str]) -> None:
        """Stops where a callback that is called before this one waits for its scores: it would never see them.

        Raises:
            ConfigError: One does.
        """
        written = set(names)
        for callback in takewhile(lambda callback: callback is not self, self._beside):
            if (monitor := _score_read_by(callback)) in written:
                own, other = type(self).__name__, type(callback).__name__
                raise ConfigError(
                    f"Received {other}, which reads {monitor}, before {own}, which writes it; expected it after. Put "
                    f"{own} first among the callbacks."
                )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        scored = self.scorer.score(self.model)
        if not scored.metrics:
            raise DataError(
                "Received a split whose labels are hidden, to be scored after each epoch; expected labels. Use another "
                "split."
            )
        if self._compute_metrics is None:
            self.metrics = scored.metrics
            values = self._task.log_values(scored.metrics)
        else:
            computed = self._compute_metrics(predictions=scored.predicted, references=scored.gold)
            numbers = {
                name: float(value) for name, value in computed.items() if isinstance(value, int | float | np.number)
            }
            self.metrics = values = {"loss": scored.metrics["loss"], **numbers}
        if logs is not None:
            named = {f"val_{name}": value for name, value in values.items()}
            self._require_readers_behind(named.keys() - logs.keys())
            logs.update(named)


def _score_read_by(callback: keras.callbacks.Callback) -> str | None:
    """The name of the score that a callback of Keras acts on."""
    acts = isinstance(callback, keras.callbacks.EarlyStopping | keras.callbacks.ReduceLROnPlateau)
    # One that saves every epoch only carries the name.
    return callback.monitor if acts or getattr(callback, "save_best_only", False) else None


class SeqevalCallback(MetricsCallback):
    """Scores every word of a split after each epoch and adds the scores to the logs.

    Writes `val_loss`, `val_precision`, `val_recall`, `val_f1`, `val_strict_f1`, `val_accuracy` and for each label
    `val_f1_PER` and so on; for tags that are not IOB, such as parts of speech, `val_loss` and `val_accuracy`. Must come
    before the callbacks that read them, such as early stopping. Keeps the arg-max of each subword, not the logits.

    Args:
        sentences: `words` and `tags`, as `load_corpus` returns them.
        task: Encodes the words; its tags are the model's.
        batch_size: The number of windows per batch and replica.
        pad_to_length: Pads every batch to this length in subwords, as a TPU needs it.
    """

    def __init__(self, sentences: Dataset, task: Task, *, batch_size: int = 32, pad_to_length: int | None = None):
        super().__init__(sentences, task, batch_size=batch_size, pad_to_length=pad_to_length)


class SaveBest(keras.callbacks.Callback):
    """Saves model and tokenizer after each epoch that is better than all before.

    Args:
        folder: Where to save them; created if needed.
        tokenizer: Saved with the model.
        monitor: The score to compare, with or without `val_`; see `BestScore`.

    Attributes:
        best: The best value so far; NaN before the first.
        best_epoch: Its epoch, from 1; 0 before the first.
        best_step: Its step.

    Raises:
        ConfigError: While training, if `monitor` is not in the logs.
    """

    def __init__(self, folder: str | Path, tokenizer: PreTrainedTokenizerFast, *, monitor: str | None = None):
        super().__init__()
        self._folder = Path(folder)
        self._tokenizer = tokenizer
        self._score = BestScore(monitor)
        self.best_epoch = self.best_step = 0

    @property
    def best(self) -> float:
        return self._score.value

    def get_state(self) -> dict[str, Any]:
        return {**self._score.get_state(), "best_epoch": self.best_epoch, "best_step": self.best_step}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self._score.set_state(state)
        self.best_epoch, self.best_step = state["best_epoch"], state["best_step"]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._score.update(logs or {}):
            self.best_epoch, self.best_step = epoch + 1, int(self.model.optimizer.iterations.numpy())
            save_model(unpacked(self.model), self._tokenizer, self._folder)


class StopEarly(keras.callbacks.Callback):
    """Stops the training when a score has stopped improving.

    Args:
        patience: The number of evaluations without improvement after which training stops.
        monitor: As for `SaveBest`.
    """

    reads_weights = False

    def __init__(self, patience: int, *, monitor: str | None = None):
        super().__init__()
        self._patience = patience
        self._score = BestScore(monitor)

    def get_state(self) -> dict[str, Any]:
        return self._score.get_state()

    def set_state(self, state: Mapping[str, Any]) -> None:
        self._score.set_state(state)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._score.update(logs or {})
        if self._score.num_since >= self._patience:
            self.model.stop_training = True


class ScoreLines(keras.callbacks.Callback):
    """Logs a line after each epoch, where there is no progress bar to show the scores."""

    reads_weights = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        scores = ", ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        logger.info("epoch %d, step %d: %s", epoch + 1, int(self.model.optimizer.iterations.numpy()), scores)


class PushRun(keras.callbacks.Callback):
    """Pushes a run's folder after each epoch, in the background.

    Args:
        folder: The run.
        uploader: Where it goes.
    """

    def __init__(self, folder: Path, uploader: BackgroundUploader):
        super().__init__()
        self._folder = folder
        self._uploader = uploader

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._uploader.submit(self._folder, f"Epoch {epoch + 1}, step {int(self.model.optimizer.iterations.numpy())}")


class HistoryWriter(keras.callbacks.Callback):
    """Writes a CSV table with one row per epoch; the file is replaced atomically.

    Args:
        path: The table; its folder is created if needed.

    Attributes:
        rows: The rows written so far.
    """

    reads_weights = False

    def __init__(self, path: str | Path):
        super().__init__()
        self._path = Path(path)
        self._seconds_before = 0.0
        self.rows: list[dict[str, Any]] = []

    def get_state(self) -> dict[str, Any]:
        return {"rows": list(self.rows), "seconds": self._seconds()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on where another one was; the table on disk may be missing, or have rows more, and loses them."""
        # JSON has no NaN.
        self.rows = [
            {name: math.nan if value is None else value for name, value in row.items()} for row in state["rows"]
        ]
        self._seconds_before = state["seconds"]
        if self.rows:
            self._write()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.rows.append(
            {
                "epoch": epoch + 1,
                "step": int(self.model.optimizer.iterations.numpy()),
                "seconds": round(self._seconds(), 3),
                "learning_rate": last_learning_rate(self.model.optimizer),
                **{name: float(value) for name, value in (logs or {}).items()},
            }
        )
        self._write()

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._begin

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_whole(self._path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            # Some epochs may have had no evaluation.
            table = csv.DictWriter(file, fieldnames=list(dict.fromkeys(name for row in self.rows for name in row)))
            table.writeheader()
            table.writerows(self.rows)


def last_learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The rate of the last step."""
    rate = optimizer.learning_rate
    if callable(rate):
        # Older Keras gives the schedule itself.
        rate = rate(optimizer.iterations - 1)
    return float(rate.numpy())


def read_history(path: Path) -> list[dict[str, Any]]:
    """The rows that `HistoryWriter` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    whole = ("epoch", "step")
    return [
        {name: int(value) if name in whole else float(value or math.nan) for name, value in row.items()} for row in rows
    ]


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
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = float((logs or {})["loss"])
        if math.isfinite(loss):
            return
        # The model may be ahead, where several steps are taken at once.
        step = self._epoch * self._plan.steps_per_epoch + batch + 1
        raise TrainingError(
            f"Received the loss {loss} at step {step}, which trains on {self._sentences_of(step)}; expected a "
            "finite number. Lower --learning-rate, or look at these sentences; earlier checkpoints are intact, and "
            "--resume continues from the last one."
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
