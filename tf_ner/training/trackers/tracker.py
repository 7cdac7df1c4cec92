"""What a tracker is: all that a run asks of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

PROJECT = "tf-ner"
"""The project of runs in trackers that have projects, where the environment names none."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What a tracker is told of a run before its first step.

    Attributes:
        id: Of the run; the same when it goes on.
        name: What people call it.
        group: Of the runs that it belongs to, if any.
        folder: Its own.
        options: Every option that it was made with, in JSON's types.
    """

    id: str
    name: str
    group: str | None
    folder: Path
    options: Mapping[str, Any]


class Tracker(ABC):
    """Reports one run; whatever it raises ends no training.

    Attributes:
        name: What `--report-to` calls it.
        packages: What must be installed, by the names that Python imports.
        extra: Of tf-ner, which installs that; None if tf-ner itself does.
        advice: What helps where it fails.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    extra: ClassVar[str | None] = None
    advice: ClassVar[str]

    @abstractmethod
    def start(self, run: RunFacts) -> None:
        """Begins the run there, or goes on with it."""

    @abstractmethod
    def log(self, values: Mapping[str, float], *, step: int, row: int) -> None:
        """Reports numbers by name.

        Args:
            values: Such as `validation/f1`.
            step: How many steps the training has taken. Twice the same where there is more to be told of one.
            row: How often something was reported before, in the whole run.
        """

    @abstractmethod
    def log_table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, step: int, row: int
    ) -> None:
        """Reports a table: texts and numbers."""

    @abstractmethod
    def finish(self, *, failed: bool) -> None:
        """Ends the run there; waits no longer than a minute for what is on its way."""
