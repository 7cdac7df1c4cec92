"""What shares the work of a training: one device, several, several machines, or a TPU."""

import dataclasses
import functools
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from tf_ner.errors import ConfigError, TrainingError, in_one_line
from tf_ner.options.train import Precision, RuntimeName, StrategyName, TrainConfig
from tf_ner.training.jax_runtime import JaxStrategy, jax_strategy
from tf_ner.training.tpus import LOCAL, find_tpu

logger = logging.getLogger(__name__)

Strategy: TypeAlias = tf.distribute.Strategy | JaxStrategy
"""What shares the work: of TensorFlow, or of JAX."""


def choose_strategy(
    name: StrategyName = "auto",
    *,
    tpu: bool = False,
    tpu_name: str | None = None,
    logical_devices: int | None = None,
    runtime: RuntimeName = "auto",
) -> Strategy:
    """Chooses the devices to train on; must be called before TensorFlow is otherwise used in this process.

    Args:
        name: `single` (TensorFlow's default device), `mirrored` (all GPUs of this machine, or the logical devices),
            `multiworker` (the machines that TF_CONFIG names), `tpu`; `auto` is `multiworker` if TF_CONFIG names
            several, `mirrored` if there are several devices, and `single` otherwise.
        tpu: The same as the name `tpu`.
        tpu_name: `local` for a TPU of this machine, otherwise its name on Google Cloud; defaults to TPU_NAME, or to
            `local`.
        logical_devices: How many logical devices to split the CPU into, to try out training on several devices.
        runtime: `jax` takes the devices that JAX sees; `auto` does so for a TPU that TensorFlow cannot use.

    Raises:
        ConfigError: There are no such devices, or TF_CONFIG is invalid.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        _configure(functools.partial(tf.config.experimental.set_memory_growth, gpu, True))
    if tpu or name == "tpu":
        # JAX reaches what is attached to this machine, whatever the variable names.
        named = os.environ.get("TPU_NAME") if runtime != "jax" else None
        return find_tpu(tpu_name or named or LOCAL, runtime)
    if runtime == "jax":
        return _on_jax(name, logical_devices)
    if logical_devices is not None:
        _divide_cpu(logical_devices)
    if name == "auto":
        name = _most_fitting(logical_devices)
    if name == "multiworker":
        if logical_devices is not None:
            raise ConfigError(
                "Received --logical-devices and several machines; expected one of the two. Leave out "
                "--logical-devices, or unset TF_CONFIG."
            )
        return _multiworker(os.environ.get("TF_CONFIG", ""))
    if name == "mirrored":
        return _mirrored(logical_devices)
    return tf.distribute.get_strategy()


def _on_jax(name: StrategyName, logical_devices: int | None) -> JaxStrategy:
    # Each would take most of a GPU's memory for itself.
    _configure(functools.partial(tf.config.set_visible_devices, [], "GPU"))
    if name == "auto" and _most_fitting(logical_devices) == "multiworker":
        raise ConfigError(
            "Received --runtime jax and several machines in TF_CONFIG; expected one machine. Unset TF_CONFIG, or "
            "leave out --runtime jax."
        )
    try:
        return jax_strategy(None, logical_devices)
    except RuntimeError as error:
        raise ConfigError(
            f"Received --runtime jax, and JAX finds no device ({in_one_line(error)}); expected one. Look at the "
            "environment variable JAX_PLATFORMS and at the packages of JAX, or leave out --runtime jax."
        ) from None
    except ImportError:
        raise ConfigError(
            'Received --runtime jax without JAX; expected it to be installed. Run `pip install "tf-ner[jax]"`, and '
            'for a TPU `pip install "jax[tpu]"`, for a GPU `pip install "jax[cuda12]"`.'
        ) from None


def _most_fitting(logical_devices: int | None) -> StrategyName:
    if os.environ.get("TF_CONFIG") and len(_workers_of(os.environ["TF_CONFIG"])) > 1:
        return "multiworker"
    has_several = logical_devices is not None or len(tf.config.list_physical_devices("GPU")) > 1
    return "mirrored" if has_several else "single"


def _configure(change: Callable[[], None]) -> None:
    """Changes what can only be changed before TensorFlow has begun; later it stays as it is."""
    try:
        change()
    except RuntimeError:
        logger.debug("TensorFlow is already initialized: its devices stay as they are")


def _divide_cpu(num_devices: int) -> None:
    [cpu] = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(num_devices)]
    _configure(lambda: tf.config.set_logical_device_configuration(cpu, parts))
    found = len(tf.config.list_logical_devices("CPU"))
    if found < num_devices:
        raise ConfigError(
            f"Received --logical-devices {num_devices} in a process that already has {found}; expected it before "
            "TensorFlow is first used. Start a new process."
        )


# TensorFlow's devices can form one group in a process.
_group: list[tf.distribute.Strategy] = []


def _mirrored(logical_devices: int | None) -> tf.distribute.Strategy:
    # Asked for all devices, TensorFlow would take every CPU that there is, and beside GPUs none.
    names = [f"CPU:{number}" for number in range(logical_devices)] if logical_devices is not None else None
    if not _group:
        _group.append(tf.distribute.MirroredStrategy(names))
    [strategy] = _group
    if names is not None and strategy.num_replicas_in_sync != len(names):
        raise ConfigError(
            f"Received --logical-devices {logical_devices} in a process that has trained on "
            f"{strategy.num_replicas_in_sync} devices; expected the same. Start a new process."
        )
    return strategy


@functools.cache
def _multiworker(tf_config: str) -> tf.distribute.Strategy:
    """Joins the other machines; can be done once in a process."""
    workers = _workers_of(tf_config)
    logger.info("waiting for the %d machines in TF_CONFIG: %s", len(workers), ", ".join(workers))
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ConfigError(
            f"Received several machines in a process where TensorFlow is already initialized ({error}); expected them "
            "before TensorFlow is first used. Start a new process."
        ) from None
    except tf.errors.OpError as error:
        raise ConfigError(
            f"Received TF_CONFIG, whose machines cannot be joined ({in_one_line(error)}); expected "
            "this machine's port to be free and all others to respond. Check the addresses, and that each machine has "
            "its own index and runs one process."
        ) from None


def _workers_of(tf_config: str) -> list[str]:
    """The addresses of the machines in TF_CONFIG, the chief's first."""
    try:
        values = json.loads(tf_config or "{}")
        cluster, task = values["cluster"], values["task"]
        addresses = [*cluster.get("chief", []), *cluster.get("worker", [])]
        own = cluster[task["type"]][int(task["index"])]
        if own not in addresses:
            raise ValueError(f"the task {task['type']}")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"Received TF_CONFIG {tf_config[:200]!r} ({type(error).__name__}: {error}); expected something like "
            '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}. Set '
            "TF_CONFIG on each machine, with its own index."
        ) from None
    return addresses


