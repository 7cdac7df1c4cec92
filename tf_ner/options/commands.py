"""The options of each command, apart from those that define a run."""

import dataclasses
import re
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from tyro import MISSING
from tyro.conf import FlagCreatePairsOff, Positional, arg

from tf_ner.options.checks import (
    choices,
    make_path,
    make_tuple,
    refuse_for,
    refuse_together,
    require,
    require_at_least,
    require_one_of,
)
from tf_ner.options.files import read_options, types_of
from tf_ner.options.kinds import Kind, kinds_of, options_of
from tf_ner.options.train import (
    LEAST_RESAMPLES,
    FormatName,
    Precision,
    ReadingConfig,
    SchemeName,
    TaggingTask,
    TaskConfig,
    TaskReadingConfig,
    TrainConfig,
)


@dataclass(frozen=True, kw_only=True)
class PushConfig:
    """Push a finished run to the Hub; files that are already there are not uploaded again."""

    run: Annotated[Positional[Path], arg(metavar="DIR")]
    """Output folder of a run."""
    hub_model_id: str | None = None
    """Hub repository to push to: name, user/name or organisation/name. If not given, that of the run's options, or else
    the folder's name."""
    hub_private: FlagCreatePairsOff[bool] = False
    """Make a new repository private, and refuse to push to a public one; not needed if the run was trained with it."""
    hub_public: FlagCreatePairsOff[bool] = False
    """Push to a public repository even though the run was trained with --hub-private."""
    hub_replace_card: FlagCreatePairsOff[bool] = False
    """Replace the repository's model card even if someone else wrote or edited it."""
    dry_run: bool = False
    """Only list the files with their sizes, and what would be removed from the repository."""

    def __post_init__(self) -> None:
        make_path(self, "run")
        refuse_together(self, "hub_public", "hub_private", self.hub_public and self.hub_private)


DEMO = TrainConfig(model="minilm", dataset="sample", epochs=4, learning_rate=3e-4, group_by_length=True)
"""A run that needs no Hub and takes a few minutes on two CPU cores."""


@dataclass(frozen=True, kw_only=True)
class TrainCommand:
    """Fine-tune an encoder, evaluate on validation every epoch and on test at the end, and save the best epoch."""

    config: Annotated[TrainConfig, arg(name="")] = dataclasses.field(default_factory=TrainConfig)
    demo: FlagCreatePairsOff[bool] = False
    """Use demo defaults: the packaged encoder on the sample corpus; takes a few minutes and needs no Hub."""
    options_file: Annotated[Path | None, arg(name="config", metavar="FILE")] = None
    """Read defaults from a file: the run_config.json of another run, or YAML such as `learning-rate: 2e-5`."""
    seeds: tuple[int, ...] | None = None
    """Train once per seed, in the subfolders seed-1 and so on of --output-dir, and report means and standard
    deviations. Runs that are already finished are not repeated."""

    def __post_init__(self) -> None:
        make_path(self, "options_file")
        make_tuple(self, "seeds")
        seeds = self.seeds or ()
        are_seeds = all(0 <= seed < 2**32 for seed in seeds) and len(set(seeds)) == len(seeds)
        require(self, "seeds", self.seeds is None or (bool(seeds) and are_seeds), "distinct seeds from 0 to 4294967295")

    @classmethod
    def unchecked(cls, path: Path | None = None, *, demo: bool = False) -> Self:
        """What replaces the defaults: the demo's options, and over them those of a file.

        They are not checked against each other yet, since the command line may override any of them.

        Raises:
            ConfigError: The file cannot be read, or does not hold options.
        """
        own = {name: kind for name, kind in types_of(cls).items() if name in ("demo", "seeds")}
        options = read_options(path, types_of(TrainConfig) | own) if path is not None else {}
        command = {"demo": False, "seeds": None} | {name: options.pop(name) for name in own if name in options}
        config = _unchecked(TrainConfig, **vars(DEMO if demo or command["demo"] else TrainConfig()) | options)
        # A switch that is on already could not be typed.
        command["demo"] = command["demo"] and not demo
        return _unchecked(cls, **command, options_file=path, config=config)


