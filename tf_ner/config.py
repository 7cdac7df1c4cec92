"""What a run is: every option, its default and its meaning, the same from the shell, from Python and from a file."""

import dataclasses
import json
import re
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from tyro.conf import FlagCreatePairsOff, Positional, arg

from tf_ner.errors import ConfigError
from tf_ner.files import write_text

RUN_CONFIG = "run_config.json"
"""What a run's options are called in its folder; a folder that holds it is a run."""

LabelAlignment = Literal["all", "first", "repeat"]

# What the Hub takes for `language` and for `license`; its list of licences grows, so only their form is known here.
_LANGUAGE = re.compile("[a-z]{2,3}|code|multilingual")
_LICENSE = re.compile("[a-z0-9]+([.-][a-z0-9]+)*")


def _make_path(config: Any, name: str) -> None:
    """Lets a path be given as a string, as it comes from Python or JSON."""
    value = getattr(config, name)
    if value is not None:
        object.__setattr__(config, name, Path(value))


def _make_tuple(config: Any, name: str) -> None:
    """Lets several values be given as a list, as they come from JSON, and one value as a string."""
    value = getattr(config, name)
    if value is not None:
        object.__setattr__(config, name, (value,) if isinstance(value, str) else tuple(value))


def _require_at_least(least: int, config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _require(config, name, value is None or value >= least, f"at least {least}")


def _require(config: Any, name: str, fulfilled: bool, expected: str) -> None:
    if not fulfilled:
        option = "--" + name.replace("_", "-")
        value = getattr(config, name)
        received = " ".join(value) if isinstance(value, tuple) else value
        raise ConfigError(f"Received {option} {received}; expected {expected}. Change {option}.")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which sentences, and how they are cut into batches."""

    dataset: str = "conll2003"
    """A data set on the Hub, `sample`, or a folder of CoNLL files named after their splits (train, valid, test)."""
    dataset_config: str | None = None
    """Which configuration of a Hub data set."""
    dataset_revision: str | None = None
    """Which branch, tag or commit of a Hub data set."""
    train_file: Path | None = None
    """CoNLL file to train on, instead of --dataset."""
    validation_file: Path | None = None
    """CoNLL file to choose the best epoch by, instead of --dataset."""
    test_file: Path | None = None
    """CoNLL file for the final score, instead of --dataset."""
    max_eval_examples: int | None = None
    """Score only the first so many sentences of a split."""
    eval_batch_size: int = 32
    """Windows a batch while scoring."""

    def __post_init__(self) -> None:
        for field in ("train_file", "validation_file", "test_file"):
            _make_path(self, field)
        _require_at_least(1, self, "eval_batch_size", "max_eval_examples")

    @property
    def files(self) -> dict[str, Path]:
        """The files named one by one, by split."""
        named = {"train": self.train_file, "validation": self.validation_file, "test": self.test_file}
        return {split: file for split, file in named.items() if file is not None}


@dataclass(frozen=True, kw_only=True)
class TrainConfig(DataConfig):
    """Which encoder learns from which data, and how."""

    model: str = "bert-base-cased"
    """An encoder on the Hub, a folder with one, or `minilm`, the one packaged for use without the Hub."""
    model_revision: str | None = None
    """Which branch, tag or commit of a Hub model."""
    output_dir: Path | None = None
    """Where the run goes; runs/<model>-<dataset> if not given."""
    overwrite: bool = False
    """Replace the run that --output-dir holds."""
    epochs: int = 3
    """How many times to train on every sentence."""
    batch_size: int = 8
    """Windows a step."""
    group_by_length: bool = False
    """Form batches of sentences of similar length: less padding, so faster, but short sentences weigh more."""
    learning_rate: float = 2e-5
    """Highest learning rate; it falls to 0 in a straight line."""
    weight_decay: float = 0.01
    """Decay of all weights but biases and layer norms."""
    warmup_ratio: float = 0.0
    """Share of the steps over which the learning rate rises from 0."""
    max_grad_norm: float = 1.0
    """Longest gradient, over all weights; longer ones are scaled down."""
    max_length: int | None = None
    """In subwords; longer sentences are split into windows and merged again. The encoder's limit if not given."""
    stride: int = 64
    """In subwords: what two windows of one sentence share at most, and never more than half a window."""
    label_alignment: LabelAlignment = "all"
    """What later subwords of a word learn: `all`, its tag with I- for B-; `first`, nothing; `repeat`, its tag."""
    seed: int = 42
    """Seed of new weights, dropout and the order of the sentences."""
    max_train_examples: int | None = None
    """Train only on the first so many sentences."""
    push_to_hub: bool = False
    """Push the run to the Hub after each epoch and at the end; log in first with `huggingface-cli login`."""
    hub_model_id: str | None = None
    """Where to push: name, user/name or organisation/name. The name of the output folder if not given."""
    hub_private: bool = False
    """Make a new repository private."""
    language: tuple[str, ...] | None = None
    """For the model card: ISO 639 codes of the language or languages, such as `en` or `bn`."""
    license: str | None = None
    """For the model card: the licence you give the model, as the Hub writes it, such as `apache-2.0`."""
    widget: tuple[str, ...] | None = None
    """For the model card: texts to try, each `title: text` or without a title (then no colon and space in it).
    Three sentences of validation are published if not given, and none if no text follows."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _make_path(self, "output_dir")
        _make_tuple(self, "language")
        _make_tuple(self, "widget")
        _require_at_least(1, self, "epochs", "batch_size", "max_train_examples")
        _require_at_least(0, self, "weight_decay", "stride")
        _require_at_least(3, self, "max_length")
        _require(self, "learning_rate", self.learning_rate > 0, "more than 0")
        _require(self, "warmup_ratio", 0 <= self.warmup_ratio <= 1, "0 to 1")
        _require(self, "max_grad_norm", self.max_grad_norm > 0, "more than 0")
        _require(self, "seed", 0 <= self.seed < 2**32, "0 to 4294967295")
        alignments = typing.get_args(LabelAlignment)
        _require(self, "label_alignment", self.label_alignment in alignments, f"one of {', '.join(alignments)}")
        self._check_card()

    def _check_card(self) -> None:
        """Finds before the training what the Hub would refuse after it."""
        codes = self.language or ()
        expected = "ISO 639 codes of two or three small letters, such as en or bn"
        _require(self, "language", all(map(_LANGUAGE.fullmatch, codes)), expected)
        expected = "the Hub's name of a licence, in small letters, such as apache-2.0, cc-by-4.0 or other"
        _require(self, "license", self.license is None or bool(_LICENSE.fullmatch(self.license)), expected)
        texts = [text for _, text in self.widget_examples]
        # A shell would take a text with a dash in front for an option, and the card's command could not be run.
        is_fit = all(texts) and not any(value.startswith("-") for value in self.widget or ())
        _require(self, "widget", is_fit, "texts that are not empty and do not begin with -")

    @property
    def hub_name(self) -> str:
        """The repository that the run is pushed to, named after the output folder where it was not given."""
        return self.hub_model_id or self.run_dir.resolve().name

    @property
    def run_dir(self) -> Path:
        """The output folder, named after model and data where it was not given."""
        if self.output_dir is not None:
            return self.output_dir
        source = self.train_file.parent if self.train_file else Path(self.dataset)
        names = (Path(self.model).name, source.resolve().name if source.is_dir() else source.name)
        return Path("runs") / "-".join(re.sub(r"[^\w.]+", "-", name) for name in names)

    @property
    def widget_examples(self) -> list[tuple[str, str]]:
        """The title, empty where none was given, and the text of each `--widget`."""
        parts = [value.partition(": ") for value in self.widget or ()]
        return [(title.strip(), text.strip()) if colon else ("", title.strip()) for title, colon, text in parts]

    def save(self, path: Path) -> None:
        """Writes JSON that `load` turns into an equal object."""
        write_text(path, json.dumps(dataclasses.asdict(self), indent=2, default=str) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            ConfigError: The file is missing or is not a saved run.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(**values)
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
            raise ConfigError(
                f"Received {path} ({error}); expected a run_config.json as a run writes it. Check the path."
            ) from error


@dataclass(frozen=True, kw_only=True)
class PushConfig:
    """Push a finished run to the Hub; what is there already is not sent again."""

    run: Annotated[Positional[Path], arg(metavar="DIR")]
    """A run's output folder."""
    hub_model_id: str | None = None
    """Where to push: name, user/name or organisation/name. As the run was told, or the folder's name, if not given."""
    hub_private: bool = False
    """Make a new repository private."""
    dry_run: bool = False
    """Only list the files and their sizes."""

    def __post_init__(self) -> None:
        _make_path(self, "run")


DEMO = TrainConfig(model="minilm", dataset="sample", epochs=4, learning_rate=3e-4, group_by_length=True)
"""A run that needs no Hub and is done in two minutes on two CPU cores."""


@dataclass(frozen=True, kw_only=True)
class TrainCommand:
    """Fine-tune an encoder, score it on validation every epoch and on test at the end, and save the best epoch."""

    config: Annotated[TrainConfig, arg(name="")] = dataclasses.field(default_factory=TrainConfig)
    demo: FlagCreatePairsOff[bool] = False
    """Where no option is given: the packaged encoder, the sample corpus, two minutes, and no need of the Hub."""


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(DataConfig):
    """Score a fine-tuned model."""

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    """A run's output folder, or a model on the Hub."""
    model_revision: str | None = None
    """Which branch, tag or commit of a Hub model."""
    splits: tuple[str, ...] | None = None
    """Which splits to score; validation and test, where the data set has them, if not given."""
    output: Path | None = None
    """Where to write the scores as JSON."""


@dataclass(frozen=True, kw_only=True)
class PredictConfig:
    """Find the entities in text."""

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    """A run's output folder, or a model on the Hub."""
    file: Annotated[Positional[str], arg(metavar="FILE")] = "-"
    """A text file, a sentence a line; - is standard input."""
    model_revision: str | None = None
    """Which branch, tag or commit of a Hub model."""
    words: bool = False
    """The input is already split into words, with spaces between."""
    batch_size: int = 32
    """Windows a batch."""

    def __post_init__(self) -> None:
        _require_at_least(1, self, "batch_size")
