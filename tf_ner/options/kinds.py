"""What an option is, said once on its own field; every list of options is derived from that."""

import dataclasses
import typing
from enum import Flag, auto


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

    NO_RESULT = COMPUTE | FOLDER | CHECKPOINTS | PUSH
    """What a finished run leaves does not follow from it."""
    WHERE_IT_LIES = OF_MACHINE | FOLDER | SOURCE | DATA_PART | COMMIT | CHECKPOINTS | PUSH | DESCRIPTION
    """May differ between the machines of one training: what lies there is compared, and the first one alone writes."""


def kinds_of(config_type: type) -> dict[str, Kind]:
    """What each option of a dataclass is, in the order of the fields."""
    hints = typing.get_type_hints(config_type, include_extras=True)
    return {field.name: _kind_in(hints[field.name]) for field in dataclasses.fields(config_type)}


def options_of(config_type: type, kind: Kind) -> list[str]:
    """The options of a dataclass that are of some kind, or of one of several, in the order of the fields."""
    return [name for name, own in kinds_of(config_type).items() if own & kind]


def _kind_in(hint: object) -> Kind:
    said = [part for part in getattr(hint, "__metadata__", ()) if isinstance(part, Kind)]
    return said[0] if said else Kind(0)
