"""Keras callbacks that report a training to trackers."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tf_ner.training.callbacks import Logs, MetricsCallback, last_learning_rate
from tf_ner.training.plan import Plan
from tf_ner.training.trackers.tracked_run import TrackedRun, forget_trackers, make_trackers

TRAIN, VALIDATION, FINAL = "train", "validation", "final"
"""What reports tell of, and how their names begin."""

_LOG_PREFIX = "val_"


def scores_by_name(metrics: Mapping[str, Any], *, prefix: str) -> dict[str, float]:
    """The numbers of `metrics.json` by one name each: `validation/f1`, `validation/strict/f1`, `validation/LOC/f1`.

    Args:
        metrics: Of a split.
        prefix: How the names begin. A label that is called like another key (`strict`) is `label strict`.
    """
    return dict(_named(metrics, prefix, labels=metrics.get("per_label", {})))


def _named(metrics: Mapping[str, Any], prefix: str, *, labels: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in metrics.items():
        if key == "per_label":
            for label, scores in labels.items():
                yield from _named(scores, f"{prefix}/{f'label {label}' if label in metrics else label}", labels={})
        elif isinstance(value, Mapping):
            yield from _named(value, f"{prefix}/{key}", labels={})
        elif isinstance(value, int | float):
            yield f"{prefix}/{key}", float(value)


class StepMeter(keras.callbacks.Callback):
    """Measures steps, without what is done between them; must stand before all callbacks that do it.

    Args:
        plan: Says what each step learns from.
        grad_norm: Holds the norm of the last step's gradients, if the step tells it.
    """

    reads_weights = False

    def __init__(self, plan: Plan, *, grad_norm: tf.Variable | None = None):
        super().__init__()
        self._plan = plan
        self._grad_norm = grad_norm
        self._step = 0
        self._begin = time.perf_counter()
        self._seconds = 0.0

    def measure(self, step: int) -> dict[str, float]:
        """What is known of the steps since the last time.

        Args:
            step: The last of them, from 1.
        """
        examples, subwords = self._plan.sizes(self._step, step)
        seconds, self._seconds, self._step = self._seconds, 0.0, step
        speeds = {"sentences_per_second": examples / seconds, "subwords_per_second": subwords / seconds}
        return speeds | ({} if self._grad_norm is None else {"grad_norm": float(self._grad_norm.read_value())})

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._step = int(self.model.optimizer.iterations.numpy())

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._begin = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._seconds += time.perf_counter() - self._begin


class ReportSteps(keras.callbacks.Callback):
    """Reports loss, learning rate, and what else is known of the steps since the last time, after each epoch.

    Args:
        run: Where it is reported.
        measure: Gives more of the steps so far, of which there are as many; called once a report.
    """

    reads_weights = False

    def __init__(self, run: TrackedRun, *, measure: Callable[[int], Mapping[str, float]] | None = None):
        super().__init__()
        self._run = run
        self._measure = measure

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        step = int(self.model.optimizer.iterations.numpy())
        values = {"learning_rate": last_learning_rate(self.model.optimizer)}
        if logs and "loss" in logs:
            values = {"loss": float(logs["loss"]), **values}
        values |= self._measure(step) if self._measure is not None else {}
        self._run.log({f"{TRAIN}/{name}": value for name, value in values.items()}, step=step, kind=TRAIN)


class ReportScores(keras.callbacks.Callback):
    """Reports the scores of validation after each epoch that has any.

    Args:
        run: Where they are reported.
        evaluation: Knows all of them; must come before this. If not given, those in the logs are reported.
    """

    reads_weights = False

    def __init__(self, run: TrackedRun, *, evaluation: MetricsCallback | None = None):
        super().__init__()
        self._run = run
        self._evaluation = evaluation

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._evaluation is not None:
            values = scores_by_name(self._evaluation.metrics, prefix=VALIDATION)
        else:
            scores = {name: value for name, value in (logs or {}).items() if name.startswith(_LOG_PREFIX)}
            values = {f"{VALIDATION}/{name.removeprefix(_LOG_PREFIX)}": float(scores[name]) for name in scores}
        if values:
            self._run.log(values, step=int(self.model.optimizer.iterations.numpy()), kind=VALIDATION)


class ReportCallback(keras.callbacks.Callback):
    """Reports a `fit` of your own to experiment trackers: TensorBoard, W&B, trackio.

    Reports loss and learning rate every so many steps, and after each epoch what is in the logs under names that begin
    with `val_`, so it must come after the callbacks that score. A tracker that fails is told of once, and ends nothing.

    Args:
        report_to: Their names, as for `--report-to`.
        folder: Where TensorBoard's files go, and where it is noted what was reported.
        run_name: The name of the run; that of the folder if not given.
        run_group: The group of runs that it belongs to.
        options: What the run shall be known by, such as its learning rate.
        log_every: Every how many steps to report the loss (the mean of what Keras has shown since the last time); after
            each epoch if not given.
        evaluation: Reports all scores of this callback, such as precision by label, instead of those in the logs.
        is_resumed: Goes on with the run that the folder knows, and reports no step of it again.

    Raises:
        ConfigError: A tracker is not known, or not installed.
    """

    reads_weights = False

    def __init__(
        self,
        report_to: str | Sequence[str],
        folder: str | Path,
        *,
        run_name: str | None = None,
        run_group: str | None = None,
        options: Mapping[str, Any] | None = None,
        log_every: int | None = None,
        evaluation: MetricsCallback | None = None,
        is_resumed: bool = False,
    ):
        super().__init__()
        trackers = make_trackers([report_to] if isinstance(report_to, str) else report_to)
        folder = Path(folder)
        if not is_resumed:
            forget_trackers(folder)
        name = run_name or folder.resolve().name
        self._run = TrackedRun(trackers, folder, name=name, group=run_group, options=options, is_resumed=is_resumed)
        self._log_every = log_every
        self._steps = ReportSteps(self._run)
        self._scores = ReportScores(self._run, evaluation=evaluation)
        self._losses: list[float] = []

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Reports a table, while training.

        Args:
            name: Such as `wrong spans`.
            columns: Their names.
            rows: A text or a number for each column.
        """
        self._run.log_table(name, columns, rows, step=int(self.model.optimizer.iterations.numpy()))

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        self._steps.set_model(model)
        self._scores.set_model(model)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._run.start()

    def _implements_train_batch_hooks(self) -> bool:
        return self._log_every is not None

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if logs and "loss" in logs:
            self._losses.append(float(logs["loss"]))
        if self._log_every and int(self.model.optimizer.iterations.numpy()) % self._log_every == 0:
            self._steps.on_epoch_end(0, {"loss": statistics.fmean(self._losses)} if self._losses else {})
            self._losses = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._log_every is None:
            self._steps.on_epoch_end(epoch, logs)
        self._scores.on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._run.finish()
