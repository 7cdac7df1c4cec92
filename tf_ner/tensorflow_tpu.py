"""TensorFlow for TPUs, which transformers, datasets and evaluate do not know by its name.

They look for TensorFlow under the names of a few distributions, `tensorflow-tpu` not among them, and without one go on
as if there were none. Here `tensorflow-tpu` answers to the name `tensorflow`, if nothing else does.
"""

import importlib.util
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
    try:
        spec = importlib.util.find_spec("tensorflow")
    except ValueError:
        # What stands in for it, as tools for documentation do, has none.
        return
    if spec is None or spec.origin is None:
        return
    if not any(Path(spec.origin).parents[1].glob("tensorflow_tpu-*.dist-info")):
        return
    sys.meta_path.append(_Finder())
    settings: Any = sys.modules.get("datasets.config")
    if settings is not None and settings.USE_TF == "AUTO":
        # It has looked already, but asks itself each time what it found.
        settings.TF_AVAILABLE = True
