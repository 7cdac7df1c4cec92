"""`tf-ner export`: converted, run, compared with the original, and only then moved to where it belongs."""

import importlib.metadata
import logging
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from transformers import TFPreTrainedModel

from tf_ner.corpus.loading.splits import evaluation_splits
from tf_ner.errors import DataError, ModelError, OutputError, TfNerError, in_one_line
from tf_ner.files import folder_replaced_whole, write_json, write_text
from tf_ner.inference.export.certificate import Side, certify
from tf_ner.inference.export.formats import FORMATS, Inputs, format_of
from tf_ner.inference.export.graph import save_graph
from tf_ner.inference.export.page import page_of
from tf_ner.inference.forward import Forward
from tf_ner.inference.runtimes import CERTIFICATE, SETTINGS, VERSION, digest_of, load_export, module_of
from tf_ner.models.loading import load_trained, outputs_in_float32
from tf_ner.models.weights import save_config, save_tokenizer
from tf_ner.options.commands import ExportConfig, ExportPrecision, ExportRuntime
from tf_ner.tables import values_of
from tf_ner.tasks.registry import load_task_corpus
from tf_ner.tasks.task import Task
from tf_ner.training.strategies import computing_in

logger = logging.getLogger(__name__)

_CALIBRATION_EXAMPLES = 300
_BATCH_SIZE = 32

_PACKAGE = Path(__file__).parents[2]
_COPIED = {
    "predict.py": "inference/export/copied/predict.py",
    "batches.py": "inference/export/copied/batches.py",
    "tags.py": "corpus/tags.py",
    "windows.py": "tasks/windows.py",
    "words.py": "corpus/words.py",
}
"""What the folder of an export has besides the model, so that it runs without tf_ner: the very files that run here."""


def export(config: ExportConfig) -> dict[str, Any]:
    """Exports a model, and keeps the export if it does as well as the original.

    An earlier export stays as it is until then.

    Returns:
        What is in its `certificate.json`.

    Raises:
        ConfigError: The runtime does not compute in this precision, or is not installed.
        TfNerError: The model or the data cannot be used.
        ModelError: The export does not do as well, or that could not be measured.
    """
    form = format_of(config.to, config.precision)
    _require_place(config.folder)
    model, task = load_trained(config.model, revision=config.model_revision, task=config.task)
    if task.output_kind == "values":
        raise ModelError(
            f"Received {config.model}, which gives numbers; expected a model that gives labels. Use `tf-ner predict`."
        )
    corpus = load_task_corpus(task.reading_config(config.data))
    split = _split_of(config, corpus)
    task.compare_outputs(task.output_names_of(corpus))
    rows = corpus[split]
    logger.info("measuring on %d examples of %s of %s", len(rows), split, _source(config))
    if not len(rows):
        raise DataError(
            f"Received no example in {split}; expected labelled ones to measure on. Choose another --split."
        )
    seen = _training_rows(config, corpus) if form.learns_ranges and config.precision == "int8" else None
    config.folder.parent.mkdir(parents=True, exist_ok=True)
    with folder_replaced_whole(config.folder) as folder:
        computing = model if config.precision != "bfloat16" else _in_bfloat16(config)
        write_export(computing, task, folder, runtime=config.to, precision=config.precision, seen=seen)
        exported, its_task = load_export(folder)
        certificate = certify(
            rows,
            original=Side(task, Forward(model, task, batch_size=_BATCH_SIZE)),
            exported=Side(its_task, exported.forward(batch_size=_BATCH_SIZE)),
            precision=config.precision,
        )
        if certificate.failures:
            first, *others = certificate.failures
            raise ModelError(first + (f" (And {len(others)} more.)" if others else "") + " Nothing was kept.")
        said = {
            "model": Path(config.model).resolve().name,
            "runtime": form.requirement,
            "runtime_version": exported.settings["runtime_version"],
            "precision": config.precision,
            "machine": platform.machine(),
            "data": {"from": _source(config), "split": split},
            "calibrated_on": len(seen) if seen is not None else 0,
            **certificate.measured,
        }
        write_json(folder / CERTIFICATE, said)
        write_text(folder / "README.md", page_of(said))
    return said


