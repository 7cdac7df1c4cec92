"""TensorFlow for TPUs, which transformers, datasets and evaluate do not know by its name.

They look for TensorFlow under the names of a few distributions, `tensorflow-tpu` not among them, and without one go on
as if there were none. Here `tensorflow-tpu` answers to the name `tensorflow`, if nothing else does.
"""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any


class _Finder:
    """Looks distributions up after all other finders of Python have."""

    @staticmethod
    def find_spec(*_: object) -> None:
        """Modules are none of its business."""

    @staticmethod
    def find_distributions(context: Any) -> list[Any]:
        # Slow to import, and needed with a TPU alone.
        from importlib.metadata import distribution

        return [distribution("tensorflow-tpu")] if context.name == "tensorflow" else []


def make_findable() -> None:
    """Lets libraries find `tensorflow-tpu`; where that is not installed, changes nothing.

    transformers looks when it is imported, so this must come before.
    """
    if not is_tensorflow_tpu():
        return
    sys.meta_path.append(_Finder())
    settings: Any = sys.modules.get("datasets.config")
    if settings is not None and settings.USE_TF == "AUTO":
        # It has looked already, but asks itself each time what it found.
        settings.TF_AVAILABLE = True


def is_tensorflow_tpu() -> bool:
    """Whether TensorFlow came with `tensorflow-tpu`."""
    try:
        spec = importlib.util.find_spec("tensorflow")
    except ValueError:
        # What stands in for it, as tools for documentation do, has none.
        return False
    if spec is None or spec.origin is None:
        return False
    return any(Path(spec.origin).parents[1].glob("tensorflow_tpu-*.dist-info"))


def search_no_network() -> None:
    """Lets libtpu not ask Google Cloud's metadata server for a TPU where this machine has none.

    On a machine outside of Google Cloud nobody answers, and `import tensorflow` waits for minutes. libtpu reads this
    when it is loaded, so it must come before TensorFlow and JAX.
    """
    if not has_tpu_chip():
        os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")


_GOOGLE = "0x1ae0"
_TPUS = {"0x0027", "0x0056", "0x005e", "0x0062", "0x0063", "0x006f", "0x0076"}
"""How PCI names the chips, from v2 to v7."""


def has_tpu_chip(root: Path = Path("/")) -> bool:
    """Whether a TPU is attached to this machine, as far as Linux can tell.

    Args:
        root: The file system to look in.
    """
    if any(root.glob("dev/accel[0-9]*")) or any(root.glob("dev/vfio/[0-9]*")):
        return True

    def says(device: Path, name: str) -> str:
        try:
            return (device / name).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    devices = root.glob("sys/bus/pci/devices/*")
    return any(says(device, "vendor") == _GOOGLE and says(device, "device") in _TPUS for device in devices)
