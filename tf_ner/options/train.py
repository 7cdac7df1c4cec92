"""What a run is: every option, its default and its meaning, the same from the shell, from Python and from a file."""

import dataclasses
import json
import logging
import math
import re
import typing
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from tyro.conf import arg

from tf_ner.errors import ConfigError
from tf_ner.files import write_text
from tf_ner.options.checks import (
    choices,
    make_path,
    make_tuple,
    refuse_for,
    refuse_together,
    require,
    require_at_least,
    require_beside,
    require_one_of,
)
from tf_ner.options.files import known_options, read_options, types_of
from tf_ner.options.kinds import Group, Kind, options_of
from tf_ner.options.tasks import TASKS

logger = logging.getLogger(__name__)

RUN_CONFIG = "run_config.json"
"""What a run's options are called in its folder; a folder that holds it is a run."""

METRICS = "metrics.json"
"""What a run's scores are called in its folder. They are written last: a folder that holds them is a finished run."""

PREDICTIONS = "predictions.test.conll"
"""What a run's word, gold tag and predicted tag of each word of the test split are called in its folder."""

# With fewer an interval at 95 % rests on one or two of them.
LEAST_RESAMPLES = 100

LabelAlignment = Literal["all", "first", "repeat"]

TaggingTask = Literal["ner", "pos", "chunk"]
"""Which tags of a corpus: those of entities and of chunks spell spans, those of parts of speech are any names."""

SchemeName = Literal["iob1", "iob2", "bioes", "bilou", "io", "plain"]
"""How tags spell entities; `bioes` is also called IOBES, `bilou` BILOU, `plain` has labels without a prefix."""

FormatName = Literal["conll", "conllu", "jsonl", "jsonl-spans", "csv", "tsv", "parquet"]
"""Formats of corpus files; `jsonl` has words and tags, `jsonl-spans` text and spans, `tsv` a header."""

LabelType = Literal["auto", "names", "numbers"]
"""What the labels of texts are; `auto`: numbers where all are, and not all are whole."""

Quoting = Literal["auto", "on", "off"]
"""Whether quotes around the cells of a table are no part of them; `auto`: in CSV files."""

LoopName = Literal["fit", "custom"]

StrategyName = Literal["auto", "single", "mirrored", "multiworker", "tpu"]
"""What shares the work: `auto` is `multiworker` where TF_CONFIG is set, `mirrored` where there are several devices of a
kind, and `single` otherwise; a TPU must be asked for."""

Precision = Literal["float32", "bfloat16", "float16"]
"""What the model computes in; its weights, logits and loss are float32 always."""

HUB = "hub"
"""What `--resume-from` says for the checkpoint in the repository that the run is pushed to."""

_PAD_ON_TPU = 128

ScheduleName = Literal["linear", "cosine", "constant"]

BALANCED = ("balanced",)
"""What `--class-weights` says instead of weights, to have them worked out."""

_NAMED_WEIGHT = re.compile(r".+=(\d{1,9}(\.\d*)?|\.\d+)(e-\d{1,2}|e\d)?")

