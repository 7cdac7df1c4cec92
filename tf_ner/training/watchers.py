"""Which callbacks a training has, and when each is called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tf_keras as keras
from transformers import PreTrainedTokenizerFast

from tf_ner.config import TrainConfig
from tf_ner.training.callbacks import HistoryWriter, ScoreLines, StopEarly
from tf_ner.training.checkpoints import CheckpointWriter, TrainingState
from tf_ner.training.interrupts import Interrupts
from tf_ner.training.pace import EverySteps
from tf_ner.training.plan import Plan
from tf_ner.training.recipe import Recipe
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
    config: TrainConfig,
    recipe: Recipe,
    plan: Plan,
    tokenizer: PreTrainedTokenizerFast,
    *,
    evaluation: keras.callbacks.Callback,
    writers: Sequence[keras.callbacks.Callback],
    others: Sequence[keras.callbacks.Callback],
    checkpoint_writer: CheckpointWriter | None,
    interrupts: Interrupts,
    before: TrainingState | None = None,
    after_checkpoint: Callable[[str], None] | None = None,
    verbose: int,
) -> Watchers:
    """Adds what the options ask for to the callbacks that every run has.

    Args:
        config: Says how often what is done.
        recipe: Says what is best.
        plan: The steps of the training.
        tokenizer: Reads the sentences back that a step learnt from.
        evaluation: Scores the model and puts the scores into its logs.
        writers: What is called after each evaluation.
        others: The user's own; of these a checkpoint remembers nothing.
        checkpoint_writer: Writes checkpoints; None where another process does.
        interrupts: The signals that came.
        before: What the callbacks remember where a training goes on.
        after_checkpoint: Called with a line about each.
        verbose: As for `fit`; where that shows no bar, there are lines for what comes more often than epochs.
    """
    lines = [ScoreLines()] if verbose == _NO_BAR else []
    after_evaluation = [*writers, *(lines if config.eval_every else [])]
    if config.early_stopping_patience is not None:
        after_evaluation.append(StopEarly(config.early_stopping_patience, monitor=recipe.best_metric))
    evaluations = EverySteps([evaluation, *after_evaluation], num_steps=config.eval_every)
    stateful = {"evaluations": evaluations}
    if config.log_every is not None:
        table = HistoryWriter(config.run_dir / "losses.csv")
        stateful["losses"] = EverySteps([table, *lines], num_steps=config.log_every)
    if before is not None:
        for name, callback in stateful.items():
            callback.set_state(before.callbacks[name])
    checkpoints = SaveCheckpoints(
        checkpoint_writer,
        plan=plan,
        evaluations=evaluations,
        stateful=stateful,
        interrupts=interrupts,
        every=config.save_every,
        before=before,
        after_writing=after_checkpoint,
    )
    callbacks = [StopAtNoNumber(plan, tokenizer), *stateful.values(), *others, checkpoints]
    return Watchers(callbacks=callbacks, checkpoints=checkpoints, verbose=verbose)
