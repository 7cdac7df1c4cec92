"""What a model card tells, before it is put into words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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
    """A text that the Hub's page offers to try."""

    title: str
    text: str


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
        is_uncased: Whether its tokenizer makes capitals small.
        max_length: In subwords; longer sentences are read in windows.
        num_train_sentences: How many sentences it learnt from.
        max_eval_examples: The most sentences of a split that were scored, if that was limited.
        metrics: As in `metrics.json`.
        history: As in `history.csv`, a row an epoch.
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
    is_uncased: bool
    max_length: int
    num_train_sentences: int
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
        return {split: self.metrics[split] for split in ("validation", "test") if split in self.metrics}
