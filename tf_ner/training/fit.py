"""A training from its first step to its last, with Keras's `fit` or with the loop written out."""

import sys
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras as keras
from transformers import TFPreTrainedModel

from tf_ner.batches.replicas import ReplicaBatches
from tf_ner.batches.sampling import padding_ratio, share_out, split_batches
from tf_ner.learning.loop import AnyDataset, TrainStep, compile_step, make_train_step, training_steps
from tf_ner.learning.optimizers import make_optimizer
from tf_ner.learning.recipe import Recipe
from tf_ner.options.train import TrainConfig
from tf_ner.training.checkpoints.checkpoints import restore
from tf_ner.training.job import Job
from tf_ner.training.plan import Plan
from tf_ner.training.watchers import Watchers


@dataclass(frozen=True, kw_only=True)
class _Steps:
    """A training that is ready for its next step, which each of the two loops takes.

    Attributes:
        model: Is compiled, and is changed.
        dataset: The batches of the steps that are left.
        train_step: As each replica takes it.
        plan: Of the whole training.
        num_taken: How many steps were taken before.
        watchers: Are called by the loop.
    """

    model: TFPreTrainedModel
    dataset: AnyDataset
    train_step: TrainStep
    plan: Plan
    num_taken: int
    watchers: Watchers


def run_training(job: Job, watchers: Watchers) -> dict[str, Any]:
    """Trains, from the first step or from the job's checkpoint, and says how it went.

    Args:
        job: What to do; its model is changed.
        watchers: The callbacks.

    Returns:
        What `metrics.json` holds under `training`.
    """
    model, plan, config, resume_point = job.model, job.plan, job.config, job.resume_point
    strategy = model.distribute_strategy
    with strategy.scope():
        optimizer, train_step = _make_step(model, plan, job.recipe, config)
        model.compile(optimizer=optimizer, loss=job.recipe.loss)
    if resume_point is not None:
        restore(model, resume_point.checkpoint)
    num_taken = job.num_taken
    # XLA's pieces of a batch have one size.
    is_filled = config.fixed_length is not None or (config.jit_compile and config.accumulate > 1)
    num_rows = config.batch_size * config.accumulate if is_filled else None
    num_traces = 0
    if num_taken < len(plan.batches) and not (resume_point and resume_point.state.is_stopped):
        batches = ReplicaBatches(
            plan.encoded.windows,
            plan.batches[num_taken:],
            tokenizer=job.task.tokenizer,
            strategy=strategy,
            num_rows=num_rows,
            num_subwords=config.fixed_length,
        )
        num_traces = _LOOPS[config.loop](
            _Steps(
                model=model,
                dataset=batches.dataset,
                train_step=train_step,
                plan=plan,
                num_taken=num_taken,
                watchers=watchers,
            )
        )
    # A callback may have ended training early.
    num_steps = int(optimizer.iterations.numpy())
    facts = _facts(plan, config, num_steps, watchers.checkpoints.seconds, strategy.num_replicas_in_sync, num_rows)
    return {**facts, "trace_count": num_traces, "peak_memory_mb": _peak_memory_mb()}


def _facts(
    plan: Plan, config: TrainConfig, num_steps: int, seconds: float, num_replicas: int, num_rows: int | None
) -> dict[str, Any]:
    """What is told of the steps that were taken, each replica's batch filled up to `num_rows` where they are fixed."""
    taken = plan.batches[:num_steps]
    read = split_batches(share_out(taken, num_replicas, num_rows=num_rows), config.batch_size)
    return {
        "seconds": round(seconds, 3),
        "examples_per_second": round(sum(map(len, taken)) / seconds, 3),
        "padding_ratio": round(padding_ratio(plan.encoded.lengths, read, num_subwords=config.fixed_length), 4),
        "steps": len(taken),
        "epochs": -(-len(taken) // plan.steps_per_epoch),
        "replicas": num_replicas,
        "precision": config.precision,
    }


def _make_step(
    model: TFPreTrainedModel, plan: Plan, recipe: Recipe, config: TrainConfig
) -> tuple[keras.optimizers.Optimizer, TrainStep]:
    optimizer = make_optimizer(
        learning_rate=config.learning_rate,
        num_steps=len(plan.batches),
        schedule=config.schedule,
        warmup_ratio=config.warmup_ratio,
        num_warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        max_grad_norm=None,
        rate_shares=recipe.rate_shares,
        scale_loss=config.precision == "float16",
    )
    train_step = make_train_step(
        model,
        loss=recipe.loss,
        optimizer=optimizer,
        variables=recipe.variables,
        max_grad_norm=config.max_grad_norm,
        piece_size=config.batch_size if config.accumulate > 1 else None,
        seed=config.seed,
        jit_compile=config.jit_compile,
    )
    return optimizer, train_step


def _run_fit(steps: _Steps) -> int:
    """Trains with Keras's `fit`; gives how often the step was traced."""
    model, plan, watchers = steps.model, steps.plan, steps.watchers
    model.train_step = lambda batch: {"loss": steps.train_step(*batch)}
    # The loss that each replica gives is that of the whole batch.
    model.distribute_reduction_method = "first"
    # Keras asks this, as it does to recover from a fault, where in the epochs it is.
    model._training_state = _KerasCounters(steps.num_taken)
    try:
        model.fit(
            steps.dataset,
            epochs=plan.epochs,
            steps_per_epoch=plan.steps_per_epoch,
            callbacks=watchers.callbacks,
            verbose=watchers.verbose,
        )
    finally:
        model._training_state = None
    return _num_traces(model.train_function)


class _KerasCounters:
    """Where a training is, as Keras asks for it."""

    def __init__(self, step: int):
        self._step = step

    def maybe_load_initial_counters_from_ckpt(
        self, steps_per_epoch: int, initial_epoch: int, mode: Any
    ) -> tuple[int, int]:
        return divmod(self._step, steps_per_epoch)


def _run_loop(steps: _Steps) -> int:
    """Trains with the loop written out; calls the callbacks when `fit` would, and gives the same count."""
    model, plan, watchers = steps.model, steps.plan, steps.watchers
    compiled = compile_step(model, steps.train_step, steps.dataset)
    updates = training_steps(
        model,
        steps.dataset,
        train_step=compiled,
        optimizer=model.optimizer,
        num_steps=len(plan.batches),
        first_step=steps.num_taken,
    )
    callbacks = keras.callbacks.CallbackList(
        watchers.callbacks,
        add_progbar=watchers.verbose != 0,
        model=model,
        verbose=watchers.verbose,
        epochs=plan.epochs,
        steps=plan.steps_per_epoch,
    )
    model.stop_training = False
    callbacks.on_train_begin()
    first_epoch, first_batch = divmod(steps.num_taken, plan.steps_per_epoch)
    for epoch in range(first_epoch, plan.epochs):
        callbacks.on_epoch_begin(epoch)
        for batch in range(first_batch, plan.steps_per_epoch):
            callbacks.on_train_batch_begin(batch)
            update = next(updates)
            callbacks.on_train_batch_end(batch, {"loss": update.loss})
            if model.stop_training:
                break
        first_batch = 0
        callbacks.on_epoch_end(epoch, {"loss": update.loss})
        if model.stop_training:
            break
    callbacks.on_train_end()
    return _num_traces(compiled)


def _num_traces(step: Any) -> int:
    """How often TensorFlow made a graph of a step; never where it is told to run functions eagerly."""
    return 0 if tf.config.functions_run_eagerly() else step.experimental_get_tracing_count()


_LOOPS = {"fit": _run_fit, "custom": _run_loop}


def _peak_memory_mb() -> int:
    """The most memory this process has held; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10