def _unchecked(config_type: type[Any], **values: Any) -> Any:
    """An object with these values for all its fields, whatever they are."""
    config = object.__new__(config_type)
    for name, value in values.items():
        object.__setattr__(config, name, value)
    return config


@dataclass(frozen=True, kw_only=True)
class RunDataConfig(TaskReadingConfig):
    """A model, and data with labels: by default those of the run that made it."""

    @classmethod
    def of_run(cls, run: TaskConfig, **options: Any) -> Self:
        """The options for a model and the data of the run that made it, read as that did, but for what is given.

        Args:
            run: The options of the run.
            **options: Those of this class: `model`, and what differs.

        Raises:
            ConfigError: Together they cannot work.
        """
        return cls(**cls._reading_of(run, options) | options)

    @classmethod
    def unchecked(cls, run: TaskConfig, *, given: Mapping[str, Any]) -> Self:
        """What replaces the defaults where these options are given, which may override any of it."""
        # What must be typed has no default.
        defaults = {
            field.name: MISSING if field.default is dataclasses.MISSING else field.default
            for field in dataclasses.fields(cls)
        }
        return _unchecked(cls, **defaults | cls._reading_of(run, given) | {"model": given["model"]})

    @staticmethod
    def _reading_of(run: TaskConfig, given: Mapping[str, Any]) -> dict[str, Any]:
        """How a run read its data, and where it found them unless these options name others."""
        others = Kind.SCORING
        if not given.keys().isdisjoint(options_of(TaskConfig, Kind.DATA)):
            others |= Kind.DATA | Kind.DATA_PART
        if "dataset" in given and not Path(given["dataset"]).exists():
            others |= Kind.COLUMN
        kinds = kinds_of(TaskConfig)
        return {name: getattr(run, name) for name in kinds.keys() - given.keys() if not kinds[name] & others}


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(RunDataConfig, TaskConfig):
    """Evaluate a fine-tuned model, by default on the data of its run, read with the options of that run."""

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    """Output folder of a run, or a model on the Hub."""
    model_revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    splits: tuple[str, ...] | None = None
    """Splits to evaluate; if not given, validation and test, where the data set has them."""
    output: Path | None = None
    """JSON file to write the scores to."""
    errors: Path | None = None
    """JSON lines file to write the wrong entities to, each with the words around it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("output", "errors"):
            make_path(self, field)
        make_tuple(self, "splits")


ExportRuntime = Literal["saved-model", "openvino", "litert", "onnx"]
"""What runs an exported model: TensorFlow, OpenVINO, LiteRT or ONNX Runtime."""

ExportPrecision = Literal["float32", "bfloat16", "int8"]
"""What an exported model computes in; not every runtime has each."""

RuntimeChoice = Literal["auto", "tensorflow", "openvino", "litert", "onnx"]
"""What runs a model that answers; `auto` is what it was exported for, and TensorFlow for all others."""


@dataclass(frozen=True, kw_only=True)
class ExportConfig(RunDataConfig):
    """Export a fine-tuned model for another runtime, and keep it only if it does as well as the original.

    By default it is measured on the validation split of its run's data, read with the options of that run.
    """

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    """Output folder of a run, or a model on the Hub."""
    to: ExportRuntime
    """What shall run it: TensorFlow (saved-model), OpenVINO, LiteRT or ONNX Runtime."""
    model_revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    precision: ExportPrecision = "float32"
    """What it computes in: float32; bfloat16 (saved-model and openvino), or int8 (all but saved-model), which lose a
    little."""
    output: Path | None = None
    """Folder to write to, a new one or an earlier export; if not given, runs/NAME-RUNTIME-PRECISION beside the run."""
    split: str | None = None
    """Split to measure on; if not given, validation, or else test."""
    max_eval_examples: int | None = None
    """Measure on the first N examples only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_path(self, "output")
        require_one_of(self, "to", ExportRuntime)
        require_one_of(self, "precision", ExportPrecision)
        require_at_least(1, self, "max_eval_examples")

    @property
    def folder(self) -> Path:
        """Where the export is left."""
        run = Path(self.model)
        if not run.is_dir():
            beside = Path("runs")
        else:
            # Of `.` and `..` the parent is the folder itself.
            beside = run.parent if run.name not in ("", "..") else run.resolve().parent
        return self.output or beside / f"{run.resolve().name}-{self.to}-{self.precision}"

    @property
    def data(self) -> EvaluateConfig:
        """The same data and model, to be read for scores."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(TaskReadingConfig)}
        return EvaluateConfig(**own, model=self.model, max_eval_examples=self.max_eval_examples)


@dataclass(frozen=True, kw_only=True)
class CheckConfig(TaskReadingConfig):
    """Check a data set for errors, by file and line, before loading a model.

    The exit code is 1 if there are errors: lines that cannot be read, or tags that are not part of the scheme.
    """

    model: str | None = None
    """Also check how the tokenizer of this model reads the words."""
    model_revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    limit: int = 10
    """Number of findings to show per kind; 0 for all."""
    json: bool = False
    """Print everything as JSON, and nothing else."""
    fix: Path | None = None
    """New folder for a repaired copy, where every error with only one right answer is fixed; column files only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_path(self, "fix")
        require_at_least(0, self, "limit")
        refuse_for(self, "fix", "task", self.fix is not None and self.task == "text-classification")
        refuse_for(
            self, "validation_share", "task", self.validation_share is not None and self.task == "text-classification"
        )


