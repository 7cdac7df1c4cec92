"""What a model card tells, before it is put into words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where an encoder or a corpus comes from.

    Attributes:
        name: Its name on the Hub, or the last part of a local path.
        kind: What it is where it is not on the Hub, such as `a local folder`; empty for what is on the Hub. Only a
            name on the Hub may stand in the metadata, where it is a link.
        config: Which configuration of a data set.
        revision: Which branch, tag or commit.
    """

    name: str
    kind: str = ""
    config: str | None = None
    revision: str | None = None

    @property
    def is_on_hub(self) -> bool:
        return not self.kind


@dataclass(frozen=True, kw_only=True)
class WidgetExample:
    """A text that the Hub's page offers to try; pairs of texts it does not offer, but the card has programs."""

    title: str
    text: str
    text_pair: str = ""


class TaskWords(Protocol):
    """How a card speaks of the task; each task has such words."""

    @property
    def pipeline_tag(self) -> str:
        """What the Hub calls it, such as `token-classification`."""

    @property
    def headline(self) -> str:
        """The metric by which models are compared."""

    @property
    def example_word(self) -> str:
        """What a row of the data is called, in many, in text and in `metrics.json`."""

    @property
    def input_word(self) -> str:
        """What an input of the encoder is called, in many."""

    @property
    def note(self) -> str:
        """What else a user should know."""

    def what_it_gives(self, labels: str) -> str:
        """A sentence on what comes out of the model."""

    def what_it_knows(self, labels: str) -> str:
        """Where its knowledge ends."""

    def counts(self, scores: Mapping[str, Any]) -> dict[str, str]:
        """How much was scored, by what it is called."""

    def how_it_was_scored(self, splits: Sequence[Mapping[str, Any]], limit: int | None) -> list[str]:
        """Paragraphs on what the scores of the splits mean, of which at most so many rows were scored."""

    def codes(self, model: str, text: str, text_pair: str) -> list[str]:
        """Programs in Python that use the model; model and texts are literals of Python."""


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """Everything a card is made of. Strings may hold anything: the card renders them as the text they are.

    Attributes:
        name: What the model is called.
        hub_id: Where it is on the Hub, if that is known.
        base_model: The encoder it began with.
        data: What it was trained and scored on.
        languages: ISO 639 codes; empty if nobody said.
        license: The Hub's identifier of a licence; None if nobody said.
        widget: Texts to try.
        labels: What the model can find.
        task: What it was trained to do, in words.
        is_uncased: Whether its tokenizer makes capitals small.
        num_train_examples: How many examples it learnt from.
        max_eval_examples: The most examples of a split that were scored, if that was limited.
        metrics: As in `metrics.json`.
        history: As in `history.csv`, a row an evaluation.
        hyper_parameters: Options that decide what is learnt, by name.
        versions: Of the libraries, by name.
        hardware: What it was trained on, in words; no name of a machine.
        command: What repeats the run in a shell.
    """

    name: str
    hub_id: str | None = None
    base_model: Origin
    data: Origin
    languages: Sequence[str]
    license: str | None
    widget: Sequence[WidgetExample]
    labels: Sequence[str]
    task: TaskWords
    is_uncased: bool
    num_train_examples: int
    max_eval_examples: int | None
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    hyper_parameters: Mapping[str, Any]
    versions: Mapping[str, str]
    hardware: str
    command: str

    @property
    def splits(self) -> dict[str, Mapping[str, Any]]:
        """The scores of each split that was scored."""
        return {split: scores for split, scores in self.metrics.items() if split != "training"}
