"""A whole run: data, model, training, scores, files."""

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tf_keras as keras
from datasets import DatasetDict

from tf_ner.card.card import model_card, name_in_card
from tf_ner.card.describe import describe_run
from tf_ner.card.merge import sealed
from tf_ner.errors import HubError, TrainingInterruptedError
from tf_ner.files import replaced_whole, write_json, write_text
from tf_ner.hub.background import BackgroundUploader
from tf_ner.hub.changes import forget_pushed
from tf_ner.hub.upload import HubTarget, open_or_warn
from tf_ner.models.weights import MODEL, load_weights
from tf_ner.options.train import ERRORS, METRICS, RUN_CONFIG, TrainConfig
from tf_ner.tasks.task import SplitScores, Task
from tf_ner.training.callbacks import HistoryWriter, PushRun, SaveBest, read_history
from tf_ner.training.checkpoints.checkpoints import CheckpointWriter, remove_checkpoints
from tf_ner.training.checkpoints.folder import (
    check_folder,
    locked_folder,
    prepare_folder,
    read_metrics,
    remove_replaced,
)
from tf_ner.training.checkpoints.interrupts import noticed_interrupts
from tf_ner.training.job import Job, prepare_job
from tf_ner.training.loops import make_callbacks, run_training
from tf_ner.training.scoring import add_errors, write_wrong_spans
from tf_ner.training.strategies import (
    check_devices,
    choose_strategy,
    computing_in,
    is_chief,
    lost_workers_named,
    with_known_precision,
)
from tf_ner.training.trackers.final import report_final
from tf_ner.training.trackers.tracked_run import TrackedRun, forget_trackers, make_trackers
from tf_ner.training.trackers.tracker import Tracker

logger = logging.getLogger(__name__)

_SECONDS_TO_PUSH = 20.0


@dataclass(frozen=True)
class TrainResult:
    """The result of a run.

    Attributes:
        output_dir: The run's folder.
        metrics: The contents of `metrics.json`.
        history: The contents of `history.csv`, one row per evaluation.
        commit_url: The commit on the Hub that holds the finished run; None if it was not pushed.
        is_kept: Whether this machine wrote the folder; with several machines, only the first one does.
    """

    output_dir: Path
    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    commit_url: str | None = None
    is_kept: bool = True


def train(config: TrainConfig, *, callbacks: Iterable[keras.callbacks.Callback] = (), verbose: int = 1) -> TrainResult:
    """Fine-tunes an encoder and leaves a finished run in its folder.

    Args:
        config: The options of the run.
        callbacks: Additional Keras callbacks; they see the scores of each epoch in their logs.
        verbose: 1 for the Keras progress bar, 2 for one line per epoch, 0 for nothing.

    Raises:
        TrainingInterruptedError: A signal stopped the training; its state is saved.
        TfNerError: An option, the data, the model or the folder cannot be used, in which case nothing has been
            written; or the training cannot continue.
    """
    # Before anything else asks for a device.
    strategy = choose_strategy(
        config.strategy,
        tpu=config.tpu,
        tpu_name=config.tpu_name,
        logical_devices=config.logical_devices,
        runtime=config.runtime,
    )
    config = with_known_precision(config, strategy)
    check_devices(
        strategy,
        precision=config.precision,
        jit_compile=config.jit_compile,
        batch_size=config.batch_size,
        accumulate=config.accumulate,
        rows_per_step=config.rows_per_step,
        deterministic=config.deterministic,
    )
    # Of several machines the first one reports.
    trackers = make_trackers(config.report_to) if is_chief(strategy) else []
    if not is_chief(strategy):
        verbose = 0
    target = None
    if config.push_to_hub:
        target = HubTarget(config.hub_name, private=config.hub_private or None, replaces_card=config.hub_replace_card)
    with ExitStack() as stack:
        if is_chief(strategy):
            stack.enter_context(locked_folder(config.run_dir))
            check_folder(config.run_dir, model=config.model, resume=config.resume, overwrite=config.overwrite)
        if config.resume and (config.run_dir / METRICS).exists():
            config.require_same_result(config.run_dir / RUN_CONFIG)
            logger.info("the run in %s has already finished: there is nothing to resume", config.run_dir)
            return _finished_result(config.run_dir, target, is_kept=is_chief(strategy))
        stack.enter_context(computing_in(config.precision, deterministic=config.deterministic))
        stack.enter_context(lost_workers_named(strategy))
        job = prepare_job(config, strategy)
        uploader = None
        if is_chief(strategy):
            uploader = _begin_upload(target)
        else:
            # All workers do the same, so that they stay in step, and one of them for keeps.
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="tf_ner-")))
            job = dataclasses.replace(job, config=dataclasses.replace(job.config, output_dir=folder))
        if job.resume_point is None:
            forget_pushed(job.config.run_dir)
        prepare_folder(job.config.run_dir, job.config.to_repeat().save, resume_point=job.resume_point)
        tracked = stack.enter_context(_tracked_run(job, trackers))
        training, history = _train(
            job, uploader, tracked, callbacks=list(callbacks), verbose=verbose, keeps=is_chief(strategy)
        )
        result = _finish(job, uploader, tracked, training, history)
        return dataclasses.replace(result, output_dir=config.run_dir, is_kept=is_chief(strategy))