def write_export(
    model: TFPreTrainedModel,
    task: Task,
    folder: Path,
    *,
    runtime: ExportRuntime,
    precision: ExportPrecision = "float32",
    seen: Dataset | None = None,
) -> None:
    """Converts a model and writes it with all that it takes to run it; nothing is measured here.

    Args:
        model: It computes in the precision, where that is bfloat16.
        task: Its task.
        folder: Where to; an empty one.
        runtime: What shall run it.
        precision: What it shall compute in.
        seen: Training sentences, for runtimes that must see some for int8.

    Raises:
        ModelError: The runtime has no means for something that the model does.
    """
    form = FORMATS[runtime]
    batches = _batches(task, seen) if seen is not None else iter(())
    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / "graph"
        save_graph(model, task, graph)
        try:
            form.convert(graph, folder, precision, batches)
        except (TfNerError, OSError, MemoryError):
            raise
        except Exception as error:
            # Converters have errors of their own for what they cannot express.
            raise ModelError(
                f"Received a model of type {model.config.model_type} that cannot be converted for {form.requirement} "
                f"in {precision} ({in_one_line(error)[:200]}); expected one that can. Export for another runtime, "
                "or in another precision."
            ) from error
    save_config(model, folder)
    save_tokenizer(task.tokenizer, folder)
    for name, source in {**_COPIED, "runtime.py": f"inference/export/copied/{module_of(runtime)}.py"}.items():
        shutil.copyfile(_PACKAGE / source, folder / name)
    version = importlib.metadata.version(form.requirement)
    write_text(folder / "requirements.txt", f"{form.requirement}=={version}\nnumpy\ntokenizers\n")
    files = {
        file.relative_to(folder).as_posix(): digest_of(file) for file in sorted(folder.rglob("*")) if file.is_file()
    }
    own = {"version": VERSION, "to": runtime, "precision": precision, "runtime_version": version}
    write_json(folder / SETTINGS, {**own, **_settings_of(task), "files": files})


def _settings_of(task: Task) -> dict[str, Any]:
    """What `predict.py` has to know of a task."""
    tokenizer = task.tokenizer
    names = list(tokenizer.model_input_names)
    fillers = {"input_ids": tokenizer.pad_token_id, "token_type_ids": tokenizer.pad_token_type_id}
    settings: dict[str, Any] = {
        "labels": list(task.output_names),
        "reads_words": task.reads_words,
        "has_entities": getattr(task, "has_entities", False),
        "scheme": getattr(task, "scheme", None),
        "outside": getattr(task, "outside_id", 0),
        "num_texts": getattr(task, "num_texts", None),
        "max_length": task.max_length,
        "stride": getattr(task, "stride", 0),
        "word_rule": getattr(task, "word_rule", "corpus"),
        "splits_special_tokens": tokenizer.split_special_tokens,
        "padding": {name: fillers.get(name, 0) for name in names},
        "is_padded_left": tokenizer.padding_side == "left",
    }
    if task.reads_words:
        columns = task.encode([["a"]])
        is_word = np.asarray(columns["word_ids"][0]) >= 0
        first, num_after = int(is_word.argmax()), int(is_word[::-1].argmax())
        last = len(is_word) - num_after
        rows = {name: columns[name][0] for name in names}
        settings["before"] = {name: row[:first] for name, row in rows.items()}
        settings["inner"] = {name: row[first] for name, row in rows.items()}
        settings["after"] = {name: row[last:] for name, row in rows.items()}
    return settings


def _in_bfloat16(config: ExportConfig) -> TFPreTrainedModel:
    """The model, computing in bfloat16 where the graph says it; OpenVINO is told when it runs."""
    if config.to != "saved-model":
        return load_trained(config.model, revision=config.model_revision, task=config.task)[0]
    with computing_in("bfloat16"):
        model, _ = load_trained(config.model, revision=config.model_revision, task=config.task)
    outputs_in_float32(model)
    return model


def _batches(task: Task, rows: Dataset) -> Iterator[Inputs]:
    """Each window alone <int32>[1, subwords], without padding."""
    names = task.tokenizer.model_input_names
    windows = task.encode_split(task.usual_rows(rows)).windows
    for values in zip(*(values_of(windows, name) for name in names), strict=True):
        yield {name: np.array([row], np.int32) for name, row in zip(names, values, strict=True)}


def _training_rows(config: ExportConfig, corpus: DatasetDict) -> Dataset:
    """Sentences from all parts of the training split."""
    if "train" not in corpus:
        raise DataError(
            f"Received --precision int8 with --to {config.to}, and data without a training split; expected one, from "
            "which to learn the ranges of values. Name it with --train-file or --dataset."
        )
    rows = corpus["train"]
    wanted = np.linspace(0, len(rows) - 1, min(_CALIBRATION_EXAMPLES, len(rows))).astype(np.int64)
    return rows.select(wanted)


def _split_of(config: ExportConfig, corpus: DatasetDict) -> str:
    """Where to measure: never on what was trained on."""
    known = evaluation_splits(corpus)
    # Those for validation come first, as they were chosen by before.
    ordered = sorted(known, key=lambda name: not name.startswith("validation"))
    wanted = config.split or next(iter(ordered), None)
    if wanted not in known:
        received = f"--split {wanted}" if wanted else "no split to measure on"
        raise DataError(
            f"Received {received} and data with the splits {', '.join(corpus)}; expected validation or test. Name one "
            "with --split, or a labelled file with --validation-file."
        )
    return wanted


def _source(config: ExportConfig) -> str:
    """Names what was measured on, without the folders of this machine."""
    if config.files:
        return ", ".join(file.name for file in config.files.values())
    return Path(config.dataset).name if Path(config.dataset).exists() else config.dataset


def _require_place(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and ((folder / SETTINGS).is_file() or not any(folder.iterdir()))):
        raise OutputError(
            f"Received {folder}, which holds something else than an export; expected a new folder, or an earlier "
            "export to replace. Choose another with --output."
        )
