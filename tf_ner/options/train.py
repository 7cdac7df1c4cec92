"""What a run is: every option, its default and its meaning, the same from the shell, from Python and from a file."""

import dataclasses
import json
import logging
import math
import re
import typing
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from tyro.conf import arg

from tf_ner.errors import ConfigError
from tf_ner.files import write_text
from tf_ner.options.checks import (
    as_typed,
    choices,
    is_encoding,
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
from tf_ner.options.kinds import Group, Kind, kinds_of, options_of
from tf_ner.options.tasks import TASKS
from tf_ner.options.trackers import ALL, NONE, TRACKERS

logger = logging.getLogger(__name__)

RUN_CONFIG = "run_config.json"
"""What a run's options are called in its folder; a folder that holds it is a run."""

METRICS = "metrics.json"
"""What a run's scores are called in its folder. They are written last: a folder that holds them is a finished run."""

PREDICTIONS = "predictions.test.conll"
"""What a run's word, gold tag and predicted tag of each word of the test split are called in its folder."""

ERRORS = "errors.jsonl"
"""What a run's wrong spans of the test split, or of validation where there is no test, are called in its folder."""

# With fewer, a 95 % interval rests on one or two of them.
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

OffsetUnit = Literal["characters", "utf-16", "bytes"]
"""What the offsets of spans count."""

OffsetEnds = Literal["exclusive", "inclusive"]
"""Whether a span ends at the place behind its last character, or at that itself."""

SeveralTags = Literal["error", "first", "none"]
"""What becomes of several tags in a cell: `none` reads the word as O."""

BareLabels = Literal["error", "entity", "outside"]
"""What labels without a prefix are, among tags with one."""

EmptyWords = Literal["error", "drop", "keep"]
"""What becomes of words that are empty, or of which nothing is visible; `keep` has the empty ones too."""

WordRule = Literal["corpus", "text"]
"""How raw text becomes words: as most tagged corpora are split, or finer, as spans marked in text need it."""

OverlapChoice = Literal["error", "longest", "first", "drop"]
"""What becomes of spans that overlap."""

LoopName = Literal["fit", "custom"]

PackingName = Literal["auto", "off"]

StrategyName = Literal["auto", "single", "mirrored", "multiworker", "tpu"]
"""The distribution strategy: `auto` is `multiworker` if TF_CONFIG names several machines, `mirrored` with several GPUs
or logical devices, and `single` otherwise; a TPU must be asked for."""

RuntimeName = Literal["auto", "tensorflow", "jax"]
"""What runs the steps. `auto` is `tensorflow`, but on a TPU that only JAX can use."""

Precision = Literal["float32", "bfloat16", "float16", "auto"]
"""What the model computes in; its weights, logits and loss are float32 always. `auto` is `bfloat16` where the devices
have units for its products, and `float32` elsewhere."""

HUB = "hub"
"""What `--resume-from` says for the checkpoint in the repository that the run is pushed to."""

_ROW_LENGTH = 128

HeadChoice = Literal["auto", "keep", "extend", "new"]
"""What becomes of the head of a model that is fine-tuned already."""

ScheduleName = Literal["linear", "cosine", "constant"]

BALANCED = ("balanced",)
"""What `--class-weights` says instead of weights, to have them worked out."""

COMMIT = re.compile("[0-9a-f]{40}")
"""How the Hub names a commit, other than branches and tags."""

_NAMED_WEIGHT = re.compile(r".+=(\d{1,9}(\.\d*)?|\.\d+)(e-\d{1,2}|e\d)?")

# What the Hub accepts as `language` and as `license`; its list of licences grows, so only their form is known here.
_LANGUAGE = re.compile("[a-z]{2,3}|code|multilingual")
_LICENSE = re.compile("[a-z0-9]+([.-][a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class ReadingConfig:
    """How a corpus is read."""

    _tasks: ClassVar[Collection[str]] = typing.get_args(TaggingTask)

    dataset_config: Annotated[str | None, Kind.DATA_PART, Group.DATA] = None
    """Configuration of a Hub data set."""
    dataset_revision: Annotated[str | None, Kind.STEPS | Kind.DATA_PART | Kind.COMMIT, Group.DATA] = None
    """Branch, tag or commit of a Hub data set."""
    validation_share: Annotated[float | None, Kind.DATA_PART | Kind.CARD, Group.DATA] = None
    """Share of the training data to validate with, such as 0.1, where there is no validation split: by document where
    there are documents, and no sentence in both parts."""
    validation_seed: Annotated[int, Kind.DATA_PART, Group.DATA] = 0
    """Seed of the choice for --validation-share; it does not depend on --seed."""
    task: Annotated[TaggingTask, Kind.STEPS | Kind.CARD, Group.MAIN] = "ner"
    """Tags to read: named entities, parts of speech or chunks."""
    columns: Annotated[tuple[str, ...] | None, Kind.READING | Kind.COLUMN | Kind.OF_TAGS, Group.TAGS] = None
    """Names of the columns of CoNLL files, such as `word pos chunk ner`; if not given, the first column is the word
    and, for ner, the last is the tag."""
    word_column: Annotated[str | None, Kind.READING | Kind.COLUMN | Kind.OF_TAGS, Group.TAGS] = None
    """Column or key of the words: a name, or an index from 0 (negative: from the right)."""
    tag_column: Annotated[str | None, Kind.READING | Kind.COLUMN | Kind.OF_TAGS, Group.TAGS] = None
    """Column or key of the tags: a name, or an index from 0 (negative: from the right)."""
    sentence_column: Annotated[str | None, Kind.READING | Kind.COLUMN | Kind.OF_TAGS, Group.TAGS] = None
    """In tables with one word per row, the column where a new value starts a sentence: a name, or an index from 0."""
    word_prefix: Annotated[str, Kind.READING | Kind.OF_TAGS, Group.TAGS] = ""
    """Prefix to strip from every word of CoNLL files, such as `en:`."""
    comments: Annotated[bool, Kind.READING | Kind.OF_TAGS, Group.TAGS] = False
    """Treat lines of CoNLL files that begin with # as comments."""
    label_names: Annotated[tuple[str, ...] | None, Kind.READING | Kind.OF_TAGS, Group.TAGS] = None
    """Names of tags that are numbers in the data, from 0, such as `O B-PER I-PER`."""
    several_tags: Annotated[SeveralTags, Kind.READING | Kind.OF_TAGS, Group.TAGS] = "error"
    """What to do with several tags in one cell, such as `B-PER|B-ORG`: refuse them, read the first, or none (O)."""
    bare_labels: Annotated[BareLabels, Kind.READING | Kind.OF_TAGS, Group.TAGS] = "error"
    """What to do with labels without a prefix, such as `TIM` beside `B-PER`: refuse them, read them as entities (B- and
    then I-), or as outside any entity (O)."""
    overlaps: Annotated[OverlapChoice, Kind.READING | Kind.OF_TAGS, Group.TAGS] = "error"
    """What to do with spans of text that overlap or have gaps, since a word has one tag: refuse them, keep the longest
    or the first of those that overlap (of one with gaps, that part), or drop all of them."""
    offset_unit: Annotated[OffsetUnit | None, Kind.READING | Kind.OF_TAGS, Group.TAGS] = None
    """What the offsets of spans count. If not given, what the texts that spans quote say, and characters without such
    texts."""
    offset_ends: Annotated[OffsetEnds | None, Kind.READING | Kind.OF_TAGS, Group.TAGS] = None
    """Whether spans end behind their last character (exclusive), or at it (inclusive); found out in the same way."""
    word_rule: Annotated[WordRule | None, Kind.READING | Kind.OF_TAGS, Group.TAGS] = None
    """How text becomes words, here and where the model gets new text: as in most tagged corpora (`corpus`), or finer,
    at every punctuation mark, and letter by letter in scripts without spaces (`text`). If not given, `text` where the
    data has text with spans or is split letter by letter, and otherwise `corpus`."""
    empty_words: Annotated[EmptyWords, Kind.READING | Kind.OF_TAGS, Group.TAGS] = "error"
    """What to do with words that are empty: refuse them, keep them (no model can read them: O), or drop them, together
    with words that hold only white space or invisible characters."""
    encoding: Annotated[str | None, Kind.READING, Group.DATA] = None
    """Encoding of files of text, such as cp1252 or utf-16; UTF-8 if not given."""
    scheme: Annotated[SchemeName | None, Kind.READING | Kind.OF_TAGS, Group.TAGS] = None
    """Tagging scheme of the entities; detected from the tags if not given."""
    map_label: Annotated[tuple[str, ...] | None, Kind.READING, Group.TAGS] = None
    """Labels to rename, as OLD=NEW, such as `GPE=LOC`."""
    ignore_label: Annotated[tuple[str, ...] | None, Kind.READING | Kind.OF_TAGS, Group.TAGS] = None
    """Labels to ignore: words of their entities are read as outside any entity."""

    def __post_init__(self) -> None:
        for field in ("columns", "map_label", "ignore_label", "label_names"):
            make_tuple(self, field)
        is_share = self.validation_share is None or 0 < self.validation_share < 1
        require(self, "validation_share", is_share, "a share above 0 and below 1")
        require_at_least(0, self, "validation_seed")
        require(self, "task", self.task in self._tasks, f"one of {', '.join(self._tasks)}")
        names = self.label_names or ()
        require(self, "label_names", len(set(names)) == len(names) and all(names), "each name once")
        require_one_of(self, "several_tags", SeveralTags)
        require_one_of(self, "bare_labels", BareLabels)
        require_one_of(self, "overlaps", OverlapChoice)
        require(self, "offset_unit", self.offset_unit in (None, *typing.get_args(OffsetUnit)), choices(OffsetUnit))
        require(self, "offset_ends", self.offset_ends in (None, *typing.get_args(OffsetEnds)), choices(OffsetEnds))
        require(self, "word_rule", self.word_rule in (None, *typing.get_args(WordRule)), choices(WordRule))
        require_one_of(self, "empty_words", EmptyWords)
        has_encoding = self.encoding is None or is_encoding(self.encoding)
        require(self, "encoding", has_encoding, "one that Python has, such as cp1252 or utf-16")
        require(self, "scheme", self.scheme in (None, *typing.get_args(SchemeName)), choices(SchemeName))
        renamed = [old for old, _ in self._renamed]
        are_pairs = all(old and new for old, new in self._renamed)
        require(self, "map_label", are_pairs and len(set(renamed)) == len(renamed), "OLD=NEW, each OLD once")
        are_labels = self.task == "pos" or all(new != "O" for _, new in self._renamed)
        require(self, "map_label", are_labels, "a NEW other than O, or the label under --ignore-label")
        require(self, "ignore_label", not set(renamed) & set(self.ignore_label or ()), "labels not in --map-label")
        refuse_for(self, "ignore_label", "task", bool(self.ignore_label) and self.task == "pos")

    @property
    def new_labels(self) -> dict[str, str | None]:
        """The new name of each label that shall have one; None for one that shall not be read."""
        # `TIM=B-TIM` says of a label without a prefix that it is one.
        renamed = {old: old if new in (f"B-{old}", f"I-{old}") else new for old, new in self._renamed}
        return {**renamed, **dict.fromkeys(self.ignore_label or ())}

    @property
    def _renamed(self) -> list[tuple[str, str]]:
        return [(old, new) for old, _, new in (pair.rpartition("=") for pair in self.map_label or ())]


@dataclass(frozen=True, kw_only=True)
class CorpusConfig(ReadingConfig):
    """Which corpus, and how it is read."""

    dataset: Annotated[str, Kind.SOURCE | Kind.DATA, Group.MAIN] = "conll2003"
    """Data set on the Hub, `sample`, or a folder of files named after their splits (train, valid, test)."""
    train_file: Annotated[Path | None, Kind.SOURCE | Kind.DATA, Group.DATA] = None
    """Training file, instead of --dataset."""
    validation_file: Annotated[Path | None, Kind.SOURCE | Kind.DATA, Group.DATA] = None
    """Validation file, used to select the best epoch, instead of --dataset."""
    test_file: Annotated[Path | None, Kind.SOURCE | Kind.DATA, Group.DATA] = None
    """Test file, for the final scores, instead of --dataset."""

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
class TaskReadingConfig(CorpusConfig):
    """Which task, on which data, and how they are read."""

    _tasks: ClassVar[Collection[str]] = TASKS.keys()

    # More values than where only words and tags are read.
    task: Annotated[str, arg(metavar="{" + ",".join(TASKS) + "}"), Kind.STEPS | Kind.CARD, Group.MAIN] = "ner"  # type: ignore[assignment]
    """What to learn: tags of entities, parts of speech or chunks; or one label per text or pair of texts."""
    text_columns: Annotated[tuple[str, ...] | None, Kind.READING | Kind.OF_TEXTS, Group.TEXTS] = None
    """Column or key of the texts, or two for pairs; if not given, known for GLUE, and otherwise found by usual
    names."""
    label_column: Annotated[str | None, Kind.READING | Kind.OF_TEXTS, Group.TEXTS] = None
    """Column or key of the labels of texts; `label` or `labels` if not given."""
    label_type: Annotated[LabelType, Kind.READING | Kind.OF_TEXTS, Group.TEXTS] = "auto"
    """Labels of texts: class names, or numbers (regression); `auto`: numbers if all are numeric and not all are
    whole."""
    quoting: Annotated[Quoting, Kind.READING | Kind.OF_TEXTS, Group.TEXTS] = "auto"
    """Treat quotes around cells in tables of texts as quoting, not as text; `auto`: on for CSV, off for TSV files."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_tuple(self, "text_columns")
        require_one_of(self, "quoting", Quoting)
        require_one_of(self, "label_type", LabelType)
        num_columns = len(self.text_columns) if self.text_columns is not None else 1
        require(self, "text_columns", num_columns in (1, 2), "one column, or two for pairs")


@dataclass(frozen=True, kw_only=True)
class TaskConfig(TaskReadingConfig):
    """Which task, on which data, and how these are cut into batches to be scored."""

    max_eval_examples: Annotated[int | None, Kind.STEPS | Kind.SCORING | Kind.CARD, Group.DATA] = None
    """Evaluate on the first N examples of each split only."""
    eval_batch_size: Annotated[int, Kind.SCORING | Kind.COMPUTE, Group.SCORES] = 32
    """Evaluation batch size per device, in windows."""
    packing: Annotated[PackingName, Kind.SCORING | Kind.COMPUTE | Kind.CARD, Group.LEARNING] = "auto"
    """Lay the sentences of a batch one behind the other instead of padding each: the same result with less to compute.
    `auto`: where the encoder can be computed so and batches have no fixed shape."""
    bootstrap: Annotated[int, Kind.SCORING, Group.SCORES] = 0
    """Number of bootstrap resamples for 95 % confidence intervals of the final scores; 0 for none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, self, "eval_batch_size", "max_eval_examples")
        require_one_of(self, "packing", PackingName)
        is_enough = self.bootstrap == 0 or self.bootstrap >= LEAST_RESAMPLES
        require(self, "bootstrap", is_enough, f"0 or at least {LEAST_RESAMPLES}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(TaskConfig):
    """Which encoder learns from which data, and how."""

    model: Annotated[str, Kind.STEPS | Kind.SOURCE, Group.MAIN] = "bert-base-cased"
    """Encoder on the Hub, folder with one, or `minilm`, the packaged encoder that needs no Hub."""
    model_revision: Annotated[str | None, Kind.STEPS | Kind.COMMIT, Group.INPUT] = None
    """Branch, tag or commit of a Hub model."""
    head: Annotated[HeadChoice, Kind.STEPS, Group.LEARNING] = "auto"
    """Head of a model that is fine-tuned already: keep it and its labels, extend it by labels that are new in the data,
    or begin with a new one. `auto`: keep it for the same labels, extend it for more."""
    output_dir: Annotated[Path | None, Kind.FOLDER, Group.MAIN] = None
    """Output folder; runs/<model>-<dataset> if not given."""
    overwrite: Annotated[bool, Kind.FOLDER | Kind.ONCE, Group.CHECKPOINTS] = False
    """Overwrite the run in --output-dir."""
    loop: Annotated[LoopName, Kind.COMPUTE, Group.LEARNING] = "fit"
    """Training loop: Keras `fit`, or the same training written out as a custom loop, to read and modify."""
    epochs: Annotated[int, Kind.STEPS | Kind.CARD, Group.MAIN] = 3
    """Number of training epochs."""
    batch_size: Annotated[int, Kind.PLAN | Kind.CARD, Group.MAIN] = 8
    """Training batch size per device, in windows."""
    accumulate: Annotated[int, Kind.PLAN | Kind.CARD, Group.LEARNING] = 1
    """Number of batches accumulated per step: 4 batches of 4 take the same step as one of 16, with less memory."""
    group_by_length: Annotated[bool, Kind.PLAN | Kind.CARD, Group.LEARNING] = False
    """Group sentences of similar length into batches: less padding, so faster, but short sentences weigh more."""
    learning_rate: Annotated[float, Kind.STEPS | Kind.CARD, Group.MAIN] = 2e-5
    """Peak learning rate."""
    schedule: Annotated[ScheduleName, Kind.STEPS | Kind.CARD, Group.LEARNING] = "linear"
    """Learning rate schedule: linear or cosine decay to 0, or constant."""
    layer_decay: Annotated[float, Kind.STEPS | Kind.CARD, Group.LEARNING] = 1.0
    """Layer-wise learning rate decay: each layer's rate is that of the layer above times this factor. The head has the
    full rate, the embeddings the lowest."""
    freeze_embeddings: Annotated[bool, Kind.STEPS | Kind.CARD, Group.LEARNING] = False
    """Freeze the embeddings."""
    freeze_layers: Annotated[int, Kind.STEPS | Kind.CARD, Group.LEARNING] = 0
    """Freeze the lowest N encoder layers, and the embeddings below them."""
    weight_decay: Annotated[float, Kind.STEPS | Kind.CARD, Group.LEARNING] = 0.01
    """Weight decay, for all weights except biases and layer norms."""
    warmup_ratio: Annotated[float, Kind.STEPS | Kind.CARD, Group.LEARNING] = 0.0
    """Fraction of all steps over which the learning rate warms up from 0."""
    warmup_steps: Annotated[int | None, Kind.STEPS | Kind.CARD, Group.LEARNING] = None
    """Number of warmup steps; overrides --warmup-ratio."""
    max_grad_norm: Annotated[float, Kind.STEPS | Kind.CARD, Group.LEARNING] = 1.0
    """Gradient clipping: maximum global norm."""
    max_length: Annotated[int | None, Kind.PLAN | Kind.CARD, Group.INPUT] = None
    """Maximum length in subwords; longer sentences are split into windows and merged again, longer texts are truncated.
    The encoder's limit if not given."""
    stride: Annotated[int, Kind.PLAN | Kind.OF_TAGS | Kind.CARD, Group.INPUT] = 64
    """Maximum overlap of a sentence's sliding windows, in subwords; never more than half a window."""
    label_smoothing: Annotated[float, Kind.STEPS | Kind.CARD, Group.LEARNING] = 0.0
    """Label smoothing in training: share of each label that is spread evenly over all labels."""
    class_weights: Annotated[tuple[str, ...] | None, Kind.STEPS | Kind.CARD, Group.LEARNING] = None
    """Loss weights of tags or labels, such as `O=0.5 B-PER=2 LOC=3` (1 for all others), or `balanced` for weights
    inversely proportional to frequency."""
    label_alignment: Annotated[LabelAlignment, Kind.PLAN | Kind.OF_TAGS | Kind.CARD, Group.INPUT] = "all"
    """Labels of a word's later subwords: `all`, its tag with I- for B-; `first`, none; `repeat`, its tag unchanged."""
    seed: Annotated[int, Kind.STEPS | Kind.CARD, Group.MAIN] = 42
    """Random seed for new weights, dropout and the order of the examples."""
    max_train_examples: Annotated[int | None, Kind.PLAN | Kind.CARD, Group.DATA] = None
    """Train on the first N examples only."""
    eval_every: Annotated[int | None, Kind.STEPS | Kind.CARD, Group.SCORES] = None
    """Evaluate on validation every N steps and after the last one; after each epoch if not given."""
    log_every: Annotated[int | None, Kind.STEPS, Group.SCORES] = None
    """Log loss and learning rate to `losses.csv`, and to trackers, every N steps."""
    report_to: Annotated[
        tuple[str, ...] | None,
        arg(metavar="{" + ",".join((*TRACKERS, ALL, NONE)) + "} [...]"),
        Kind.TRACKING,
        Group.SCORES,
    ] = None
    """Experiment trackers to report to: options, loss, learning rate and speed every --log-every steps (with each
    evaluation if not given), and all scores. `all`: those that are installed."""
    run_name: Annotated[str | None, Kind.TRACKING, Group.SCORES] = None
    """Name of the run in trackers; that of the output folder if not given."""
    run_group: Annotated[str | None, Kind.TRACKING, Group.SCORES] = None
    """Group of the run in W&B and trackio; with --seeds the name of the run if not given."""
    save_every: Annotated[int | None, Kind.CHECKPOINTS, Group.CHECKPOINTS] = None
    """Save a checkpoint every N steps, in addition to the one after each evaluation."""
    keep_checkpoints: Annotated[int | None, Kind.CHECKPOINTS, Group.CHECKPOINTS] = None
    """Keep the newest N checkpoints only; if not given, two during training and none once the run is finished."""
    resume: Annotated[bool, Kind.FOLDER | Kind.ONCE, Group.MAIN] = False
    """Resume from the newest checkpoint in the output folder; start from scratch if there is none, and leave a finished
    run as it is."""
    resume_from: Annotated[str | None, Kind.FOLDER | Kind.ONCE, Group.CHECKPOINTS] = None
    """Resume from this checkpoint: a folder such as runs/first/checkpoints/step-500, or `hub` for the one uploaded by
    --push-checkpoints. With --resume, the output folder's own checkpoint is used if it is later."""
    deterministic: Annotated[bool, Kind.COMPUTE | Kind.CARD, Group.LEARNING] = False
    """Make the run reproducible bit for bit, at some cost in speed."""
    strategy: Annotated[StrategyName, Kind.COMPUTE | Kind.OF_MACHINE, Group.DEVICES] = "auto"
    """Distribution strategy: one device, several devices of this machine, several machines (TF_CONFIG), or a TPU."""
    tpu: Annotated[bool, Kind.COMPUTE, Group.MAIN] = False
    """Train on a TPU: same as --strategy tpu, where --pad-to-length defaults to 128."""
    tpu_name: Annotated[str | None, Kind.COMPUTE, Group.DEVICES] = None
    """TPU to use: `local` for one attached to this machine, otherwise its name on Google Cloud. If not given, the value
    of the environment variable TPU_NAME, or else `local`."""
    runtime: Annotated[RuntimeName, Kind.COMPUTE, Group.DEVICES] = "auto"
    """What runs the steps: TensorFlow, or JAX on all its devices (needs `pip install tf-ner[jax]`; --pad-to-length then
    defaults to 128). `auto`: JAX for a TPU that TensorFlow cannot use."""
    logical_devices: Annotated[int | None, Kind.COMPUTE, Group.DEVICES] = None
    """Split the CPU into N logical devices, to try out multi-device training."""
    precision: Annotated[Precision, Kind.STEPS | Kind.CARD, Group.DEVICES] = "float32"
    """Precision of the computation; float16 needs a GPU. `auto`: bfloat16 if the devices have units for it, float32
    otherwise."""
    jit_compile: Annotated[bool, Kind.COMPUTE | Kind.CARD, Group.DEVICES] = False
    """Compile the training step with XLA, once: gives all batches one shape, where --pad-to-length defaults to 128."""
    pad_to_length: Annotated[int | None, Kind.STEPS | Kind.CARD, Group.DEVICES] = None
    """Give every batch the same number of rows of this length in subwords; longer sentences become windows."""
    rows_per_step: Annotated[int | None, Kind.PLAN | Kind.CARD, Group.DEVICES] = None
    """Number of packed rows of --pad-to-length (128 if not given) per replica, filled with as many sentences as there
    is room for; overrides --batch-size."""
    steps_per_execution: Annotated[int | None, Kind.COMPUTE, Group.DEVICES] = None
    """Maximum number of steps per call of the devices, as in Keras: saves the time between steps. Evaluation, logs and
    checkpoints still come at their steps. If not given: 16 on a TPU, 1 elsewhere and with --loop custom."""
    best_metric: Annotated[str | None, Kind.STEPS | Kind.CARD, Group.SCORES] = None
    """Validation score that selects the best epoch, such as `f1_PER` or `loss`. If not given: F1 for entities and
    chunks, accuracy for other labels, Pearson correlation for numbers, or the metric of the GLUE task."""
    early_stopping_patience: Annotated[int | None, Kind.STEPS | Kind.CARD, Group.SCORES] = None
    """Early stopping: stop after N evaluations without a new best score."""
    push_to_hub: Annotated[bool, Kind.PUSH, Group.MAIN] = False
    """Upload the run to the Hub after each evaluation and at the end, including the predictions for the test split with
    its words; log in first with `huggingface-cli login`."""
    hub_model_id: Annotated[str | None, Kind.PUSH, Group.HUB] = None
    """Hub repository to push to: name, user/name or organisation/name. The name of the output folder if not given."""
    hub_private: Annotated[bool, Kind.PUSH, Group.HUB] = False
    """Make a new repository private, and refuse to push to an existing public one."""
    hub_replace_card: Annotated[bool, Kind.PUSH | Kind.ONCE, Group.HUB] = False
    """Replace the repository's model card even if someone else wrote or edited it, text, licence and gating
    included."""
    push_checkpoints: Annotated[bool, Kind.PUSH, Group.HUB] = False
    """Also upload the newest checkpoint, so that --resume-from hub can resume elsewhere; needs --push-to-hub."""
    language: Annotated[tuple[str, ...] | None, Kind.DESCRIPTION, Group.HUB] = None
    """Model card: ISO 639 codes of the language or languages, such as `en` or `bn`."""
    license: Annotated[str | None, Kind.DESCRIPTION, Group.HUB] = None
    """Model card: licence of the model, as spelt on the Hub, such as `apache-2.0`."""
    widget: Annotated[tuple[str, ...] | None, Kind.DESCRIPTION, Group.HUB] = None
    """Model card: example texts, each as `title: text` or without a title (and then without a colon and space). If not
    given, three validation sentences; none if the option is given without texts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_path(self, "output_dir")
        for field in ("language", "widget", "class_weights", "report_to"):
            make_tuple(self, field)
        require_at_least(1, self, "epochs", "batch_size", "accumulate", "max_train_examples")
        require_at_least(1, self, "eval_every", "log_every", "save_every", "early_stopping_patience")
        require_at_least(1, self, "keep_checkpoints", "logical_devices", "rows_per_step", "steps_per_execution")
        takes_several = self.steps_per_execution is not None and self.steps_per_execution > 1
        refuse_together(self, "steps_per_execution", "loop", takes_several and self.loop == "custom")
        require_at_least(0, self, "weight_decay", "stride", "freeze_layers", "warmup_steps")
        require_at_least(3, self, "max_length", "pad_to_length")
        refuse_together(self, "rows_per_step", "packing", self.rows_per_step is not None and self.packing == "off")
        refuse_together(
            self, "rows_per_step", "group_by_length", self.rows_per_step is not None and self.group_by_length
        )
        require(self, "learning_rate", 0 < self.learning_rate < math.inf, "a finite number above 0")
        require(self, "weight_decay", self.weight_decay < math.inf, "a finite number of at least 0")
        require(self, "layer_decay", 0 < self.layer_decay <= 1, "more than 0 and at most 1")
        require(self, "warmup_ratio", 0 <= self.warmup_ratio <= 1, "0 to 1")
        require(self, "max_grad_norm", 0 < self.max_grad_norm < math.inf, "a finite number above 0")
        require(self, "seed", 0 <= self.seed < 2**32, "0 to 4294967295")
        require_one_of(self, "label_alignment", LabelAlignment)
        require_one_of(self, "schedule", ScheduleName)
        require_one_of(self, "loop", LoopName)
        require(self, "label_smoothing", 0 <= self.label_smoothing < 1, "0 or more and less than 1")
        are_weights = self.class_weights in (None, BALANCED) or all(map(_NAMED_WEIGHT.fullmatch, self.class_weights))
        require(self, "class_weights", are_weights, "`balanced`, or NAME=WEIGHT with a weight of 0 or more")
        self._check_trackers()
        self._check_devices()
        require_beside(self, "push_checkpoints", "push_to_hub", self.push_to_hub or not self.push_checkpoints)
        refuse_together(self, "overwrite", "resume", self.overwrite and self.resume)
        refuse_together(self, "overwrite", "resume_from", self.overwrite and self.resume_from is not None)
        self._check_card()

    def _check_trackers(self) -> None:
        names = self.report_to or ()
        is_alone = len(names) == 1 and names[0] in (ALL, NONE)
        are_trackers = bool(names) and len(set(names)) == len(names) and set(names) <= TRACKERS.keys()
        expected = f"{', '.join(TRACKERS)}, each at most once, or {ALL} or {NONE} alone"
        require(self, "report_to", self.report_to is None or is_alone or are_trackers, expected)
        for name in ("run_name", "run_group"):
            value = getattr(self, name)
            require(self, name, value is None or bool(value.strip()), "a name that is not empty")

    def _check_devices(self) -> None:
        require_one_of(self, "strategy", StrategyName)
        require_one_of(self, "precision", Precision)
        require_one_of(self, "runtime", RuntimeName)
        require_one_of(self, "head", HeadChoice)
        if self.runtime == "jax":
            refuse_together(self, "runtime", "strategy", self.strategy not in ("auto", "tpu"))
            refuse_together(self, "runtime", "packing", self.packing == "off")
            refuse_together(self, "runtime", "tpu_name", self.tpu_name is not None)
            require(self, "precision", self.precision != "float16", "bfloat16 on JAX")
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
        is_fixed = self.on_tpu or self.jit_compile or self.runtime == "jax" or self.rows_per_step is not None
        return self.pad_to_length or (_ROW_LENGTH if is_fixed else None)

    def _check_card(self) -> None:
        """Finds before the training what the Hub would refuse after it."""
        codes = self.language or ()
        expected = "ISO 639 codes of two or three lowercase letters, such as en or bn"
        require(self, "language", all(map(_LANGUAGE.fullmatch, codes)), expected)
        expected = "the Hub's name for a licence, in lowercase, such as apache-2.0, cc-by-4.0 or other"
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
    def tracked_name(self) -> str:
        """What the run is called in trackers."""
        return self.run_name or self.run_dir.resolve().name

    @property
    def widget_examples(self) -> list[tuple[str, str]]:
        """The title, empty where none was given, and the text of each `--widget`."""
        parts = [value.partition(": ") for value in self.widget or ()]
        return [(title.strip(), text.strip()) if colon else ("", title.strip()) for title, colon, text in parts]

    @property
    def loss_weights(self) -> dict[str, float] | Literal["balanced"] | None:
        """The weight of each tag or label that `--class-weights` names; None where none was asked for."""
        if self.class_weights is None:
            return None
        if self.class_weights == BALANCED:
            return "balanced"
        parts = [pair.rpartition("=") for pair in self.class_weights]
        return {name: float(weight) for name, _, weight in parts}

    def is_same_training(self, other: Self) -> bool:
        """Whether these are the options of one training, on whatever machine and with its sources in any folder."""
        sources = options_of(type(self), Kind.SOURCE)
        values = {*options_of(type(self), Kind.STEPS | Kind.DATA_PART)}.difference(sources)
        return all(self.effective(name) == other.effective(name) for name in values) and all(
            Path(getattr(self, name) or "").name == Path(getattr(other, name) or "").name for name in sources
        )

    def require_same_steps(self, saved: Path) -> None:
        """Makes sure that a run can go on with these options.

        The encoder may lie in another folder of the same name, as on another machine.

        Args:
            saved: The options it was begun with.

        Raises:
            ConfigError: They make other steps.
        """
        self._require_same(saved, options_of(type(self), Kind.STEPS), may_move=True)

    def require_same_result(self, saved: Path) -> None:
        """Makes sure that a finished run is what these options ask for.

        Args:
            saved: The options it was made with.

        Raises:
            ConfigError: They leave something else.
        """
        names = [name for name, kind in kinds_of(type(self)).items() if not kind & Kind.NO_RESULT]
        self._require_same(saved, names, may_move=False)

    def _require_same(self, saved: Path, names: Iterable[str], *, may_move: bool) -> None:
        found, kinds = self.load(saved), kinds_of(type(self))
        for name in names:
            before, now = getattr(found, name), getattr(self, name)
            if kinds[name] & Kind.STEPS and may_move:
                before, now = found.effective(name), self.effective(name)
            # A run notes the commits that it used; branches and tags move on.
            is_other = now is not None and bool(COMMIT.fullmatch(now)) if kinds[name] & Kind.COMMIT else True
            if name == "model" and may_move and Path(now).is_dir():
                before, now = Path(before).name, Path(now).name
            if is_other and before != now:
                received, begun = as_typed(name, now), as_typed(name, before)
                raise ConfigError(
                    f"Received {received} to resume {saved.parent}, which was started with {begun}; expected the same. "
                    f"Use the original options, for example with --config {saved}.",
                    option=name,
                )

    def with_commits_of(self, found: Self) -> Self:
        """These options with the commits that a run noted, whatever a branch or tag names now."""
        if (found.model, found.dataset) != (self.model, self.dataset):
            return self
        noted = {name: getattr(found, name) for name in options_of(type(self), Kind.COMMIT)}
        return dataclasses.replace(self, **{name: commit for name, commit in noted.items() if commit is not None})

    def matches_run(self, found: Self, *, is_asked_again: bool = False) -> bool:
        """Whether a run that saved `found` was made with these options, wherever its folder lies.

        Args:
            found: As it was saved.
            is_asked_again: The run was asked for with the same branches and tags, which may have moved on since.
        """
        # A run notes the commits that it used.
        commits = options_of(type(self), Kind.COMMIT)
        ignored = ["output_dir", *options_of(type(self), Kind.TRACKING)]
        ignored += [name for name in commits if is_asked_again or getattr(self, name) is None]
        return dataclasses.replace(self.to_repeat(), **{name: getattr(found, name) for name in ignored}) == found

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
                logger.warning("%s: %s This option is ignored.", path, error)
                del options[error.option]