@dataclass(frozen=True, kw_only=True)
class TpuCheckConfig(TrainConfig):
    """Compile the steps of `train --tpu` with the TPU's own compiler, on a machine without one, and report their needs.

    Takes the options of `train` too; trains nothing and writes nothing.
    """

    topology: str = "v5e-1"
    """TPU to compile for, by its name on Google Cloud, such as v2-8, v3-8, v4-8, v5e-1, v5e-8 or v6e-1."""
    find_batch: bool = False
    """Find the largest --rows-per-step that fits into the TPU's memory."""
    json: bool = False
    """Print everything as JSON, and nothing else."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "runtime", self.runtime != "tensorflow", "jax, whose compiler is asked")

    def to_train(self) -> TrainConfig:
        """The options of the run itself."""
        options = {field.name: getattr(self, field.name) for field in dataclasses.fields(TrainConfig)}
        return TrainConfig(**options | {"tpu": True})


@dataclass(frozen=True, kw_only=True)
class FindErrorsConfig(TrainConfig):
    """List the sentences of train that are most likely annotated wrongly, by models that were trained on the others.

    Takes the options of `train` too. Each fold is a run in --output-dir: finished ones are kept, and an interrupted one
    is resumed.
    """

    _tasks: ClassVar[Collection[str]] = typing.get_args(TaggingTask)

    folds: int = 5
    """Number of folds, and of models to train: each is asked about the sentences it did not see."""
    output: Path | None = None
    """JSON lines file to write the sentences to, the most likely errors first, as annotation tools import it."""
    limit: int = 20
    """Number of sentences to print; 0 for all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_path(self, "output")
        require_at_least(2, self, "folds")
        require_at_least(0, self, "limit")
        expected = "no share, since each fold is validated on what it holds out"
        require(self, "validation_share", self.validation_share is None, expected)
        require(self, "push_to_hub", not self.push_to_hub, "no upload of models that only look for errors")

    @property
    def run_dir(self) -> Path:
        """The folder of the folds' runs, named after that of a training where it was not given."""
        run_dir = super().run_dir
        return run_dir if self.output_dir is not None else run_dir.with_name(f"{run_dir.name}-folds")

    def of_fold(self, data: Path, folder: Path, *, scheme: SchemeName | None) -> TrainConfig:
        """The options of a fold's own run.

        Args:
            data: The folder of its data, which are read already.
            folder: Where the run is left.
            scheme: How the tags spell entities there; None if they spell none.
        """
        read = Kind.READING | Kind.DATA | Kind.DATA_PART | Kind.COLUMN | Kind.ONCE
        kinds = kinds_of(TrainConfig)
        options = {name: getattr(self, name) for name in kinds if not kinds[name] & read or name == "overwrite"}
        done = {"max_train_examples": None, "max_eval_examples": None}
        here = {"dataset": str(data), "output_dir": folder, "scheme": scheme}
        # Where they are to be dropped, they are gone.
        words = {"empty_words": "keep" if self.empty_words == "keep" else "error"}
        return TrainConfig(**options | done | here | words)


