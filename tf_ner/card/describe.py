"""What a run says of itself in its model card."""

import dataclasses
import importlib.metadata
import os
import platform
import random
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import tensorflow as tf
import tf_keras as keras
import transformers
from datasets import DatasetDict
from transformers import PreTrainedTokenizerFast

from tf_ner.card.facts import CardFacts, Origin, WidgetExample
from tf_ner.corpus.loading.hub_sets import hub_repository
from tf_ner.corpus.loading.splits import is_sample, validation_split
from tf_ner.options.kinds import Kind, kinds_of, options_of
from tf_ner.options.train import TrainConfig
from tf_ner.tasks.registry import foreign_options
from tf_ner.tasks.task import Example, Task
from tf_ner.tasks.tokenizers import is_packaged

_NUM_EXAMPLES = 3
_MODERATE_LENGTH = range(8, 26)
"""In words: long enough for a name or two, short enough to be read at a glance."""


def describe_run(
    config: TrainConfig,
    corpus: DatasetDict,
    task: Task,
    *,
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    hub_id: str | None = None,
) -> CardFacts:
    """Gathers what a model card tells of a finished run; no path, no name of a machine."""
    names = [name for name in options_of(TrainConfig, Kind.CARD) if name not in foreign_options(config.task)]
    rows = corpus[validation_split(corpus) or "train"]
    if config.widget is not None:
        shown = [(title, _example(text)) for title, text in config.widget_examples]
    else:
        shown = [("", example) for example in _draw(task.examples(rows), seed=config.seed)]
    options = {name: getattr(config, name) for name in names}
    options = {name: " ".join(value) if isinstance(value, tuple) else value for name, value in options.items()}
    return CardFacts(
        name=config.run_dir.resolve().name,
        hub_id=hub_id,
        base_model=_origin_of_model(config.model, config.model_revision),
        data=_origin_of_data(config.dataset, config.files, config.dataset_config, config.dataset_revision),
        languages=config.language or (),
        license=config.license,
        widget=list(_titled(shown)),
        labels=task.labels,
        task=task.words,
        is_uncased=_is_uncased(task.tokenizer),
        num_train_examples=len(corpus["train"]),
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
    words, kinds = ["tf-ner", "train"], kinds_of(TrainConfig)
    for field in dataclasses.fields(config):
        value, kind = getattr(config, field.name), kinds[field.name]
        # Where a run is left, pushed or reported says nothing of what it is.
        if value == field.default or kind & (Kind.FOLDER | Kind.PUSH | Kind.TRACKING):
            continue
        words.append("--" + field.name.replace("_", "-"))
        if isinstance(value, tuple):
            words += value
        elif value is not True:
            words.append(_last_name(value) if kind & Kind.SOURCE and Path(value).exists() else str(value))
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """A word for a shell, in one line and with every character seen, such as the tab of a pair."""
    if word.isprintable():
        return shlex.quote(word)
    seen = {"\t": r"\t", "\n": r"\n", "'": r"\'", "\\": r"\\"}
    characters = (
        seen.get(character) or (character if character.isprintable() else f"\\U{ord(character):08x}")
        for character in word
    )
    return f"$'{''.join(characters)}'"


def _last_name(path: str | Path) -> str:
    return Path(path).resolve().name


def _origin_of_model(model: str, revision: str | None) -> Origin:
    if is_packaged(model):
        return Origin(name=model, kind="the packaged encoder")
    if Path(model).is_dir():
        return Origin(name=_last_name(model), kind="a local folder")
    return Origin(name=model, revision=revision)


def _origin_of_data(dataset: str, files: Mapping[str, Path], configuration: str | None, revision: str | None) -> Origin:
    if files:
        return Origin(name=", ".join(file.name for file in files.values()), kind="local files")
    if is_sample(dataset):
        return Origin(name=dataset, kind="the corpus that comes with tf_ner")
    if Path(dataset).is_dir():
        return Origin(name=_last_name(dataset), kind="a local folder")
    repository, revision = hub_repository(dataset, revision)
    return Origin(name=repository, config=configuration, revision=revision)


def _titled(examples: Iterable[tuple[str, Example]]) -> Iterator[WidgetExample]:
    """Titles and texts, with a number as the title of those without one."""
    for number, (title, example) in enumerate(examples, start=1):
        yield WidgetExample(title=title or f"Example {number}", text=example.text, text_pair=example.text_pair)


def _example(text: str) -> Example:
    """A text as it was asked for; a pair has a tab between."""
    first, _, second = text.partition("\t")
    return Example(first, second)


def _draw(examples: list[Example], *, seed: int) -> list[Example]:
    """Draws a few examples of moderate length, or else those that come nearest.

    Good ones go first; what the model makes of them plays no part.
    """
    random.Random(seed).shuffle(examples)

    def unfitness(example: Example) -> tuple[int, bool]:
        num_words = len(example.text.split(" "))
        return max(_MODERATE_LENGTH[0] - num_words, num_words - _MODERATE_LENGTH[-1], 0), not example.is_good

    return sorted(examples, key=unfitness)[:_NUM_EXAMPLES]


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