# What the Hub takes for `language` and for `license`; its list of licences grows, so only their form is known here.
_LANGUAGE = re.compile("[a-z]{2,3}|code|multilingual")
_LICENSE = re.compile("[a-z0-9]+([.-][a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class ReadingConfig:
    """How a corpus is read."""

    _tasks: ClassVar[Collection[str]] = typing.get_args(TaggingTask)

    dataset_config: Annotated[str | None, Kind.DATA_PART, Group.DATA] = None
    """Which configuration of a Hub data set."""
    dataset_revision: Annotated[str | None, Kind.STEPS | Kind.DATA_PART | Kind.COMMIT, Group.DATA] = None
    """Which branch, tag or commit of a Hub data set."""
    task: Annotated[TaggingTask, Kind.STEPS | Kind.CARD, Group.MAIN] = "ner"
    """Which tags: of entities, of parts of speech, or of chunks."""
    columns: Annotated[tuple[str, ...] | None, Kind.READING | Kind.COLUMN | Kind.OF_TAGS, Group.TAGS] = None
    """What each column of CoNLL files holds, such as `word pos chunk ner`; otherwise the word is the first column and
    the tag the last."""
    word_column: Annotated[str | None, Kind.READING | Kind.COLUMN | Kind.OF_TAGS, Group.TAGS] = None
    """The column or key of the words: a name, or a number from 0 (negative from the right)."""
    tag_column: Annotated[str | None, Kind.READING | Kind.COLUMN | Kind.OF_TAGS, Group.TAGS] = None
    """The column or key of the tags: a name, or a number from 0 (negative from the right)."""
    sentence_column: Annotated[str | None, Kind.READING | Kind.COLUMN | Kind.OF_TAGS, Group.TAGS] = None
    """In a table of a word a row, the column whose next value begins a sentence: a name, or a number from 0."""
    word_prefix: Annotated[str, Kind.READING | Kind.OF_TAGS, Group.TAGS] = ""
    """What stands before every word of CoNLL files and is no part of it, such as `en:`."""
    comments: Annotated[bool, Kind.READING | Kind.OF_TAGS, Group.TAGS] = False
    """Lines of CoNLL files that begin with # are comments."""
    scheme: Annotated[SchemeName | None, Kind.READING | Kind.OF_TAGS, Group.TAGS] = None
    """How the tags spell entities; told from the tags if not given."""
    map_label: Annotated[tuple[str, ...] | None, Kind.READING, Group.TAGS] = None
    """New names of labels, such as `GPE=LOC`."""
    ignore_label: Annotated[tuple[str, ...] | None, Kind.READING | Kind.OF_TAGS, Group.TAGS] = None
    """Labels whose entities are read as no entities."""

    def __post_init__(self) -> None:
        for field in ("columns", "map_label", "ignore_label"):
            make_tuple(self, field)
        require(self, "task", self.task in self._tasks, f"one of {', '.join(self._tasks)}")
        require(self, "scheme", self.scheme in (None, *typing.get_args(SchemeName)), choices(SchemeName))
        renamed = [old for old, _ in self._renamed]
        are_pairs = all(old and new for old, new in self._renamed)
        require(self, "map_label", are_pairs and len(set(renamed)) == len(renamed), "OLD=NEW, each OLD once")
        are_labels = self.task == "pos" or all(new != "O" for _, new in self._renamed)
        require(self, "map_label", are_labels, "another NEW than O, or the label under --ignore-label")
        require(self, "ignore_label", not set(renamed) & set(self.ignore_label or ()), "labels not in --map-label")
        refuse_for(self, "ignore_label", "task", bool(self.ignore_label) and self.task == "pos")

    @property
    def new_labels(self) -> dict[str, str | None]:
        """The new name of each label that shall have one; None for one that shall not be read."""
        return {**dict(self._renamed), **dict.fromkeys(self.ignore_label or ())}

    @property
    def _renamed(self) -> list[tuple[str, str]]:
        return [(old, new) for old, _, new in (pair.rpartition("=") for pair in self.map_label or ())]


@dataclass(frozen=True, kw_only=True)
class CorpusConfig(ReadingConfig):
    """Which corpus, and how it is read."""

    dataset: Annotated[str, Kind.SOURCE | Kind.DATA, Group.MAIN] = "conll2003"
    """A data set on the Hub, `sample`, or a folder of files named after their splits (train, valid, test)."""
    train_file: Annotated[Path | None, Kind.SOURCE | Kind.DATA, Group.DATA] = None
    """File to train on, instead of --dataset."""
    validation_file: Annotated[Path | None, Kind.SOURCE | Kind.DATA, Group.DATA] = None
    """File to choose the best epoch by, instead of --dataset."""
    test_file: Annotated[Path | None, Kind.SOURCE | Kind.DATA, Group.DATA] = None
    """File for the final score, instead of --dataset."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("train_file", "validation_file", "test_file"):
            make_path(self, field)

    @property
    def files(self) -> dict[str, Path]:
        """The files named one by one, by split."""
        named = {"train": self.train_file, "validation": self.validation_file, "test": self.test_file}
        return {split: file for split, file in named.items() if file is not None}


@dataclass(frozen=True, kw_only=True)
class DataConfig(CorpusConfig):
    """Which sentences, and how they are cut into batches."""

    max_eval_examples: Annotated[int | None, Kind.STEPS | Kind.SCORING | Kind.CARD, Group.DATA] = None
    """Score only the first so many sentences of a split."""
    eval_batch_size: Annotated[int, Kind.SCORING | Kind.COMPUTE, Group.SCORES] = 32
    """Windows a batch while scoring."""
    bootstrap: Annotated[int, Kind.SCORING, Group.SCORES] = 0
    """How many times to draw the sentences again for a 95 % interval of the final scores; 0: none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, self, "eval_batch_size", "max_eval_examples")
        is_enough = self.bootstrap == 0 or self.bootstrap >= LEAST_RESAMPLES
        require(self, "bootstrap", is_enough, f"0 or at least {LEAST_RESAMPLES}")