AnswerFormat = Literal["jsonl", "csv", "conll", "html", "text"]
"""How answers are written; `conll` has words and tags, also of a model for entities, and `text` is in colour."""

InputForm = Literal["auto", "text"]
"""Whether JSON objects are read as records, or each line is a text whatever it looks like."""

Aggregation = Literal["word", "simple", "first", "average", "max"]
"""What has a tag of its own: our words, or subwords and words as in transformers' pipeline."""

Decoder = Literal["argmax", "viterbi"]
"""Whether each word has its most probable tag, or each sentence the most probable tags that may follow each other."""


@dataclass(frozen=True, kw_only=True)
class PredictConfig:
    """Find entities in text, tag words or classify whole texts, depending on what the model was trained for."""

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    """Output folder of a run, or a model on the Hub."""
    files: Annotated[Positional[tuple[str, ...]], arg(metavar="FILE")] = ("-",)
    """Files with one sentence or text per line, folders of such files, or - for standard input. JSON lines have it
    under `text`, or `words`, and keep their other keys; pairs for text classification have a tab between them, or
    `text_pair`."""
    model_revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    label_names: tuple[str, ...] | None = None
    """Names of labels that the model only numbers (LABEL_0 …), from 0, such as `O B-PER I-PER`."""
    words: bool = False
    """The input is already split into words, separated by spaces."""
    input: InputForm = "auto"
    """Read JSON objects as records (auto), or every line as text."""
    skip: int = 0
    """Number of lines to skip, such as those that were answered before an interruption."""
    to: AnswerFormat | None = None
    """Output format: JSON lines, CSV, the words and tags of CoNLL columns, a page of HTML, or text in colour. If not
    given, text in a terminal, and otherwise JSON lines."""
    output: Path | None = None
    """File to write to; standard output if not given. With --skip, what is there is kept."""
    decoder: Decoder = "argmax"
    """Give each word its most probable tag (argmax), or each sentence the most probable sequence of tags that the
    tagging scheme allows (viterbi)."""
    sentences: FlagCreatePairsOff[bool] = False
    """Divide each text into sentences first, for models that were trained on sentences."""
    aggregation: Aggregation = "word"
    """What has a tag: words, by their first subword (word); or as in transformers' pipeline, subwords of the text as it
    is (simple), or what the tokenizer takes for words, by their first subword, their mean or their surest subword
    (first, average, max)."""
    threshold: tuple[str, ...] | None = None
    """Leave out entities with a lower score: one for all labels, or LABEL=SCORE, such as `0.5 PER=0.8`."""
    precision: Precision = "float32"
    """What the model computes in; `auto` is bfloat16 where the device has units for it: faster, with scores that differ
    in the third digit."""
    batch_size: int = 32
    """Batch size, in windows of 64 subwords; more of shorter ones."""
    runtime: RuntimeChoice = "auto"
    """What runs the model: what its folder was exported for (auto), or else TensorFlow."""

    def __post_init__(self) -> None:
        make_path(self, "output")
        require_one_of(self, "precision", Precision)
        require_one_of(self, "runtime", RuntimeChoice)
        for field in ("files", "threshold", "label_names"):
            make_tuple(self, field)
        require_at_least(1, self, "batch_size")
        require_at_least(0, self, "skip")
        require_one_of(self, "input", InputForm)
        require(self, "to", self.to in (None, *typing.get_args(AnswerFormat)), choices(AnswerFormat))
        refuse_for(self, "output", "to", self.output is not None and self.to == "text")
        is_continued = self.output is not None and self.skip > 0
        refuse_for(self, "skip", "to", is_continued and self.to not in (None, "jsonl"))
        names_of_labels = self.label_names or ()
        require(self, "label_names", len(set(names_of_labels)) == len(names_of_labels), "each name once")
        require_one_of(self, "decoder", Decoder)
        require_one_of(self, "aggregation", Aggregation)
        is_by_word = self.aggregation == "word"
        refuse_for(self, "aggregation", "decoder", not is_by_word and self.decoder != "argmax")
        refuse_for(self, "aggregation", "to", not is_by_word and self.to == "conll")
        refuse_for(self, "aggregation", "words", not is_by_word and self.words)
        refuse_for(self, "aggregation", "sentences", not is_by_word and self.sentences)
        require(self, "files", bool(self.files), "at least one file, or -")
        are_scores = all(_SCORE.fullmatch(part) for part in self.threshold or ())
        names = [part.rpartition("=")[0] for part in self.threshold or ()]
        require(self, "threshold", are_scores and len(set(names)) == len(names), "scores from 0 to 1, each label once")

    @property
    def thresholds(self) -> dict[str | None, float]:
        """The least score by label; under None that of all others."""
        pairs = (part.rpartition("=") for part in self.threshold or ())
        return {label or None: float(score) for label, _, score in pairs}


