"""A TPU, through TensorFlow or through JAX, or what to do where there is none."""

import functools
from pathlib import Path

import tensorflow as tf

from tf_ner.errors import ConfigError, in_one_line
from tf_ner.options.train import RuntimeName
from tf_ner.tensorflow_tpu import has_tpu_chip, is_tensorflow_tpu
from tf_ner.training.jax_runtime import JaxStrategy, jax_strategy

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
