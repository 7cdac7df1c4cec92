"""What a run says of itself in its model card."""

import dataclasses
import importlib.metadata
import os
import platform
import random
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import tensorflow as tf
import tf_keras as keras
import transformers
from datasets import Dataset, DatasetDict
from transformers import PreTrainedTokenizerFast

from tf_ner.config import TrainConfig
from tf_ner.corpus.sources import hub_repository, is_sample
from tf_ner.corpus.tags import OUTSIDE, is_iob, split_tag
from tf_ner.hub.card_facts import CardFacts, Origin, WidgetExample
from tf_ner.tasks.token_classification import TokenClassification
from tf_ner.training.models import is_packaged

_HYPER_PARAMETERS = (
    "epochs", "batch_size", "group_by_length", "learning_rate", "weight_decay", "warmup_ratio", "max_grad_norm",
    "label_alignment", "max_length", "stride", "seed", "max_train_examples", "max_eval_examples",
)  # fmt: skip

# Where a run is left says nothing of what it is.
_NOT_IN_COMMAND = ("output_dir", "overwrite")

_NUM_EXAMPLES = 3
_MODERATE_LENGTH = range(8, 26)
"""In words: long enough for a name or two, short enough to be read at a glance."""


def describe_run(
    config: TrainConfig,
    corpus: DatasetDict,
    task: TokenClassification,
    *,
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    hub_id: str | None = None,
) -> CardFacts:
    """Gathers what a model card tells of a finished run; no path, no name of a machine."""
    options = {name: getattr(config, name) for name in _HYPER_PARAMETERS}
    return CardFacts(
        name=config.run_dir.resolve().name,
        hub_id=hub_id,
        base_model=_origin_of_model(config),
        data=_origin_of_data(config),
        languages=config.language or (),
        license=config.license,
        widget=list(_widget(config, corpus["validation"])),
        labels=_labels(task.tag_names),
        is_uncased=_is_uncased(task.tokenizer),
        max_length=task.max_length,
        num_train_sentences=len(corpus["train"]),
        max_eval_examples=config.max_eval_examples,
        metrics=metrics,
        history=history,
        hyper_parameters={**options, "max_length": task.max_length},
        versions=_versions(),
        hardware=_hardware(),
        command=shell_command(config),
    )


def shell_command(config: TrainConfig) -> str:
    """The shell command of a run: the options that differ from their defaults, folders by their last name."""
    words = ["tf-ner", "train"]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value == field.default or field.name in _NOT_IN_COMMAND:
            continue
        words.append("--" + field.name.replace("_", "-"))
        if isinstance(value, tuple):
            words += value
        elif value is not True:
            words.append(_last_name(value) if isinstance(value, str | Path) and Path(value).exists() else str(value))
    return shlex.join(words)


def _last_name(path: str | Path) -> str:
    return Path(path).resolve().name


def _origin_of_model(config: TrainConfig) -> Origin:
    if is_packaged(config.model):
        return Origin(name=config.model, kind="the packaged encoder")
    if Path(config.model).is_dir():
        return Origin(name=_last_name(config.model), kind="a local folder")
    return Origin(name=config.model, revision=config.model_revision)


def _origin_of_data(config: TrainConfig) -> Origin:
    if config.files:
        return Origin(name=", ".join(file.name for file in config.files.values()), kind="local files")
    if is_sample(config.dataset):
        return Origin(name=config.dataset, kind="the corpus that comes with tf_ner")
    if Path(config.dataset).is_dir():
        return Origin(name=_last_name(config.dataset), kind="a local folder")
    repository, revision = hub_repository(config.dataset, config.dataset_revision)
    return Origin(name=repository, config=config.dataset_config, revision=revision)


def _labels(tag_names: Sequence[str]) -> list[str]:
    """What the tags stand for, in their order: the kinds of entity, or the tags themselves where they are not IOB."""
    names = [tag for tag in tag_names if tag != OUTSIDE]
    return list(dict.fromkeys(split_tag(tag)[1] for tag in names)) if all(map(is_iob, names)) else names


def _widget(config: TrainConfig, validation: Dataset) -> Iterator[WidgetExample]:
    """The texts that were asked for, or some of validation; a number is the title of those without one."""
    titled = config.widget_examples
    if config.widget is None:
        titled = [("", text) for text in _draw_sentences(validation, seed=config.seed)]
    for number, (title, text) in enumerate(titled, start=1):
        yield WidgetExample(title=title or f"Example {number}", text=text)


def _draw_sentences(sentences: Dataset, *, seed: int) -> list[str]:
    """Draws a few sentences, their words joined by spaces: of moderate length, or else those that come nearest.

    Sentences with an entity go first, by their gold tags; what the model makes of them plays no part.
    """
    names = sentences.features["tags"].feature.names
    columns = sentences[:]
    rows = [
        (words, any(names[tag] != OUTSIDE for tag in tags))
        for words, tags in zip(columns["words"], columns["tags"], strict=True)
        if words
    ]
    random.Random(seed).shuffle(rows)

    def unfitness(row: tuple[list[str], bool]) -> tuple[int, bool]:
        words, has_entity = row
        return max(_MODERATE_LENGTH[0] - len(words), len(words) - _MODERATE_LENGTH[-1], 0), not has_entity

    return [" ".join(words) for words, _ in sorted(rows, key=unfitness)[:_NUM_EXAMPLES]]


def _is_uncased(tokenizer: PreTrainedTokenizerFast) -> bool:
    normalizer = tokenizer.backend_tokenizer.normalizer
    return normalizer is not None and normalizer.normalize_str("A") == normalizer.normalize_str("a")


def _versions() -> dict[str, str]:
    try:
        own = importlib.metadata.version("tf-ner")
    except importlib.metadata.PackageNotFoundError:
        own = "a checkout that is not installed"
    libraries = {"tensorflow": tf, "tf-keras": keras, "transformers": transformers, "datasets": datasets}
    others = {name: library.__version__ for name, library in libraries.items()}
    return {"tf_ner": own, **others, "Python": platform.python_version()}


def _hardware() -> str:
    """Processors, and devices as TensorFlow names them: `8 CPU cores; TensorFlow sees CPU:0, GPU:0 (Tesla T4)`."""
    names = []
    for device in tf.config.list_physical_devices():
        name = device.name.rpartition("device:")[2]
        model = tf.config.experimental.get_device_details(device).get("device_name")
        names.append(f"{name} ({model})" if model else name)
    return f"{os.cpu_count()} CPU cores; TensorFlow sees {', '.join(names)}"