def check_devices(
    strategy: Strategy,
    *,
    precision: str,
    jit_compile: bool,
    batch_size: int,
    accumulate: int,
    rows_per_step: int | None = None,
    deterministic: bool = False,
) -> None:
    """Says what the devices are, before the training, and refuses what they cannot do.

    Args:
        strategy: Knows them.
        precision: What the model computes in.
        jit_compile: Whether XLA compiles the step.
        batch_size: Examples a replica has in memory at once.
        accumulate: How many such batches a step has.
        rows_per_step: Rows that a replica has in memory at once, instead of so many examples.
        deterministic: Whether the same computation must give the same bits each time.

    Raises:
        ConfigError: They cannot.
    """
    num_replicas = strategy.num_replicas_in_sync
    gpus = tf.config.list_physical_devices("GPU")
    if precision == "float16" and not gpus:
        raise ConfigError(
            "Received --precision float16 and no GPU; expected one, since other devices compute it slowly or not at "
            "all. Use --precision bfloat16."
        )
    on_gpu_of_jax = isinstance(strategy, JaxStrategy) and strategy.platform == "gpu"
    if deterministic and on_gpu_of_jax and "xla_gpu_deterministic_ops" not in os.environ.get("XLA_FLAGS", ""):
        raise ConfigError(
            "Received --deterministic with --runtime jax on a GPU; expected XLA to be told before it starts. Set the "
            "environment variable XLA_FLAGS=--xla_gpu_deterministic_ops=true."
        )
    if jit_compile and num_replicas > 1 and not isinstance(strategy, tf.distribute.TPUStrategy | JaxStrategy):
        raise ConfigError(
            f"Received --jit-compile with {num_replicas} devices; expected one, since XLA cannot compile the "
            "communication between them within a step. Leave out --jit-compile, or use --strategy single."
        )
    if (
        not gpus
        and not isinstance(strategy, tf.distribute.TPUStrategy | JaxStrategy)
        and (warning := unseen_gpu_warning())
    ):
        logger.warning("%s", warning)
    kind = type(strategy).__name__.removeprefix("_").removesuffix("Strategy").replace("DefaultDistribution", "Single")
    kind = kind.replace("Jax", "JAX")
    size = rows_per_step or batch_size
    logger.info(
        "%s, %d %s (%s): batches of %d%s per replica, %d in total%s; %s",
        kind, num_replicas, "replica" if num_replicas == 1 else "replicas", _devices_of(strategy, has_gpu=bool(gpus)),
        size, " rows" if rows_per_step else "", size * num_replicas,
        f", {accumulate} of them per step" if accumulate > 1 else "", precision,
    )  # fmt: skip


