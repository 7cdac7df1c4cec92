"""Which callbacks a training has, and when each is called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tf_keras as keras

from tf_ner.training.callbacks import HistoryWriter, ScoreLines, StopEarly
from tf_ner.training.checkpoints.checkpoints import CheckpointWriter
from tf_ner.training.checkpoints.interrupts import Interrupts
from tf_ner.training.job import Job
from tf_ner.training.pace import EverySteps
from tf_ner.training.safeguards import SaveCheckpoints, StopAtNoNumber

_NO_BAR = 2
"""The verbosity without a terminal: Keras prints a line an epoch."""


@dataclass(frozen=True, kw_only=True)
class Watchers:
    """The callbacks of a training.

    Attributes:
        callbacks: In the order in which they are called; those of the user see the scores of an epoch that ends with
            an evaluation.
        checkpoints: Which of them writes checkpoints.
        verbose: As for `fit`.
    """

    callbacks: list[keras.callbacks.Callback]
    checkpoints: SaveCheckpoints
    verbose: int


def make_watchers(
    job: Job,
    *,
    writers: Sequence[keras.callbacks.Callback],
    others: Sequence[keras.callbacks.Callback],
    checkpoint_writer: CheckpointWriter | None,
    interrupts: Interrupts,
    after_checkpoint: Callable[[str], None] | None = None,
    verbose: int,
) -> Watchers:
    """Adds what the options ask for to the callbacks that every run has.

    Args:
        job: Says how often what is done, and what the callbacks remember where it goes on.
        writers: What is called after each evaluation.
        others: The user's own; of these a checkpoint remembers nothing.
        checkpoint_writer: Writes checkpoints; None where another process does.
        interrupts: The signals that came.
        after_checkpoint: Called with a line about each.
        verbose: As for `fit`; where that shows no bar, there are lines for what comes more often than epochs.
    """
    config, before = job.config, job.resume_point.state if job.resume_point else None
    lines = [ScoreLines()] if verbose == _NO_BAR else []
    after_evaluation = [*writers, *(lines if config.eval_every else [])]
    if config.early_stopping_patience is not None:
        after_evaluation.append(StopEarly(config.early_stopping_patience, monitor=job.recipe.best_metric))
    evaluations = EverySteps([job.evaluation, *after_evaluation], num_steps=config.eval_every)
    stateful = {"evaluations": evaluations}
    if config.log_every is not None:
        table = HistoryWriter(config.run_dir / "losses.csv")
        stateful["losses"] = EverySteps([table, *lines], num_steps=config.log_every)
    if before is not None:
        for name, callback in stateful.items():
            callback.set_state(before.callbacks[name])
    checkpoints = SaveCheckpoints(
        checkpoint_writer,
        plan=job.plan,
        evaluations=evaluations,
        stateful=stateful,
        interrupts=interrupts,
        every=config.save_every,
        before=before,
        after_writing=after_checkpoint,
    )
    callbacks = [StopAtNoNumber(job.plan, job.task.tokenizer), *stateful.values(), *others, checkpoints]
    return Watchers(callbacks=callbacks, checkpoints=checkpoints, verbose=verbose)