_SCORE = re.compile(r"(.+=)?(0(\.\d*)?|1(\.0*)?|\.\d+)")


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Test whether two systems differ by more than chance on the same sentences."""

    a: Annotated[Positional[Path], arg(metavar="A")]
    """Output folder of a run, or a file like its predictions.test.conll: word, gold tag and predicted tag."""
    b: Annotated[Positional[Path], arg(metavar="B")]
    """The same for the other system, on the same sentences."""
    output: Path | None = None
    """JSON file to write the comparison to."""
    resamples: int = 1000
    """Number of bootstrap resamples, and of random swaps of sentences between the two systems."""
    seed: int = 42
    """Random seed for resampling."""

    def __post_init__(self) -> None:
        for field in ("a", "b", "output"):
            make_path(self, field)
        require_at_least(LEAST_RESAMPLES, self, "resamples")
        require_at_least(0, self, "seed")


@dataclass(frozen=True, kw_only=True)
class ConvertConfig(ReadingConfig):
    """Convert a corpus to another format or tagging scheme."""

    source: Annotated[Positional[str], arg(metavar="IN")]
    """Input: a file, a folder of files named after their splits, `sample`, or a data set on the Hub."""
    output: Annotated[Positional[Path], arg(metavar="OUT")]
    """Output: a file if IN is a file, otherwise a folder with one file per split."""
    format: FormatName | None = None
    """Output format; if not given, from the extension of OUT, or conll for a folder."""
    to_scheme: SchemeName | None = None
    """Output tagging scheme; unchanged if not given."""
    overwrite: bool = False
    """Overwrite files that already exist at OUT."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_path(self, "output")
        require(self, "format", self.format in (None, *typing.get_args(FormatName)), choices(FormatName))
        require(self, "to_scheme", self.to_scheme in (None, *typing.get_args(SchemeName)), choices(SchemeName))
        refuse_for(self, "to_scheme", "task", self.to_scheme is not None and self.task == "pos")
        writes_spans = self.format == "jsonl-spans"
        refuse_for(self, "format", "task", writes_spans and self.task == "pos")
        refuse_for(self, "to_scheme", "format", writes_spans and self.to_scheme is not None)
