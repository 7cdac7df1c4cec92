"""A training from its first step to its last, with Keras's `fit` or with the loop written out."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tf_ner.batches.to_tf import ReplicaBatches
from tf_ner.learning.optimizer import make_optimizer, settle
from tf_ner.learning.train_step import AnyDataset, TrainStep, compile_step, make_train_step, training_steps
from tf_ner.training.callbacks import EverySteps, HistoryWriter, OwnCallbacks, ScoreLines, StopAtNoNumber, StopEarly
from tf_ner.training.checkpoints.callback import SaveCheckpoints
from tf_ner.training.checkpoints.checkpoints import CheckpointWriter, restore
from tf_ner.training.checkpoints.interrupts import Interrupts
from tf_ner.training.jax_runtime import JaxStrategy, JaxTraining
from tf_ner.training.job import Job
from tf_ner.training.steps_at_once import Calls, StepsAtOnce, TensorFlowSteps, plan_calls
from tf_ner.training.trackers.callback import ReportScores, ReportSteps, StepMeter
from tf_ner.training.trackers.tracked_run import TrackedRun

_NO_BAR = 2
"""The verbosity without a terminal: Keras prints a line an epoch."""


@dataclass(frozen=True, kw_only=True)
class RunCallbacks:
    """The callbacks of a training.

    Attributes:
        in_order: In the order in which they are called; those of the user see the scores of an epoch that ends with
            an evaluation.
        checkpoints: Which of them writes checkpoints.
        calls: How the steps are divided into calls of the devices, so that each sees the model as it must.
        verbose: As for `fit`.
        grad_norm: What the steps set to the norm of their gradients, if somebody is to be told.
    """

    in_order: list[keras.callbacks.Callback]
    checkpoints: SaveCheckpoints
    calls: Calls
    verbose: int
    grad_norm: tf.Variable | None


def make_callbacks(
    job: Job,
    *,
    writers: Sequence[keras.callbacks.Callback],
    pushers: Sequence[keras.callbacks.Callback],
    others: Sequence[keras.callbacks.Callback],
    tracked: TrackedRun,
    checkpoint_writer: CheckpointWriter | None,
    interrupts: Interrupts,
    after_checkpoint: Callable[[str], None] | None = None,
    verbose: int,
) -> RunCallbacks:
    """Adds what the options ask for to the callbacks that every run has.

    Args:
        job: Says how often what is done, and what the callbacks remember where it goes on.
        writers: What is called after each evaluation.
        pushers: What is called then, when all is written and reported.
        others: The user's own; of these a checkpoint remembers nothing.
        tracked: Where loss and scores are reported.
        checkpoint_writer: Writes checkpoints; None where another process does.
        interrupts: The signals that came.
        after_checkpoint: Called with a line about each.
        verbose: As for `fit`; where that shows no bar, there are lines for what comes more often than epochs.
    """
    config, before = job.config, job.resume_point.state if job.resume_point else None
    lines = [ScoreLines()] if verbose == _NO_BAR else []
    grad_norm, meter, scores, steps = _reports(job, tracked)
    after_evaluation = [*writers, *scores, *(steps if config.log_every is None else []), *pushers]
    after_evaluation += lines if config.eval_every else []
    if config.early_stopping_patience is not None:
        after_evaluation.append(StopEarly(config.early_stopping_patience, monitor=job.recipe.best_metric))
    evaluations = EverySteps([job.evaluation, *after_evaluation], num_steps=config.eval_every)
    stateful = {"evaluations": evaluations}
    if config.log_every is not None:
        table = HistoryWriter(config.run_dir / "losses.csv")
        stateful["losses"] = EverySteps([table, *steps, *lines], num_steps=config.log_every)
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
        tracked=tracked,
        after_writing=after_checkpoint,
    )
    stop_at_no_number = StopAtNoNumber(job.plan, job.task.tokenizer)
    own = OwnCallbacks(others)
    callbacks = [*meter, stop_at_no_number, *stateful.values(), own, checkpoints]
    calls = plan_calls(
        config,
        job.strategy,
        steps_per_epoch=job.plan.steps_per_epoch,
        told_every=interrupts.told_every if interrupts.told_every > 1 else None,
        watches_steps=own.watches_steps,
    )
    return RunCallbacks(in_order=callbacks, checkpoints=checkpoints, calls=calls, verbose=verbose, grad_norm=grad_norm)


def _reports(
    job: Job, tracked: TrackedRun
) -> tuple[tf.Variable | None, list[StepMeter], list[ReportScores], list[ReportSteps]]:
    """What measures the steps, and reports scores and steps; nothing where nobody is to be told."""
    if not tracked.is_reported:
        return None, [], [], []
    grad_norm = None
    # Steps of JAX do not tell it; of several machines one alone would have the variable, which all must make together.
    if not isinstance(job.strategy, JaxStrategy | tf.distribute.MultiWorkerMirroredStrategy):
        with job.strategy.scope():
            # All replicas have the same.
            grad_norm = tf.Variable(
                0.0,
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
    meter = StepMeter(job.plan, grad_norm=grad_norm)
    scores = ReportScores(tracked, evaluation=job.evaluation)
    return grad_norm, [meter], [scores], [ReportSteps(tracked, measure=meter.measure)]


def run_training(job: Job, callbacks: RunCallbacks) -> dict[str, Any]:
    """Trains, from the first step or from the job's checkpoint, and says how it went.

    Args:
        job: What to do; its model is changed.
        callbacks: What is called between the steps.

    Returns:
        What `metrics.json` holds under `training`.
    """
    model, plan, config, resume_point = job.model, job.plan, job.config, job.resume_point
    with job.strategy.scope():
        optimizer, train_step = make_step(job, callbacks.calls, grad_norm=callbacks.grad_norm)
        model.compile(optimizer=optimizer, loss=job.recipe.loss)
    if resume_point is not None:
        restore(model, resume_point.checkpoint)
    num_traces = 0
    if job.num_taken < len(plan.batches) and not (resume_point and resume_point.state.is_stopped):
        num_traces = _LOOPS[config.loop](job, batches_to_train(job).dataset, train_step, callbacks)
    settle(optimizer)
    # A callback may have ended training early.
    num_steps = int(optimizer.iterations.numpy())
    facts = _facts(job, num_steps=num_steps, seconds=callbacks.checkpoints.seconds)
    return {**facts, "trace_count": num_traces, "peak_memory_mb": _peak_memory_mb()}


def batches_to_train(job: Job) -> ReplicaBatches:
    """What the replicas read, from the first step that is left."""
    return ReplicaBatches(
        job.plan.encoded.windows,
        job.plan.batches[job.num_taken :],
        tokenizer=job.task.tokenizer,
        strategy=job.strategy,
        layout=job.plan.layout,
    )


def _facts(job: Job, *, num_steps: int, seconds: float) -> dict[str, Any]:
    """What is told of the steps that were taken."""
    plan, num_replicas = job.plan, job.strategy.num_replicas_in_sync
    taken = plan.batches[:num_steps]
    return {
        "seconds": round(seconds, 3),
        "examples_per_second": round(sum(map(len, taken)) / seconds, 3),
        "packed": job.packed_model is not None,
        "padding_ratio": round(plan.padding_ratio(num_replicas, num_steps=num_steps), 4),
        "steps": len(taken),
        "epochs": -(-len(taken) // plan.steps_per_epoch),
        "replicas": num_replicas,
        "precision": job.config.precision,
    }


def _piece_size(job: Job) -> int | None:
    """How many rows are computed at once, where a batch has more."""
    return job.config.batch_size if job.config.accumulate > 1 else None


def make_step(
    job: Job, calls: Calls, *, grad_norm: tf.Variable | None = None
) -> tuple[keras.optimizers.Optimizer, TrainStep | JaxTraining]:
    """The optimizer of a training, and the step that it makes; of JAX, as many steps as a call takes at most."""
    config, recipe = job.config, job.recipe
    optimizer = make_optimizer(
        learning_rate=config.learning_rate,
        num_steps=len(job.plan.batches),
        schedule=config.schedule,
        warmup_ratio=config.warmup_ratio,
        num_warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        max_grad_norm=None,
        rate_shares=recipe.rate_shares,
        scale_loss=config.precision == "float16",
    )
    if isinstance(job.strategy, JaxStrategy):
        assert job.packed_model is not None
        return optimizer, JaxTraining(
            job.strategy,
            job.packed_model,
            loss=recipe.loss,
            optimizer=optimizer,
            variables=recipe.variables,
            max_grad_norm=config.max_grad_norm,
            seed=config.seed,
            is_in_pieces=config.accumulate > 1,
            most_at_once=calls.most,
        )
    train_step = make_train_step(
        job.packed_model or job.model,
        loss=recipe.loss,
        optimizer=optimizer,
        variables=recipe.variables,
        max_grad_norm=config.max_grad_norm,
        piece_size=_piece_size(job),
        seed=config.seed,
        jit_compile=config.jit_compile,
        lazy_rows=_has_lazy_rows(job),
        grad_norm=grad_norm,
    )
    return optimizer, train_step


def _has_lazy_rows(job: Job) -> bool:
    """Whether those rows of the embedding wait that a step does not use: each device and each piece uses others."""
    config = job.config
    if job.packed_model is None or config.accumulate > 1 or config.precision == "float16" or config.jit_compile:
        return False
    embedding = job.model.get_input_embeddings().weight
    is_trained = any(variable is embedding for variable in job.recipe.variables)
    return is_trained and not isinstance(embedding, tf.distribute.DistributedValues)


def _run_fit(job: Job, dataset: AnyDataset, train_step: TrainStep | JaxTraining, callbacks: RunCallbacks) -> int:
    """Trains with Keras's `fit`; gives how often the step was traced."""
    model, plan = job.model, job.plan
    several: JaxTraining | TensorFlowSteps | None = train_step if isinstance(train_step, JaxTraining) else None
    if several is None and callbacks.calls.most > 1:
        several = TensorFlowSteps(model, train_step)
    if several is None:
        model.train_step = lambda batch: {"loss": train_step(*batch)}
    else:
        next_loss = StepsAtOnce(several.take, callbacks.calls, first_step=job.num_taken)

        # What Keras would otherwise make of a step, and call for each.
        def train_function(batches: Iterator[Any]) -> dict[str, Any]:
            loss = next_loss(batches)
            model._train_counter.assign_add(1)
            return {"loss": loss}

        model.train_function = train_function
    # The loss that each replica gives is that of the whole batch.
    model.distribute_reduction_method = "first"
    # Keras asks this, as it does to recover from a fault, where in the epochs it is.
    model._training_state = _KerasCounters(job.num_taken)
    try:
        model.fit(
            dataset,
            epochs=plan.epochs,
            steps_per_epoch=plan.steps_per_epoch,
            callbacks=callbacks.in_order,
            verbose=callbacks.verbose,
        )
    finally:
        model._training_state = None
    return _num_traces(several or model.train_function)


class _KerasCounters:
    """Where a training is, as Keras asks for it."""

    def __init__(self, step: int):
        self._step = step

    def maybe_load_initial_counters_from_ckpt(
        self, steps_per_epoch: int, initial_epoch: int, mode: Any
    ) -> tuple[int, int]:
        return divmod(self._step, steps_per_epoch)


def _run_loop(job: Job, dataset: AnyDataset, train_step: TrainStep | JaxTraining, callbacks: RunCallbacks) -> int:
    """Trains with the loop written out; calls the callbacks when `fit` would, and gives the same count."""
    model, plan = job.model, job.plan
    compiled = train_step if isinstance(train_step, JaxTraining) else compile_step(model, train_step, dataset)
    updates = training_steps(
        model,
        dataset,
        train_step=compiled,
        optimizer=model.optimizer,
        num_steps=len(plan.batches),
        first_step=job.num_taken,
    )
    called = keras.callbacks.CallbackList(
        callbacks.in_order,
        add_progbar=callbacks.verbose != 0,
        model=model,
        verbose=callbacks.verbose,
        epochs=plan.epochs,
        steps=plan.steps_per_epoch,
    )
    model.stop_training = False
    called.on_train_begin()
    first_epoch, first_batch = divmod(job.num_taken, plan.steps_per_epoch)
    for epoch in range(first_epoch, plan.epochs):
        called.on_epoch_begin(epoch)
        for batch in range(first_batch, plan.steps_per_epoch):
            called.on_train_batch_begin(batch)
            update = next(updates)
            called.on_train_batch_end(batch, {"loss": update.loss})
            if model.stop_training:
                break
        first_batch = 0
        called.on_epoch_end(epoch, {"loss": update.loss})
        if model.stop_training:
            break
    called.on_train_end()
    return _num_traces(compiled)


def _num_traces(step: Any) -> int:
    """How often a graph or a program was made of a step; never where TensorFlow is told to run functions eagerly."""
    if isinstance(step, JaxTraining):
        return step.num_programs
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
