"""A TPU, through TensorFlow or through JAX, or what to do where there is none."""

import contextlib
import functools
from pathlib import Path
from typing import Any

import tensorflow as tf

from tf_ner.errors import ConfigError, in_one_line
from tf_ner.options.train import RuntimeName
from tf_ner.tensorflow_tpu import has_tpu_chip, is_tensorflow_tpu
from tf_ner.training.jax_runtime import JaxStrategy

LOCAL = "local"
"""The name of a TPU that is attached to this machine."""

_HOW_TO_GET_ONE = (
    "On Colab choose Runtime > Change runtime type > TPU; on Kaggle Settings > Accelerator > TPU; on Google Cloud run "
    "this on the TPU VM itself, or name another one with --tpu-name. Without a TPU, leave out --tpu"
)


def find_tpu(name: str, runtime: RuntimeName, *, root: Path = Path("/")) -> "tf.distribute.Strategy | JaxStrategy":
    """Connects to a TPU.

    Args:
        name: `local`, or its name on Google Cloud, which only TensorFlow can reach.
        runtime: What shall run it; `auto`: TensorFlow, or else JAX.
        root: The file system in which the chips of this machine are found.

    Raises:
        ConfigError: There is none, or it cannot be used as it is.
    """
    is_local, has_chip = name == LOCAL, has_tpu_chip(root)
    # Without one, both would look for it for minutes.
    if is_local and not has_chip:
        raise ConfigError(
            f"Received --tpu on a machine without a TPU (no chip of one is among its devices); expected one. "
            f"{_HOW_TO_GET_ONE}; where a container hides it, give --runtime jax in its place."
        )
    reasons = []
    if runtime != "jax":
        try:
            return tensorflow_tpu(name)
        except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
            # Without the package, it says by itself that kernels are missing, such as that of ConfigureDistributedTPU.
            is_missing = is_local and not is_tensorflow_tpu()
            reason = "built without TPUs, which tensorflow-tpu has" if is_missing else in_one_line(error)
            reasons.append(f"TensorFlow {tf.__version__}: {reason}")
    if has_chip and runtime != "tensorflow":
        try:
            return jax_strategy("tpu")
        except ImportError:
            reasons.append("JAX: not installed")
        except RuntimeError as error:
            reasons.append(f"JAX: {in_one_line(error)}")
    advice = f" {_HOW_TO_GET_ONE}." if not is_local else ""
    raise ConfigError(
        f"Received --tpu, whose TPU {name!r} cannot be used ({'; '.join(reasons)}); expected one that TensorFlow or "
        'JAX sees. Install "tensorflow-tpu" in place of "tensorflow", as docs/tpu.md says, or run '
        f'`pip install "tf-ner[jax]" "jax[tpu]"`.{advice}'
    )


@functools.cache
def tensorflow_tpu(name: str) -> tf.distribute.Strategy:
    """Connects TensorFlow to a TPU; doing it again would wipe its memory."""
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    if not tf.config.list_logical_devices("TPU"):
        raise ValueError("it found no TPU device")
    return tf.distribute.TPUStrategy(resolver)


@functools.cache
def jax_strategy(platform: str | None, num_cpu_devices: int | None = None) -> JaxStrategy:
    """All devices that JAX sees.

    Args:
        platform: What they must be, such as `tpu`; JAX's choice if not given.
        num_cpu_devices: How many devices to divide the CPU into, to try out several.

    Raises:
        ImportError: JAX is not installed.
        RuntimeError: It does not see such devices.
        ConfigError: The devices cannot be used.
    """
    import jax

    if num_cpu_devices is not None:
        platform = "cpu"
        _divide_cpu_of_jax(num_cpu_devices)
    devices: list[Any] = jax.devices(platform)
    if jax.process_count() > 1:
        raise ConfigError(
            "Received a TPU with several hosts; expected one host. Choose a smaller TPU, or --runtime tensorflow."
        )
    if num_cpu_devices is not None and len(devices) < num_cpu_devices:
        raise ConfigError(
            f"Received --logical-devices {num_cpu_devices} in a process where JAX has {len(devices)}; expected it "
            "before JAX is first used. Start a new process."
        )
    return JaxStrategy(devices[:num_cpu_devices])


def _divide_cpu_of_jax(num_devices: int) -> None:
    import jax

    # Refused where JAX is used already, perhaps with as many.
    with contextlib.suppress(RuntimeError):
        if getattr(jax.config, "jax_num_cpu_devices") < num_devices:  # noqa: B009 it says nothing of its attributes
            jax.config.update("jax_num_cpu_devices", num_devices)
