"""What an option is, said once on its own field; every list of options is derived from that."""

import dataclasses
import typing
from enum import Enum, Flag, auto


class Kind(Flag):
    """What follows from an option. A field says it in its type: `seed: Annotated[int, Kind.STEPS | Kind.CARD]`."""

    STEPS = auto()
    """Says which steps a training takes: no checkpoint goes on with another value."""
    PLAN = auto()
    """Says which sentences make which batch, of which a checkpoint holds the digest."""
    READING = auto()
    """Says how data are read."""
    COLUMN = auto()
    """Says which columns of files are meant; a data set on the Hub names its own."""
    SOURCE = auto()
    """Says what a run reads, and may be a path."""
    DATA = auto()
    """Says which data: where one is given, none of another run's counts."""
    DATA_PART = auto()
    """Says which part or state of a data set, and means nothing for another one."""
    COMMIT = auto()
    """Names a branch, tag or commit; a run notes the commit that it was."""
    SCORING = auto()
    """Says how much is scored, and how sure the scores are, not how it is read."""
    COMPUTE = auto()
    """Says on what a run is computed and how: what it leaves is the same."""
    FOLDER = auto()
    """Says where a run is left, and from which state it goes on."""
    CHECKPOINTS = auto()
    """Says which states of a run are kept."""
    PUSH = auto()
    """Says whether and where a run is pushed."""
    TRACKING = auto()
    """Says where a run is reported, and under which name."""
    ONCE = auto()
    """Holds for one call, and is not repeated with the run."""
    DESCRIPTION = auto()
    """Says on the model card what the run cannot know."""
    CARD = auto()
    """Stands among the hyper-parameters on the model card."""
    OF_MACHINE = auto()
    """May differ between the machines of one training."""
    OF_TAGS = auto()
    """Is of tasks that tag words."""
    OF_TEXTS = auto()
    """Is of tasks that label texts."""

    NO_RESULT = COMPUTE | FOLDER | CHECKPOINTS | PUSH | TRACKING
    """What a finished run leaves does not follow from it."""
    WHERE_IT_LIES = OF_MACHINE | FOLDER | SOURCE | DATA_PART | COMMIT | CHECKPOINTS | PUSH | TRACKING | DESCRIPTION
    """May differ between the machines of one training: what lies there is compared, and the first one alone writes."""


class Group(Enum):
    """Under which title `train --help` shows an option; the first are those that most runs set."""

    MAIN = "Main options"
    DATA = "Data"
    TAGS = "Reading words and tags"
    TEXTS = "Reading labelled texts"
    INPUT = "Encoder input"
    LEARNING = "Training"
    SCORES = "Evaluation, logging and early stopping"
    CHECKPOINTS = "Output folder and checkpoints"
    DEVICES = "Devices"
    HUB = "Hub and model card"


def kinds_of(config_type: type) -> dict[str, Kind]:
    """What each option of a dataclass is, in the order of the fields."""
    return {name: next((part for part in said if isinstance(part, Kind)), Kind(0)) for name, said in _said(config_type)}


def groups_of(config_type: type) -> dict[str, Group]:
    """Where each option of a dataclass that has a group is shown, in the order of the fields."""
    return {name: part for name, said in _said(config_type) for part in said if isinstance(part, Group)}


def options_of(config_type: type, kind: Kind) -> list[str]:
    """The options of a dataclass that are of some kind, or of one of several, in the order of the fields."""
    return [name for name, own in kinds_of(config_type).items() if own & kind]


def _said(config_type: type) -> list[tuple[str, tuple[object, ...]]]:
    """What the fields of a dataclass say of themselves in their types."""
    hints = typing.get_type_hints(config_type, include_extras=True)
    return [(field.name, getattr(hints[field.name], "__metadata__", ())) for field in dataclasses.fields(config_type)]