@dataclass(frozen=True, kw_only=True)
class TaskConfig(DataConfig):
    """Which task, on which data."""

    _tasks: ClassVar[Collection[str]] = TASKS.keys()

    # Wider than where only words and tags are read.
    task: Annotated[str, arg(metavar="{" + ",".join(TASKS) + "}"), Kind.STEPS | Kind.CARD, Group.MAIN] = "ner"  # type: ignore[assignment]
    """What is learnt: tags of entities, of parts of speech or of chunks; or a label a text or a pair of texts."""
    text_columns: Annotated[tuple[str, ...] | None, Kind.READING | Kind.OF_TEXTS, Group.TEXTS] = None
    """The column or key of the texts, or the two of pairs; known for GLUE, and otherwise found by usual names."""
    label_column: Annotated[str | None, Kind.READING | Kind.OF_TEXTS, Group.TEXTS] = None
    """The column or key of the texts' labels; `label` if not given."""
    label_type: Annotated[LabelType, Kind.READING | Kind.OF_TEXTS, Group.TEXTS] = "auto"
    """Whether the texts' labels are names, or numbers to be learnt as such; `auto`: numbers where not all are whole."""
    quoting: Annotated[Quoting, Kind.READING | Kind.OF_TEXTS, Group.TEXTS] = "auto"
    """Quotes around the cells of tables of texts are no part of them; `auto`: on in CSV, off in TSV files."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_tuple(self, "text_columns")
        require_one_of(self, "quoting", Quoting)
        require_one_of(self, "label_type", LabelType)
        num_columns = len(self.text_columns) if self.text_columns is not None else 1
        require(self, "text_columns", num_columns in (1, 2), "one column, or two for pairs")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(TaskConfig):
    """Which encoder learns from which data, and how."""

    model: Annotated[str, Kind.STEPS | Kind.SOURCE, Group.MAIN] = "bert-base-cased"
    """An encoder on the Hub, a folder with one, or `minilm`, the one packaged for use without the Hub."""
    model_revision: Annotated[str | None, Kind.STEPS | Kind.COMMIT, Group.INPUT] = None
    """Which branch, tag or commit of a Hub model."""
    output_dir: Annotated[Path | None, Kind.FOLDER, Group.MAIN] = None
    """Where the run goes; runs/<model>-<dataset> if not given."""
    overwrite: Annotated[bool, Kind.FOLDER | Kind.ONCE, Group.CHECKPOINTS] = False
    """Replace the run that --output-dir holds."""
    loop: Annotated[LoopName, Kind.COMPUTE, Group.LEARNING] = "fit"
    """What makes the steps: `fit` of Keras, or the same training written out, to read and to change."""
    epochs: Annotated[int, Kind.STEPS | Kind.CARD, Group.MAIN] = 3
    """How many times to train on every sentence."""
    batch_size: Annotated[int, Kind.PLAN | Kind.CARD, Group.MAIN] = 8
    """Windows that the model reads at once."""
    accumulate: Annotated[int, Kind.PLAN | Kind.CARD, Group.LEARNING] = 1
    """Batches a step: 4 of 4 windows take the same step as one of 16, and less memory."""
    group_by_length: Annotated[bool, Kind.PLAN | Kind.CARD, Group.LEARNING] = False
    """Form batches of sentences of similar length: less padding, so faster, but short sentences weigh more."""
    learning_rate: Annotated[float, Kind.STEPS | Kind.CARD, Group.MAIN] = 2e-5
    """Highest learning rate."""
    schedule: Annotated[ScheduleName, Kind.STEPS | Kind.CARD, Group.LEARNING] = "linear"
    """How the learning rate falls: to 0 in a straight line or in half a cosine wave, or not at all."""
    layer_decay: Annotated[float, Kind.STEPS | Kind.CARD, Group.LEARNING] = 1.0
    """Each layer learns at the rate of the next one times this: the head at the whole rate, the embeddings least."""
    freeze_embeddings: Annotated[bool, Kind.STEPS | Kind.CARD, Group.LEARNING] = False
    """Leave the embeddings as they are."""
    freeze_layers: Annotated[int, Kind.STEPS | Kind.CARD, Group.LEARNING] = 0
    """Leave the encoder's lowest so many layers as they are, and the embeddings below them."""
    weight_decay: Annotated[float, Kind.STEPS | Kind.CARD, Group.LEARNING] = 0.01
    """Decay of all weights but biases and layer norms."""
    warmup_ratio: Annotated[float, Kind.STEPS | Kind.CARD, Group.LEARNING] = 0.0
    """Share of the steps over which the learning rate rises from 0, before it falls."""
    warmup_steps: Annotated[int | None, Kind.STEPS | Kind.CARD, Group.LEARNING] = None
    """How many steps it rises, whatever --warmup-ratio says."""
    max_grad_norm: Annotated[float, Kind.STEPS | Kind.CARD, Group.LEARNING] = 1.0
    """Longest gradient, over all weights; longer ones are scaled down."""
    max_length: Annotated[int | None, Kind.PLAN | Kind.CARD, Group.INPUT] = None
    """In subwords; longer sentences are split into windows and merged again, longer texts are cut. The encoder's limit
    if not given."""
    stride: Annotated[int, Kind.PLAN | Kind.OF_TAGS | Kind.CARD, Group.INPUT] = 64
    """In subwords: what two windows of one sentence share at most, and never more than half a window."""
    label_smoothing: Annotated[float, Kind.STEPS | Kind.CARD, Group.LEARNING] = 0.0
    """Share of each label that is spread over all labels alike, in training."""
    class_weights: Annotated[tuple[str, ...] | None, Kind.STEPS | Kind.CARD, Group.LEARNING] = None
    """How much tags or labels weigh in training, such as `O=0.5 B-PER=2 LOC=3`, others 1; or `balanced`: as much
    less as they are more frequent."""
    label_alignment: Annotated[LabelAlignment, Kind.PLAN | Kind.OF_TAGS | Kind.CARD, Group.INPUT] = "all"
    """What later subwords of a word learn: `all`, its tag with I- for B-; `first`, nothing; `repeat`, its tag."""
    seed: Annotated[int, Kind.STEPS | Kind.CARD, Group.MAIN] = 42
    """Seed of new weights, dropout and the order of the sentences."""
    max_train_examples: Annotated[int | None, Kind.PLAN | Kind.CARD, Group.DATA] = None
    """Train only on the first so many sentences."""
    eval_every: Annotated[int | None, Kind.STEPS | Kind.CARD, Group.SCORES] = None
    """Score validation every so many steps, and after the last; after each epoch if not given."""
    log_every: Annotated[int | None, Kind.STEPS, Group.SCORES] = None
    """Write loss and learning rate every so many steps to `losses.csv`."""
    save_every: Annotated[int | None, Kind.CHECKPOINTS, Group.CHECKPOINTS] = None
    """Write a checkpoint every so many steps, and not only after each evaluation."""
    keep_checkpoints: Annotated[int | None, Kind.CHECKPOINTS, Group.CHECKPOINTS] = None
    """Keep so many of the newest checkpoints; two while it trains and none of a finished run, if not given."""
    resume: Annotated[bool, Kind.FOLDER | Kind.ONCE, Group.MAIN] = False
    """Go on from the newest checkpoint in the output folder; begin where there is none, and change nothing where the
    run is finished."""
    resume_from: Annotated[str | None, Kind.FOLDER | Kind.ONCE, Group.CHECKPOINTS] = None
    """Go on from this checkpoint: a folder such as runs/first/checkpoints/step-500, or `hub`, the one that
    --push-checkpoints left in the repository. With --resume the output folder's own, if it is later."""
    deterministic: Annotated[bool, Kind.COMPUTE | Kind.CARD, Group.LEARNING] = False
    """Repeat a run to the last bit, at the price of some speed."""
    strategy: Annotated[StrategyName, Kind.COMPUTE | Kind.OF_MACHINE, Group.DEVICES] = "auto"
    """What shares the work: one device, several of this machine, several machines (TF_CONFIG), or a TPU."""
    tpu: Annotated[bool, Kind.COMPUTE, Group.MAIN] = False
    """Train on a TPU: --strategy tpu, and --pad-to-length 128 where no length is given."""
    tpu_name: Annotated[str | None, Kind.COMPUTE, Group.DEVICES] = None
    """Which TPU: `local` for one that is part of this machine, its name on Google Cloud otherwise. Found by the
    environment if not given."""
    logical_devices: Annotated[int | None, Kind.COMPUTE, Group.DEVICES] = None
    """Divide the CPU into so many devices, to try what several do."""
    precision: Annotated[Precision, Kind.STEPS | Kind.CARD, Group.DEVICES] = "float32"
    """What the model computes in; float16 needs a GPU."""
    jit_compile: Annotated[bool, Kind.COMPUTE | Kind.CARD, Group.DEVICES] = False
    """Compile the step with XLA, anew for each shape of a batch: best with --pad-to-length."""
    pad_to_length: Annotated[int | None, Kind.STEPS | Kind.CARD, Group.DEVICES] = None
    """In subwords; give every batch this one length and as many rows. Longer sentences are split into windows."""
    best_metric: Annotated[str | None, Kind.STEPS | Kind.CARD, Group.SCORES] = None
    """Which score on validation says what is best, such as `f1_PER` or `loss`; F1, or accuracy where there is none, if
    not given."""
    early_stopping_patience: Annotated[int | None, Kind.STEPS | Kind.CARD, Group.SCORES] = None
    """Stop after so many evaluations that are no better than the best before."""
    push_to_hub: Annotated[bool, Kind.PUSH, Group.MAIN] = False
    """Push the run to the Hub after each evaluation and at the end, predictions for the test split with its words
    included; log in first with `huggingface-cli login`."""
    hub_model_id: Annotated[str | None, Kind.PUSH, Group.HUB] = None
    """Where to push: name, user/name or organisation/name. The name of the output folder if not given."""
    hub_private: Annotated[bool, Kind.PUSH, Group.HUB] = False
    """Make a new repository private."""
    hub_replace_card: Annotated[bool, Kind.PUSH | Kind.ONCE, Group.HUB] = False
    """Replace the repository's model card even where somebody else wrote or changed it: text, licence, gate."""
    push_checkpoints: Annotated[bool, Kind.PUSH, Group.HUB] = False
    """Push the newest checkpoint too, so that --resume-from hub goes on elsewhere; needs --push-to-hub."""
    language: Annotated[tuple[str, ...] | None, Kind.DESCRIPTION, Group.HUB] = None
    """For the model card: ISO 639 codes of the language or languages, such as `en` or `bn`."""
    license: Annotated[str | None, Kind.DESCRIPTION, Group.HUB] = None
    """For the model card: the licence you give the model, as the Hub writes it, such as `apache-2.0`."""
    widget: Annotated[tuple[str, ...] | None, Kind.DESCRIPTION, Group.HUB] = None
    """For the model card: texts to try, each `title: text` or without a title (then no colon and space in it).
    Three sentences of validation stand in it if not given, and none if no text follows."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_path(self, "output_dir")
        for field in ("language", "widget", "class_weights"):
            make_tuple(self, field)
        require_at_least(1, self, "epochs", "batch_size", "accumulate", "max_train_examples")
        require_at_least(1, self, "eval_every", "log_every", "save_every", "early_stopping_patience")
        require_at_least(1, self, "keep_checkpoints", "logical_devices")
        require_at_least(0, self, "weight_decay", "stride", "freeze_layers", "warmup_steps")
        require_at_least(3, self, "max_length", "pad_to_length")
        require(self, "learning_rate", 0 < self.learning_rate < math.inf, "more than 0, and a number")
        require(self, "weight_decay", self.weight_decay < math.inf, "0 or more, and a number")
        require(self, "layer_decay", 0 < self.layer_decay <= 1, "more than 0 and at most 1")
        require(self, "warmup_ratio", 0 <= self.warmup_ratio <= 1, "0 to 1")
        require(self, "max_grad_norm", 0 < self.max_grad_norm < math.inf, "more than 0, and a number")
        require(self, "seed", 0 <= self.seed < 2**32, "0 to 4294967295")
        require_one_of(self, "label_alignment", LabelAlignment)
        require_one_of(self, "schedule", ScheduleName)
        require_one_of(self, "loop", LoopName)
        require(self, "label_smoothing", 0 <= self.label_smoothing < 1, "0 or more and less than 1")
        are_weights = self.class_weights in (None, BALANCED) or all(map(_NAMED_WEIGHT.fullmatch, self.class_weights))
        require(self, "class_weights", are_weights, "`balanced`, or NAME=WEIGHT with a weight of 0 or more")
        self._check_devices()
        require_beside(self, "push_checkpoints", "push_to_hub", self.push_to_hub or not self.push_checkpoints)
        refuse_together(self, "overwrite", "resume", self.overwrite and self.resume)
        refuse_together(self, "overwrite", "resume_from", self.overwrite and self.resume_from is not None)
        self._check_card()

    def _check_devices(self) -> None:
        require_one_of(self, "strategy", StrategyName)
        require_one_of(self, "precision", Precision)
        refuse_together(self, "tpu", "strategy", self.tpu and self.strategy not in ("auto", "tpu"))
        require_beside(self, "tpu_name", "tpu", self.on_tpu or self.tpu_name is None)
        device = "tpu" if self.tpu else "strategy"
        refuse_together(self, "logical_devices", device, self.on_tpu and self.logical_devices is not None)
        require(self, "precision", self.precision != "float16" or not self.on_tpu, "bfloat16 on a TPU")

    @property
    def on_tpu(self) -> bool:
        return self.tpu or self.strategy == "tpu"

    @property
    def fixed_length(self) -> int | None:
        """The one length of all batches, in subwords; None where each has its own."""
        return self.pad_to_length or (_PAD_ON_TPU if self.on_tpu else None)

    def _check_card(self) -> None:
        """Finds before the training what the Hub would refuse after it."""
        codes = self.language or ()
        expected = "ISO 639 codes of two or three small letters, such as en or bn"
        require(self, "language", all(map(_LANGUAGE.fullmatch, codes)), expected)
        expected = "the Hub's name of a licence, in small letters, such as apache-2.0, cc-by-4.0 or other"
        require(self, "license", self.license is None or bool(_LICENSE.fullmatch(self.license)), expected)
        texts = [text for _, text in self.widget_examples]
        # A shell would take a text with a dash in front for an option, and the card's command could not be run.
        is_fit = all(texts) and not any(value.startswith("-") for value in self.widget or ())
        require(self, "widget", is_fit, "texts that are not empty and do not begin with -")

    @property
    def hub_name(self) -> str:
        """The repository that the run is pushed to, named after the output folder where it was not given."""
        return self.hub_model_id or self.run_dir.resolve().name

    @property
    def run_dir(self) -> Path:
        """The output folder, named after model, data (and its configuration) and task where it was not given."""
        if self.output_dir is not None:
            return self.output_dir
        source = self.train_file.parent if self.train_file else Path(self.dataset)
        names = [Path(self.model).name, source.resolve().name if source.is_dir() else source.name]
        names += [self.dataset_config] if self.dataset_config else []
        names += [] if self.task == "ner" else [self.task]
        return Path("runs") / "-".join(re.sub(r"[^\w.]+", "-", name) for name in names)

    @property
    def widget_examples(self) -> list[tuple[str, str]]:
        """The title, empty where none was given, and the text of each `--widget`."""
        parts = [value.partition(": ") for value in self.widget or ()]
        return [(title.strip(), text.strip()) if colon else ("", title.strip()) for title, colon, text in parts]

    @property
    def weights_by_name(self) -> dict[str, float]:
        """The weight of each tag or label that `--class-weights` names."""
        parts = [pair.rpartition("=") for pair in self.class_weights or () if pair not in BALANCED]
        return {name: float(weight) for name, _, weight in parts}

    def is_same_training(self, other: Self) -> bool:
        """Whether these are the options of one training, on whatever machine and with its sources in any folder."""
        sources = options_of(type(self), Kind.SOURCE)
        values = {*options_of(type(self), Kind.STEPS | Kind.DATA_PART)}.difference(sources)
        return all(self.effective(name) == other.effective(name) for name in values) and all(
            Path(getattr(self, name) or "").name == Path(getattr(other, name) or "").name for name in sources
        )

    def effective(self, name: str) -> Any:
        """The value of an option, and where none is given, what follows from others."""
        return self.fixed_length if name == "pad_to_length" else getattr(self, name)

    def to_repeat(self) -> Self:
        """The options of this run for another one, which shall not replace or go on with what this one did."""
        once = options_of(type(self), Kind.ONCE)
        defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(self)}
        return dataclasses.replace(self, **{name: defaults[name] for name in once})

    def save(self, path: Path) -> None:
        """Writes JSON that `load` turns into an equal object."""
        write_text(path, json.dumps(dataclasses.asdict(self), indent=2, default=str) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote, or options in YAML.

        Raises:
            ConfigError: The file cannot be read, or is not that.
        """
        options = read_options(path, types_of(cls))
        try:
            return cls(**options)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}", option=error.option) from None

    @classmethod
    def load_known(cls, path: Path) -> Self:
        """Reads the options of a run, also of another version: what this one does not know is left out and warned of.

        Raises:
            ConfigError: The file cannot be read, or is not that.
        """
        options = known_options(path, types_of(cls))
        while True:
            try:
                return cls(**options)
            except ConfigError as error:
                if error.option not in options:
                    raise ConfigError(f"{path}: {error}") from None
                logger.warning("%s: %s It is read without this option.", path, error)
                del options[error.option]
