"""Trackio: a database on this machine, or a Space on the Hub that `TRACKIO_SPACE_ID` names."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tf_ner.training.trackers.tracker import PROJECT, RunFacts, Tracker


class TrackioTracker(Tracker):
    """Reports to the project that `TRACKIO_PROJECT` names.

    Trackio tells runs apart by their names, so part of the run's id is in it.
    """

    name = "trackio"
    packages = ("trackio",)
    extra = "trackio"
    advice = "Look at the folder that TRACKIO_DIR names, or at the network if TRACKIO_SPACE_ID is set"

    def start(self, run: RunFacts) -> None:
        import trackio

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

    def log_table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, step: int, row: int
    ) -> None:
        import pandas
        import trackio

        table = trackio.Table(dataframe=pandas.DataFrame(rows, columns=list(columns)))
        self._run.log({name: table}, step=step)

    def finish(self, *, failed: bool) -> None:
        self._run.finish()