# By which files Linux reaches a GPU, whether or not TensorFlow can; which variable hides it; and what can use it.
_GPUS = (
    ("NVIDIA", ("dev/nvidia[0-9]*", "usr/lib/wsl/lib/libcuda.so*"), "CUDA_VISIBLE_DEVICES",
     f'`pip install "tensorflow[and-cuda]=={tf.__version__}"`, and a recent enough driver'),
    ("AMD", ("dev/kfd",), "HIP_VISIBLE_DEVICES", "AMD's build of it, `pip install tensorflow-rocm`"),
)  # fmt: skip


def unseen_gpu_warning(*, root: Path = Path("/"), variables: Mapping[str, str] = os.environ) -> str | None:
    """One line if there is a GPU that is not hidden on purpose; for where TensorFlow has found none.

    Args:
        root: The file system to look in.
        variables: Of the environment.
    """
    for maker, patterns, hides, how in _GPUS:
        found = next((file for pattern in patterns for file in sorted(root.glob(pattern))), None)
        if found is not None and variables.get(hides) not in ("", "-1"):
            return (
                f"Found an {maker} GPU ({found}) that TensorFlow {tf.__version__} cannot use: running on the CPU. "
                f"Install {how}; or set {hides}=-1 to do without it."
            )
    return None


def _devices_of(strategy: Strategy, *, has_gpu: bool) -> str:
    if isinstance(strategy, JaxStrategy):
        return ", ".join(map(str, strategy.devices))
    if strategy.num_replicas_in_sync == 1 and not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return "GPU:0" if has_gpu else "CPU:0"
    # /job:worker/replica:0/task:1/device:CPU:0 of several machines, of one without a job, or with the job localhost.
    names = [
        re.sub("^(/job:localhost)?/replica:0/task:0/device:", "", name) for name in strategy.extended.worker_devices
    ]
    return ", ".join(name.replace("/replica:0", "").replace("/device:", " ").strip("/") for name in names)


def is_tpu(strategy: Strategy) -> bool:
    """Whether the devices are those of a TPU."""
    if isinstance(strategy, JaxStrategy):
        return strategy.platform == "tpu"
    return isinstance(strategy, tf.distribute.TPUStrategy)


