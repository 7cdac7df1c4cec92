"""A run in its trackers: what was reported, what is left to report, and what becomes of a tracker that fails."""

import importlib
import importlib.util
import json
import logging
import os
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tf_ner.errors import ConfigError, OutputError, in_one_line, printable
from tf_ner.files import write_json
from tf_ner.options.trackers import ALL, NONE, TRACKERS
from tf_ner.training.trackers.tensorboard import TENSORBOARD
from tf_ner.training.trackers.tracker import RunFacts, Tracker

logger = logging.getLogger(__name__)

_RECORD = ".trackers.json"
"""By tracker the id of the run there, and what was reported. Hidden, so that it is never pushed."""

_SECRET = re.compile(r"(_API_KEY|_TOKEN|_PASSWORD|_SECRET)$")
_MOST_CHARACTERS = 300


def make_trackers(names: Sequence[str] | None) -> list[Tracker]:
    """The trackers that `--report-to` names, before they have begun.

    Raises:
        ConfigError: A package that one of them needs is not installed.
    """
    names = [name for name in names or () if name != NONE]
    classes = [_tracker_class(name) for name in (TRACKERS if names == [ALL] else names)]
    if names != [ALL]:
        for kind in classes:
            _require_packages(kind)
    return [kind() for kind in classes if not _missing(kind)]


def _tracker_class(name: str) -> type[Tracker]:
    if name not in TRACKERS:
        raise ConfigError(
            f"Received the tracker {name!r}; expected {', '.join(TRACKERS)}, or {ALL} or {NONE} alone. Change it.",
            option="report_to",
        )
    module, _, class_name = TRACKERS[name].partition(":")
    found: type[Tracker] = getattr(importlib.import_module(module), class_name)
    return found


def _missing(kind: type[Tracker]) -> list[str]:
    return [package for package in kind.packages if importlib.util.find_spec(package) is None]


def _require_packages(kind: type[Tracker]) -> None:
    if missing := _missing(kind):
        raise ConfigError(
            f"Received --report-to {kind.name} without the package {', '.join(missing)}; expected it to be installed. "
            f'Run `pip install "tf-ner[{kind.extra}]"`, or leave out --report-to {kind.name}.',
            option="report_to",
        )


class TrackedRun:
    """A run that is reported to trackers; a context, in which it goes on.

    Nothing is reported twice, also if the process is killed and the run goes on from an earlier step: what shall be
    reported is noted in the folder of the run first. A tracker that fails is told of once, and asked again the next
    time; only one that could not begin is left out. It never raises.

    Args:
        trackers: That have not begun yet.
        folder: The run's.
        name: Of the run in the trackers.
        group: Of the runs that it belongs to.
        options: Those of the run, in JSON's types.
        before: What `get_state` gave of the run that this one goes on with; the folder knows better if it remembers.
        is_resumed: Whether the run that the folder remembers goes on.
    """

    def __init__(
        self,
        trackers: Sequence[Tracker],
        folder: Path,
        *,
        name: str,
        group: str | None = None,
        options: Mapping[str, Any] | None = None,
        before: Mapping[str, Any] | None = None,
        is_resumed: bool = False,
    ):
        self._trackers = list(trackers)
        self._folder = folder
        self._name = name
        self._group = group
        self._options = json.loads(json.dumps(dict(options or {}), default=str))
        found = {**(before or {}), **(_read(folder / _RECORD) if is_resumed else {})}
        new_id = uuid.uuid4().hex[:8]
        # A tracker that is not reported to this time is remembered too.
        self._state = {
            **found,
            **{
                tracker.name: found.get(tracker.name) or {"id": new_id, "num_rows": 0, "last_steps": {}}
                for tracker in self._trackers
            },
        }
        self._told: set[str] = set()

    @property
    def is_reported(self) -> bool:
        """Whether there is anybody to report to."""
        return bool(self._trackers)

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint remembers, in JSON's types; nothing later changes it."""
        state: dict[str, Any] = json.loads(json.dumps(self._state))
        return state

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.finish(failed=kind is not None)

    def start(self) -> None:
        """Begins the run in its trackers, or goes on with it."""
        begun = []
        self._write()
        for tracker in self._trackers:
            facts = RunFacts(
                id=self._state[tracker.name]["id"],
                name=self._name,
                group=self._group,
                folder=self._folder,
                options=self._options,
            )
            if self._succeeds(tracker, tracker.start, facts):
                begun.append(tracker)
        self._trackers = begun

    def finish(self, *, failed: bool = False) -> None:
        """Ends it there.

        Args:
            failed: Whether the training was cut short.
        """
        for tracker in self._trackers:
            self._succeeds(tracker, tracker.finish, failed=failed)

    def log(self, values: Mapping[str, float], *, step: int, kind: str) -> None:
        """Reports numbers, unless as much was reported before.

        Args:
            values: By name.
            step: How many steps the training has taken.
            kind: What they tell of, such as `train`; of each kind there is one report a step.
        """
        self._report(kind, step, lambda tracker, row: tracker.log(values, step=step, row=row))

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, step: int) -> None:
        """Reports a table.

        Args:
            name: Such as `final/test/confusion`.
            columns: Their names.
            rows: A text or a number for each column.
            step: How many steps the training has taken.
        """
        self._report(name, step, lambda tracker, row: tracker.log_table(name, columns, rows, step=step, row=row))

    def _report(self, kind: str, step: int, report: Callable[[Tracker, int], None]) -> None:
        due = []
        for tracker in self._trackers:
            state = self._state[tracker.name]
            if step > state["last_steps"].get(kind, -1):
                due.append((tracker, state["num_rows"]))
                state["last_steps"][kind] = step
                state["num_rows"] += 1
        if due:
            self._write()
        for tracker, row in due:
            self._succeeds(tracker, report, tracker, row)

    def _succeeds(self, tracker: Tracker, action: Callable[..., None], *arguments: Any, **options: Any) -> bool:
        try:
            action(*arguments, **options)
        # Whatever a package does where it fails, also to end the process.
        except (Exception, SystemExit) as error:
            if tracker.name not in self._told:
                self._told.add(tracker.name)
                logger.warning(
                    "Could not report to %s (%s). Training continues, and all files of the run are written. %s, or "
                    "leave out --report-to %s.",
                    tracker.name, _reason(error), tracker.advice, tracker.name,
                )  # fmt: skip
            return False
        return True

    def _write(self) -> None:
        if not self._trackers:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_json(self._folder / _RECORD, self._state)
        except (OSError, OutputError) as error:
            logger.debug("%s cannot be written (%s)", self._folder / _RECORD, error)


def forget_trackers(folder: Path) -> None:
    """Lets a folder begin another run, which was not reported yet; what else lies there stays."""
    (folder / _RECORD).unlink(missing_ok=True)
    for file in (folder / TENSORBOARD).glob("events.*"):
        file.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        # What somebody has changed, or a disk has lost, is not gone on with.
        return {
            name: {
                "id": str(state["id"]),
                "num_rows": int(state["num_rows"]),
                "last_steps": {kind: int(step) for kind, step in state["last_steps"].items()},
            }
            for name, state in record.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _reason(error: BaseException) -> str:
    """What went wrong, in a line, without what the environment keeps secret."""
    text = f"{type(error).__name__}: {in_one_line(error)}"  # type: ignore[arg-type]
    for name, value in os.environ.items():
        if _SECRET.search(name.upper()) and len(value) > 3:
            text = text.replace(value, "…")
    return printable(text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} …")
