"""What a task is: all that training, scoring, predicting and the model card ask of it."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple, Self, TextIO

import numpy as np
from datasets import Dataset, DatasetDict
from numpy.typing import NDArray
from transformers import PretrainedConfig, PreTrainedTokenizerFast

from tf_ner.errors import DataError, ModelError
from tf_ner.evaluation.errors import EntityErrors, TagErrors
from tf_ner.options.commands import EvaluateConfig
from tf_ner.options.kinds import Kind
from tf_ner.options.train import TaskConfig, TrainConfig
from tf_ner.tables import Lists

logger = logging.getLogger(__name__)

IGNORED = -100
"""The label id of what no loss and no score looks at."""

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class EncodedRows:
    """A split as the encoder reads it.

    Attributes:
        windows: A row an input of the encoder, with the tokenizer's columns (`input_ids`: list of int, …) and
            `labels`: a list with a label id for each subword, which is padded as `input_ids` is, or one value.
    """

    windows: Dataset

    @cached_property
    def lengths(self) -> Ids:
        """For each window its number of subwords."""
        return Lists.of(self.windows, "input_ids").lengths


class Outputs(NamedTuple):
    """What a model makes of windows: for each an array [subwords], or a single value.

    Attributes:
        predictions: Label ids, or the numbers themselves where numbers are learnt.
        scores: How probable each label is; the number again where numbers are learnt.
    """

    predictions: list[NDArray[Any]]
    scores: list[NDArray[Any]]


@dataclass(frozen=True)
class SplitScores:
    """What a model made of a split.

    Attributes:
        metrics: As in `metrics.json`; empty where the split has no labels to score by.
        gold: What is right, of all that has a label.
        predicted: What the model says to the same.
        outputs: What the model says to every window.
        missed: The labels of further entities by sentence, which no tags stand for; nothing where there are none.
    """

    metrics: dict[str, Any]
    gold: Sequence[Any]
    predicted: Sequence[Any]
    outputs: Outputs
    missed: Sequence[Sequence[str]] = ()


class Example(NamedTuple):
    """A text, or a pair of texts, to try, and whether it is a good one to show what the task is."""

    text: str
    text_pair: str = ""
    is_good: bool = True


class Task(ABC):
    """How a task's data becomes inputs of an encoder, and what comes out becomes answers and scores.

    An instance is a task as one model does it, with its tokenizer and its labels.

    Attributes:
        pipeline_tag: What the Hub and `pipeline` call such models.
        model_class: The class of transformers that loads them.
        predictions_suffix: Of the file of a split's predictions.
        reads_words: Whether the tokenizer is given words one by one, or texts as they are.
        own_options: Of which kind options are that not every task has, and this one has.
        outputs_word: What the names of the model's outputs are called.
        says_nothing: Outputs that every corpus has and that mean nothing by themselves.
        tokenizer: A fast tokenizer that neither cuts nor pads of its own accord.
        max_length: The longest input, in subwords, special ones included.
    """

    pipeline_tag: ClassVar[str]
    model_class: ClassVar[str]
    predictions_suffix: ClassVar[str]
    reads_words: ClassVar[bool]
    own_options: ClassVar[Kind]
    outputs_word: ClassVar[str] = "labels"
    says_nothing: ClassVar[frozenset[str]] = frozenset()

    tokenizer: PreTrainedTokenizerFast
    max_length: int

    # Before there is a model.

    @staticmethod
    @abstractmethod
    def load_corpus(config: TaskConfig) -> DatasetDict:
        """Loads the task's columns of what the options say."""

    @staticmethod
    @abstractmethod
    def output_names_of(corpus: DatasetDict) -> tuple[str, ...]:
        """What a model for this corpus has outputs for; nothing where numbers are learnt."""

    @staticmethod
    @abstractmethod
    def words_of(rows: Dataset) -> Iterable[Sequence[str]]:
        """The words of a split, row by row, by which a tokenizer is judged."""

    @staticmethod
    def config_of(corpus: DatasetDict) -> dict[str, Any]:
        """What else the configuration of a model trained on this corpus shall say."""
        return {}

    @classmethod
    def model_settings(cls, output_names: Sequence[str]) -> dict[str, Any]:
        """What the configuration of a model with these outputs says."""
        id2label = dict(enumerate(output_names))
        return {"id2label": id2label, "label2id": {label: number for number, label in id2label.items()}}

    @classmethod
    def output_names_in(cls, model_config: PretrainedConfig) -> tuple[str, ...]:
        """The outputs of a model by id; none where it gives numbers.

        Raises:
            ModelError: An output has no name.
        """
        names = [model_config.id2label.get(number) for number in range(model_config.num_labels)]
        if not all(isinstance(name, str) for name in names):
            raise ModelError(
                f"Received model {model_config.name_or_path!r}, whose config.json has id2label {model_config.id2label}"
                f"; expected a name for each id from 0 to {len(names) - 1}. Correct it there, or choose another model."
            )
        return tuple(names)

    @classmethod
    def has_head(cls, model_config: PretrainedConfig) -> bool:
        """Whether a model was fine-tuned for a task of this kind."""
        head = cls.model_class.removeprefix("TFAutoModel")
        return any(name.endswith(head) for name in model_config.architectures or [])

    @classmethod
    @abstractmethod
    def of_model(
        cls, tokenizer: PreTrainedTokenizerFast, model_config: PretrainedConfig, *, max_length: int, config: TrainConfig
    ) -> Self:
        """The task as a model does it, which was or will be trained with these options."""

    # Data in, scores out.

    def reading_config(self, config: EvaluateConfig) -> EvaluateConfig:
        """The options by which data to be scored is read, with what the model tells of them."""
        return config

    @property
    @abstractmethod
    def output_names(self) -> tuple[str, ...]:
        """The model's outputs by id, such as tags; none where it gives numbers."""

    @property
    def output_kind(self) -> Literal["classes", "values"]:
        """Whether an output's number counts, or its value."""
        return "classes" if self.output_names else "values"

    @property
    @abstractmethod
    def headline(self) -> str:
        """The metric that says which epoch is the best."""

    def usual_rows(self, rows: Dataset) -> Dataset:
        """The rows with columns as the task calls them, where they have other names on the Hub.

        Raises:
            DataError: There are no such columns.
        """
        return rows

    @abstractmethod
    def encode_split(self, rows: Dataset) -> EncodedRows:
        """Encodes a split of a corpus, with labels."""

    @abstractmethod
    def encode(self, inputs: Sequence[Any]) -> dict[str, list[Any]]:
        """Encodes inputs without labels; the columns of `EncodedRows.windows`."""

    @abstractmethod
    def remarks(self, encoded: EncodedRows) -> Iterator[str]:
        """What a user should know of what encoding did, with its count."""

    @abstractmethod
    def references(self, rows: Dataset) -> Any:
        """What is right, as `score` takes it."""

    @abstractmethod
    def score(self, encoded: EncodedRows, references: Any, outputs: Outputs) -> SplitScores:
        """Scores what a model made of a split, without the loss; no metrics where nothing is told."""

    @abstractmethod
    def interval(self, scored: SplitScores, *, num_resamples: int) -> dict[str, Any]:
        """Between which values scores lie where the rows are drawn again so many times."""

    @property
    @abstractmethod
    def log_names(self) -> tuple[str, ...]:
        """The scores that are logged after each evaluation, the loss first."""

    def log_values(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """The scores that are logged, of a split's metrics; `strict_f1` is `f1` under `strict`, and so on."""
        groups = {
            f"{group}_f1": scores["f1"]
            for group, scores in metrics.items()
            if isinstance(scores, dict) and "f1" in scores
        }
        # A label that the split does not have is not among its metrics.
        per_label = {label: {"f1": 0.0} for label in self.labels} | metrics.get("per_label", {})
        of_labels = {f"f1_{label}": row["f1"] for label, row in per_label.items()}
        return {name: {**metrics, **groups, **of_labels}[name] for name in self.log_names}

    @abstractmethod
    def write_predictions(self, file: TextIO, rows: Dataset, scored: SplitScores) -> None:
        """Writes a split with what is right and what the model says."""

    def errors(
        self, encoded: EncodedRows, scored: SplitScores, corpus: DatasetDict, split: str, *, config: TaskConfig
    ) -> EntityErrors | TagErrors | None:
        """What was predicted wrong of a split, and in which way; None where there is nothing to say but the scores.

        Args:
            encoded: The split as the encoder reads it.
            scored: What a model made of it.
            corpus: The splits; that of training tells what was seen.
            split: Which one was scored.
            config: The options by which they were read.
        """
        return None

    def compare_outputs(self, of_data: Sequence[str]) -> None:
        """Makes sure that the model can predict some of the tags or labels of the data.

        Raises:
            DataError: It cannot, so that a score would mean nothing.
        """
        unknown = [name for name in of_data if name not in self.output_names]
        if bool(of_data) != bool(self.output_names):
            received, expected = ("labels", "numbers") if of_data else ("numbers", "labels")
            raise DataError(
                f"Received data with {received}; expected {expected}, as the model predicts. Use other data."
            )
        if of_data and not set(of_data) - self.says_nothing - set(unknown):
            raise DataError(
                f"Received data with the {self.outputs_word} {', '.join(of_data)}; expected some of the model's "
                f"({', '.join(self.output_names)}). Use data of the kind the model was trained on."
            )

    def compare_words(self, corpus: DatasetDict) -> None:
        """Says where the data was split into words by another rule than the model's, if it was."""
        return

    # Answers to new input.

    @abstractmethod
    def results(self, inputs: Sequence[Any], columns: Mapping[str, list[Any]], outputs: Outputs) -> list[Any]:
        """The answer to each input, as a dataclass."""

    @abstractmethod
    def answer_lines(
        self,
        lines: Sequence[str | Mapping[str, Any]],
        answer: Callable[[Sequence[Any]], list[Any]],
        *,
        words: bool,
        as_words: bool = False,
        first_line: int = 1,
    ) -> Iterable[Any]:
        """The answer to each line of text.

        Args:
            lines: Without their ends; text, or a JSON object (or what one holds) with the input under `text`.
            answer: Gives what `results` makes of inputs.
            words: The lines are already split into words, with spaces between.
            as_words: Words with tags are wanted where entities would be given.
            first_line: The number of the first one, for errors.
        """

    # The model card.

    @property
    @abstractmethod
    def labels(self) -> list[str]:
        """What the model can find, by name."""

    @property
    @abstractmethod
    def words(self) -> Any:
        """How the card speaks of the task: see `tf_ner.card.facts.TaskWords`."""

    @abstractmethod
    def examples(self, rows: Dataset) -> list[Example]:
        """What could be shown of a split."""


def warn_of_unknown(counts: Mapping[str, int], *, total: int, what: str) -> None:
    """Says what of a split the model does not know, if anything.

    Args:
        counts: How much of the split has each tag or label that the model does not have.
        total: How much there is in all.
        what: What is counted, in many.
    """
    unknown = {name: count for name, count in counts.items() if count}
    if unknown:
        logger.warning(
            "%d of %d %s are %s, which the model does not have and never predicts: nothing is learnt from them",
            sum(unknown.values()), total, what, ", ".join(f"{name} ({count})" for name, count in unknown.items()),
        )  # fmt: skip