def is_chief(strategy: Strategy) -> bool:
    """Whether this process writes the results; the others only compute."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return True
    resolver = strategy.cluster_resolver
    if "chief" in resolver.cluster_spec().as_dict():
        return resolver.task_type == "chief"
    return resolver.task_type == "worker" and resolver.task_id == 0


def add_over_processes(strategy: Strategy, values: NDArray[Any]) -> NDArray[Any]:
    """Adds up what the processes of a training have, each an array of the same shape; all get the sum."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return values
    num_own = len(strategy.extended.worker_devices)

    def of_replica(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        # One replica speaks for all of its process.
        speaks = context.replica_id_in_sync_group % num_own == 0
        return tf.constant(values if speaks else np.zeros_like(values))

    shared = strategy.experimental_distribute_values_from_function(of_replica)
    total: NDArray[Any] = strategy.reduce(tf.distribute.ReduceOp.SUM, shared, axis=None).numpy()
    return total


def all_processes_have(strategy: Strategy, number: int) -> bool:
    """Whether each process of a training has the same whole number, of at most 48 bits."""
    number_and_one = add_over_processes(strategy, np.array([number, 1], dtype=np.int64))
    total, num_processes = number_and_one.tolist()
    return bool(total == number * num_processes)


def with_known_precision(
    config: TrainConfig, strategy: Strategy | None = None, *, cpu_info: Path = Path("/proc/cpuinfo")
) -> TrainConfig:
    """Says instead of `auto` what is computed in, so that the run can be repeated, and gone on with, elsewhere.

    Args:
        config: The options of a run.
        strategy: The devices; those of TensorFlow if not given.
        cpu_info: Where Linux lists what the processor can do.
    """
    if config.precision != "auto":
        return config
    gpus = _gpu_generations(strategy)
    on_tpu = config.on_tpu or (strategy is not None and is_tpu(strategy))
    if on_tpu:
        has_units = True
    elif gpus:
        has_units = all(generation is not None and generation >= _AMPERE for generation in gpus)
    else:
        flags = cpu_info.read_text(encoding="utf-8", errors="replace") if cpu_info.exists() else ""
        has_units = not _BFLOAT16_FLAGS.isdisjoint(flags.split())
    logger.info(
        "--precision auto: %s, since the %s has %s for products in bfloat16",
        "bfloat16" if has_units else "float32",
        "TPU" if on_tpu else "GPU" if gpus else "processor",
        "units" if has_units else "no units",
    )
    return dataclasses.replace(config, precision="bfloat16" if has_units else "float32")


def _gpu_generations(strategy: Strategy | None) -> list[tuple[int, ...] | None]:
    """What NVIDIA calls compute capability, of each GPU; None where it is not known."""
    if isinstance(strategy, JaxStrategy):
        gpus = [device for device in strategy.devices if device.platform == "gpu"]
        known = [getattr(gpu, "compute_capability", None) for gpu in gpus]
        return [tuple(map(int, found.split("."))) if found else None for found in known]
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [found.get("compute_capability") for found in details]


_AMPERE = (8, 0)
"""The first NVIDIA generation with such units."""

_BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16", "bf16"}
"""What Linux calls them on x86 and ARM."""


@contextmanager
def computing_in(precision: Precision, *, deterministic: bool = False) -> Iterator[None]:
    """Lets models that are made meanwhile compute in a precision; their weights are float32.

    Args:
        precision: Of the computation.
        deterministic: Let the same computation give the same bits each time; in this process for good.
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32" if precision == "float32" else f"mixed_{precision}")
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


@contextmanager
def lost_workers_named(strategy: Strategy) -> Iterator[None]:
    """Turns what TensorFlow says when another machine is gone into a TrainingError."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.InternalError,
            tf.errors.DeadlineExceededError, tf.errors.FailedPreconditionError) as error:  # fmt: skip
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise
        raise TrainingError(
            f"Received no response from another machine in TF_CONFIG ({in_one_line(error)}); expected all to "
            "keep running to the end. Restart all of them with the same command and --resume."
        ) from None