def _finished_result(folder: Path, target: HubTarget | None, *, is_kept: bool) -> TrainResult:
    """The result of a run that was finished before, but perhaps not pushed.

    Its folder stays as it is, but that the card names where it is pushed to.
    """
    metrics = read_metrics(folder)
    history = read_history(folder / "history.csv") if (folder / "history.csv").exists() else []
    uploader = _begin_upload(target) if is_kept else None
    if uploader:
        name_in_card(folder, _whole_name(uploader.target))
    commit_url = uploader.finish(folder, "The finished run") if uploader else None
    return TrainResult(output_dir=folder, metrics=metrics, history=history, commit_url=commit_url, is_kept=is_kept)


def _tracked_run(job: Job, trackers: Sequence[Tracker]) -> TrackedRun:
    """The run in its trackers, where it begins, or goes on with what the folder or the checkpoint remembers."""
    config = job.config
    if job.resume_point is None and not config.resume:
        forget_trackers(config.run_dir)
    return TrackedRun(
        trackers,
        config.run_dir,
        name=config.tracked_name,
        group=config.run_group,
        options=dataclasses.asdict(config.to_repeat()),
        before=job.resume_point.state.trackers if job.resume_point else None,
        is_resumed=config.resume,
    )


def _train(
    job: Job,
    uploader: BackgroundUploader | None,
    tracked: TrackedRun,
    *,
    callbacks: list[keras.callbacks.Callback],
    verbose: int,
    keeps: bool,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Trains, and leaves the best model in the folder; gives what the training came to, and a row an evaluation.

    Args:
        job: What to do.
        uploader: Pushes what there is after each evaluation.
        tracked: Where it is reported.
        callbacks: The user's own.
        verbose: As for `train`.
        keeps: Whether this process writes checkpoints.
    """
    folder, tokenizer = job.config.run_dir, job.task.tokenizer
    save_best = SaveBest(folder, tokenizer, monitor=job.recipe.best_metric)
    history = HistoryWriter(folder / "history.csv")
    checkpoints = CheckpointWriter(folder, tokenizer, keep=job.config.keep_checkpoints) if keeps else None
    # A state that is pushed with its checkpoint must wait until that is written.
    push = [PushRun(folder, uploader)] if uploader and not job.config.push_checkpoints else []
    with _ended(uploader, checkpoints), noticed_interrupts(job.strategy) as interrupts:
        called = make_callbacks(
            job,
            writers=[save_best, history],
            pushers=push,
            others=callbacks,
            tracked=tracked,
            checkpoint_writer=checkpoints,
            interrupts=interrupts,
            after_checkpoint=_pusher(job, uploader, checkpoints),
            verbose=verbose,
        )
        training = run_training(job, called)
        # Also where nothing was left to train, or a signal came after the last step.
        interrupts.stop(training["steps"])
    best = {"best_epoch": save_best.best_epoch, "best_step": save_best.best_step}
    return {**training, **best}, history.rows


def _pusher(
    job: Job, uploader: BackgroundUploader | None, checkpoints: CheckpointWriter | None
) -> Callable[[str], None] | None:
    """What pushes the folder with each checkpoint, if that is to be done."""
    if uploader is None or checkpoints is None or not job.config.push_checkpoints:
        return None

    def push(message: str) -> None:
        checkpoints.wait()
        uploader.submit(job.config.run_dir, message, checkpoint=checkpoints.newest)

    return push


@contextmanager
def _ended(uploader: BackgroundUploader | None, checkpoints: CheckpointWriter | None) -> Iterator[None]:
    """Lets the last checkpoint be written, however the training ends, and drops a push that waits if it fails."""
    try:
        yield
    except TrainingInterruptedError:
        if uploader is not None:
            # A machine that is taken away gives some seconds; what waits may be all that is left of the run.
            uploader.wait(_SECONDS_TO_PUSH)
            uploader.cancel()
        raise
    except BaseException:
        if uploader is not None:
            uploader.cancel()
        raise
    finally:
        if checkpoints is not None:
            checkpoints.close()


def _finish(
    job: Job,
    uploader: BackgroundUploader | None,
    tracked: TrackedRun,
    training: dict[str, Any],
    history: list[dict[str, Any]],
) -> TrainResult:
    """Scores the best model, and writes, reports and pushes what is known of it."""
    config, folder = job.config, job.config.run_dir
    load_weights(job.model, folder / MODEL)
    scored = {split: scorer.score(job.model, bootstrap=config.bootstrap) for split, scorer in job.scorers.items()}
    metrics = {split: scores.metrics for split, scores in scored.items() if scores.metrics}
    errors = {split: job.scorers[split].errors(scored[split], job.corpus, split, config=config) for split in metrics}
    add_errors(metrics, errors)
    metrics["training"] = training
    tests = [split for split in scored if split.startswith("test")]
    for split in tests:
        _write_predictions(folder, split, job.corpus, job.task, scored)
    write_wrong_spans(folder / ERRORS, {split: errors.get(split) for split in tests or scored})
    hub_id = _whole_name(uploader.target) if uploader else None
    facts = describe_run(config, job.corpus, job.task, metrics=metrics, history=history, hub_id=hub_id)
    write_text(folder / "README.md", sealed(str(model_card(facts))))
    if tracked.is_reported:
        report_final(tracked, {split: metrics[split] for split in errors}, errors, step=training["steps"])
    # Last, for with it the run is finished.
    write_json(folder / METRICS, metrics)
    if config.keep_checkpoints is None:
        remove_checkpoints(folder)
    remove_replaced(folder)
    commit_url = uploader.finish(folder, "The finished run") if uploader else None
    return TrainResult(output_dir=folder, metrics=metrics, history=history, commit_url=commit_url)


def _begin_upload(target: HubTarget | None) -> BackgroundUploader | None:
    """What pushes to the target; finds out before the training whether it may."""
    if target is None:
        return None
    open_or_warn(target)
    return BackgroundUploader(target)


def _whole_name(target: HubTarget) -> str:
    """The repository with its owner, if the Hub still tells it; what was trained is worth more than the answer."""
    try:
        return open_or_warn(target)
    except HubError:
        return target.repo_id


def _write_predictions(
    folder: Path, split: str, corpus: DatasetDict, task: Task, scored: Mapping[str, SplitScores]
) -> None:
    path = folder / f"predictions.{split}.{task.predictions_suffix}"
    with replaced_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        task.write_predictions(file, corpus[split], scored[split])
