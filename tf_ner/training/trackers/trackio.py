"""Trackio: a database on this machine, or a Space on the Hub that `TRACKIO_SPACE_ID` names."""

import os
import threading
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from tf_ner.training.trackers.tracker import PROJECT, RunFacts, Tracker


class TrackioTracker(Tracker):
    """Reports to the project that `TRACKIO_PROJECT` names.

    Trackio tells runs apart by their names, so the run's id is in it. It writes in a thread, whose faults only the
    terminal hears of: they are raised here instead, with the next report or at the end.
    """

    name = "trackio"
    packages = ("trackio",)
    extra = "trackio"
    advice = "Look at the folder that TRACKIO_DIR names, or at the network if TRACKIO_SPACE_ID is set"

    def start(self, run: RunFacts) -> None:
        import trackio

        self._fault: BaseException | None = None
        self._hook_before = threading.excepthook
        threading.excepthook = self._note_fault
        self._run = trackio.init(
            project=os.environ.get("TRACKIO_PROJECT") or PROJECT,
            name=f"{run.name}-{run.id}",
            group=run.group,
            config=dict(run.options),
            resume="allow",
            embed=False,
        )

    def log(self, values: Mapping[str, float], *, step: int, row: int) -> None:
        self._run.log(dict(values), step=step)
        self._raise_fault()

    def log_table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, step: int, row: int
    ) -> None:
        import pandas
        import trackio

        table = trackio.Table(dataframe=pandas.DataFrame(rows, columns=list(columns)))
        self._run.log({name: table}, step=step)
        self._raise_fault()

    def finish(self, *, failed: bool) -> None:
        try:
            self._run.finish()
        finally:
            threading.excepthook = self._hook_before
        self._raise_fault()

    def _note_fault(self, fault: threading.ExceptHookArgs) -> None:
        """Keeps what a thread of trackio's raised."""
        frames = traceback.walk_tb(fault.exc_traceback)
        if any(frame.f_globals.get("__name__", "").partition(".")[0] == "trackio" for frame, _ in frames):
            self._fault = fault.exc_value
        else:
            self._hook_before(fault)

    def _raise_fault(self) -> None:
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault
