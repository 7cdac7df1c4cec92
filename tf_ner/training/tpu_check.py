"""What a run on a TPU will need, from the TPU's own compiler, on a machine without one."""

import dataclasses
import logging
import re
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import tensorflow as tf

from tf_ner.batches.layouts import Layout, PackedFixed, Padded, padding_ratio
from tf_ner.batches.to_tf import ReplicaBatches
from tf_ner.card.describe import shell_command
from tf_ner.errors import ConfigError
from tf_ner.options.commands import TpuCheckConfig
from tf_ner.training.jax_runtime import JaxScoring, JaxStrategy, JaxTraining
from tf_ner.training.job import Job, prepare_job
from tf_ner.training.loops import batches_to_train, make_step
from tf_ner.training.steps_at_once import plan_calls
from tf_ner.training.strategies import computing_in, with_known_precision
from tf_ner.training.topologies import Chip, compile_only_devices
from tf_ner.training.tpu_program import CompiledProgram
from tf_ner.training.tpu_report import Program, TpuReport

logger = logging.getLogger(__name__)


def tpu_check(config: TpuCheckConfig) -> TpuReport:
    """Compiles the steps of a training on a TPU; trains nothing, and writes nothing.

    Raises:
        TfNerError: The steps do not fit or cannot be compiled for this TPU, or data or model cannot be used.
    """
    topology, devices = compile_only_devices(config.topology)
    strategy = JaxStrategy(devices)
    run = with_known_precision(config.to_train(), strategy)
    # What is in memory at once is one piece of a step; a loop over several would be counted as one too.
    piece = dataclasses.replace(run, accumulate=1)
    with computing_in(run.precision):
        job = prepare_job(piece, strategy)
        compiler = _Compiler(job, strategy, config.topology)
        if config.find_batch:
            most = _most_rows(compiler, job, topology.chip)
            run, piece = (dataclasses.replace(options, rows_per_step=most) for options in (run, piece))
            job = prepare_job(piece, strategy)
        layout = _fixed_layout(job)
        training, scoring = compiler.training(layout), compiler.scoring()
        _require_both(training, scoring, topology.chip, config.topology)
    plan, num_replicas = job.plan, strategy.num_replicas_in_sync
    lengths = plan.encoded.lengths
    return TpuReport(
        topology=config.topology,
        num_devices=num_replicas,
        step=f"{plan.remark(num_replicas)}; {run.precision}"
        + (f"; a step adds up {run.accumulate} of these" if run.accumulate > 1 else ""),
        training=training,
        scoring=scoring,
        examples_a_step=plan.epochs * len(lengths) / len(plan.batches),
        rows_a_step=layout.num_rows * num_replicas,
        padding=plan.padding_ratio(num_replicas),
        padding_one_a_row=padding_ratio(Padded(row_length=run.fixed_length), lengths, plan.batches),
        chip=topology.chip,
        versions={name: version(name) for name in ("jax", "libtpu")},
        command=shell_command(run),
    )


def _require_both(training: Program, scoring: Program, chip: Chip, topology: str) -> None:
    """Makes sure that there is room to score while the state of the training stays where it is."""
    if (together := training.arguments + scoring.memory) > chip.memory:
        raise _TooLargeError(
            f"Received a run that needs {together / 1e9:.1f} GB on each device of {topology} to score while it trains, "
            f"which has {chip.memory / 1e9:.1f} GB; expected one that fits. Give a smaller --eval-batch-size, or "
            "choose another TPU."
        )


class _TooLargeError(ConfigError):
    """A step does not fit into a TPU's memory."""


class _Compiler:
    """Compiles the steps of a run.

    Args:
        job: The run.
        strategy: Its devices.
        topology: What they are called.
    """

    def __init__(self, job: Job, strategy: JaxStrategy, topology: str):
        self._job = job
        self._strategy = strategy
        self._topology = topology
        calls = plan_calls(job.config, strategy, steps_per_epoch=job.plan.steps_per_epoch)
        _, self._training = make_step(job, calls)

    def training(self, layout: PackedFixed) -> Program:
        """The step that trains, for batches that are laid out so.

        Raises:
            ConfigError: It does not fit, or cannot be compiled.
        """
        assert isinstance(self._training, JaxTraining)
        return self._compiled(self._training.compiled, batches_to_train(self._job), layout)

    def scoring(self) -> Program:
        """The step that scores; errors are those of `training`."""
        assert self._job.packed_model is not None
        step = JaxScoring(self._strategy, self._job.packed_model, self._job.task)
        batches = self._job.evaluation.scorer.batches_for(self._job.model)
        return self._compiled(step.compiled, batches, batches.layout)

    def _compiled(self, compiled: Callable[[Any], Any], batches: ReplicaBatches, layout: Layout) -> Program:
        def spec(found: tf.TensorSpec) -> Any:
            replicas, *of_replica = found.shape
            return self._strategy.spec((replicas, *layout.shape(len(of_replica))), found.dtype, is_shared_out=True)

        try:
            return _program(compiled(tf.nest.map_structure(spec, batches.dataset.element_spec)))
        except (RuntimeError, ValueError, NotImplementedError, tf.errors.OpError) as error:
            reason = " ".join(str(error).split())
            if found := _OUT_OF_MEMORY.search(reason):
                raise _TooLargeError(
                    f"Received a step that needs {found['needed']} of memory on each device of {self._topology}, which "
                    f"has {found['there']}; expected one that fits. Give a smaller --rows-per-step, or a smaller "
                    "--batch-size with --accumulate; --find-batch finds the largest."
                ) from None
            raise ConfigError(
                f"Received a step that cannot be compiled for {self._topology} ({reason}); expected operations that it "
                "has. Choose another model or TPU."
            ) from None


_OUT_OF_MEMORY = re.compile(
    r"RESOURCE_EXHAUSTED.*?\((?P<needed>[\d.]+[KMGT])\) exceeds available HBM \((?P<there>[\d.]+[KMGT])\)"
)


def _program(executable: Any) -> Program:
    memory, compiled = executable.memory_analysis(), CompiledProgram(executable.as_text())
    return Program(
        arguments=memory.argument_size_in_bytes,
        outputs=memory.output_size_in_bytes - memory.alias_size_in_bytes,
        temporaries=memory.temp_size_in_bytes,
        code=memory.generated_code_size_in_bytes,
        operations=executable.cost_analysis()["flops"],
        bytes_moved=compiled.bytes_moved(),
        cycles=compiled.cycles,
        all_reduces=compiled.all_reduces,
    )


def _fixed_layout(job: Job) -> PackedFixed:
    layout = job.plan.layout
    assert isinstance(layout, PackedFixed), "rows on a TPU have one shape"
    return layout


def _most_rows(compiler: _Compiler, job: Job, chip: Chip) -> int:
    """How many rows a step may have to fit into memory, to a twentieth of them; no more than there is data for."""
    layout = _fixed_layout(job)

    def memory(num_rows: int) -> int | None:
        try:
            return compiler.training(dataclasses.replace(layout, num_rows=num_rows)).memory
        except _TooLargeError:
            return None

    num_subwords = int(job.plan.encoded.lengths.sum())
    most = max(1, num_subwords // (layout.row_length * job.strategy.num_replicas_in_sync))
    fits, too_many = 0, most + 1
    guess = min(most, layout.num_rows)
    while too_many - fits > max(1, fits // 20):
        needed = memory(guess)
        logger.info("%d rows a device: %s", guess, "do not fit" if needed is None else f"{needed / 1e6:,.0f} MB")
        if needed is None:
            too_many = guess
        else:
            fits = guess
        # What rows need tells how many fit, as long as it is not known that some do not.
        likely = (fits + too_many) // 2 if needed is None or too_many <= most else int(fits * chip.memory / needed)
        guess = min(max(likely, fits + max(1, fits // 20)), too_many - 1)
    if fits == 0:
        compiler.training(dataclasses.replace(layout, num_rows=1))
    return fits
