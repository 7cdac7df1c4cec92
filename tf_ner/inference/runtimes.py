"""Exported models, run by what they were exported for: the same answers as from the original."""

import dataclasses
import hashlib
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from tf_ner.errors import ConfigError, ModelError, in_one_line
from tf_ner.inference.export.copied.batches import computed
from tf_ner.inference.export.formats import FORMATS, require_packages
from tf_ner.options.commands import RuntimeChoice
from tf_ner.options.train import Precision, TrainConfig
from tf_ner.tasks.registry import task_classes
from tf_ner.tasks.task import Outputs, Task
from tf_ner.tasks.tokenizers import load_config, load_tokenizer

SETTINGS = "export.json"
CERTIFICATE = "certificate.json"
"""What the folder of an export says of it; a folder that holds it is an export."""

_NAMES: dict[str, str] = {"tensorflow": "saved-model"}
"""What the runtime of a format is called where it has another name than that."""


class ExportedModel:
    """An exported model in its runtime.

    Args:
        folder: Of the export.
        settings: What its `export.json` says.

    Raises:
        ConfigError: The runtime is not installed.
        ModelError: It cannot load the model.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        form = FORMATS[settings["to"]]
        require_packages(settings["to"], (form.module,))
        runtime = importlib.import_module(f"tf_ner.inference.export.copied.{module_of(settings['to'])}")
        try:
            self._run = runtime.Model(folder, settings["precision"])
        except Exception as error:
            # Each runtime has errors of its own.
            raise ModelError(
                f"Received {folder}, whose model {form.requirement} cannot load ({str(error).partition(chr(10))[0]}); "
                "expected what `tf-ner export` wrote. Export again."
            ) from error
        self.settings = settings
        self._running = Lock()

    def forward(self, *, batch_size: int, score: str = "scores") -> Callable[[Mapping[str, Sequence[Any]]], Outputs]:
        """A function as `Forward` is: the tokenizer's columns → predictions and scores of each window.

        Args:
            batch_size: How many windows of 64 subwords a batch has.
            score: What is given for scores: `scores`, or the `probabilities` of all labels.
        """

        def predict(columns: Mapping[str, Sequence[Any]]) -> Outputs:
            rows = computed(
                self._run_batch,
                columns,
                padding=self.settings["padding"],
                is_padded_left=self.settings["is_padded_left"],
                batch_size=batch_size,
            )
            return Outputs([row["predictions"] for row in rows], [row[score] for row in rows])

        return predict

    def _run_batch(self, inputs: dict[str, Any]) -> dict[str, Any]:
        try:
            # Runtimes are for one thread at a time, and use all processors for it.
            with self._running:
                found: dict[str, Any] = self._run(inputs)
        except MemoryError:
            raise
        except Exception as error:
            raise ModelError(
                f"Received an exported model that {self.settings['to']} cannot run ({in_one_line(error)[:200]}); "
                "expected one that it can. Export for another runtime."
            ) from error
        return found


def module_of(runtime: str) -> str:
    """The module of `copied` that runs a format."""
    return f"runtime_{runtime.replace('-', '_')}"


def load_exported(
    model: str, runtime: RuntimeChoice = "auto", precision: Precision = "float32"
) -> tuple[ExportedModel, Task] | None:
    """Loads the export that a folder holds, and its task; None if it is no export, and TensorFlow is to run it.

    Args:
        model: A folder, or a name on the Hub.
        runtime: What is to run it.
        precision: What it is to compute in; not looked at where it is what is taken if nothing is said, or `auto`.

    Raises:
        ConfigError: It was not exported for this runtime or precision, or the runtime is not installed.
        ModelError: The export is damaged.
    """
    folder = Path(model)
    wanted = _NAMES.get(runtime, runtime)
    if not (folder / SETTINGS).is_file():
        if runtime in ("auto", "tensorflow"):
            return None
        raise ConfigError(
            f"Received --runtime {runtime} and {model}, which is no export; expected a folder that `tf-ner export` "
            f"wrote. Run `tf-ner export {model} --to {wanted}` first."
        )
    settings = _read_settings(folder)
    if wanted not in ("auto", settings["to"]):
        raise ConfigError(
            f"Received --runtime {runtime} and {model}, exported for {settings['to']}; expected the two to match. "
            f"Leave out --runtime, or export the model with --to {wanted}."
        )
    if not (folder / CERTIFICATE).is_file():
        raise ModelError(f"Received {model}, an export without its {CERTIFICATE}; expected both. Export again.")
    if precision not in ("float32", "auto", settings["precision"]):
        raise ConfigError(
            f"Received --precision {precision} and {model}, exported to compute in {settings['precision']}; expected "
            "the two to match. Leave out --precision, or export the model again."
        )
    return _loaded(folder, settings)


def load_export(folder: Path) -> tuple[ExportedModel, Task]:
    """Loads an export, and its task.

    Raises:
        ConfigError: Its runtime is not installed.
        ModelError: It is damaged, or none.
    """
    return _loaded(folder, _read_settings(folder))


def _loaded(folder: Path, settings: Mapping[str, Any]) -> tuple[ExportedModel, Task]:
    return ExportedModel(folder, settings), _load_task(folder, settings)


def _load_task(folder: Path, settings: Mapping[str, Any]) -> Task:
    config = load_config(str(folder))
    kind = next(kind for kind in task_classes() if kind.reads_words == settings["reads_words"])
    tokenizer = load_tokenizer(str(folder), for_words=kind.reads_words)
    run = TrainConfig(stride=settings["stride"])
    task: Any = kind.of_model(tokenizer, config, max_length=settings["max_length"], config=run)
    if "word_rule" in {field.name for field in dataclasses.fields(task)}:
        task = dataclasses.replace(task, word_rule=settings["word_rule"])
    assert isinstance(task, Task)
    return task


def _read_settings(folder: Path) -> dict[str, Any]:
    """What an export says of itself.

    Raises:
        ModelError: A file is missing or was changed since, or it was written by another version.
    """
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        changed = [name for name, digest in settings["files"].items() if digest_of(folder / name) != digest]
        is_known = settings["to"] in FORMATS and settings["version"] == VERSION
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"Received {folder}, whose {SETTINGS} cannot be read ({type(error).__name__}); expected what `tf-ner "
            "export` wrote. Export again."
        ) from error
    if changed or not is_known:
        reason = f"whose {changed[0]} is missing or was changed" if changed else "written by another version of tf_ner"
        raise ModelError(f"Received {folder}, {reason}; expected what `tf-ner export` wrote. Export again.")
    return settings


VERSION = 1
"""Of what an export says of itself."""


def digest_of(file: Path) -> str | None:
    """Of a file's content; None if there is none."""
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
