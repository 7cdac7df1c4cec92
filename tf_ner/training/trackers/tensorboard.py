"""TensorBoard: event files in the folder of the run, written with TensorFlow's own `tf.summary`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf_ner.training.trackers.tracker import RunFacts, Tracker

TENSORBOARD = "tensorboard"
"""The folder of the event files, in the run's."""


class TensorBoardTracker(Tracker):
    """Writes to `tensorboard/` in the folder of the run; a run that goes on adds a file."""

    name = "tensorboard"
    packages = ("tensorflow",)
    advice = "Make room on the disk of --output-dir"

    def start(self, run: RunFacts) -> None:
        is_new = not any((run.folder / TENSORBOARD).glob("*"))
        self._writer = tf.summary.create_file_writer(str(run.folder / TENSORBOARD))
        if is_new:
            options = json.dumps(run.options, indent=2, ensure_ascii=False)
            # Four spaces: as it is, in Markdown.
            self._write_text("options", "\n".join(f"    {line}" for line in options.splitlines()), step=0)

    def log(self, values: Mapping[str, float], *, step: int, row: int) -> None:
        with self._writer.as_default(step=step), tf.summary.record_if(True):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        # What a process that is killed had not written would be missing, and is not reported again.
        self._writer.flush()

    def log_table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, step: int, row: int
    ) -> None:
        lines = [columns, ["---"] * len(columns), *rows]
        self._write_text(name, "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines), step=step)

    def finish(self, *, failed: bool) -> None:
        self._writer.close()

    def _write_text(self, name: str, text: str, *, step: int) -> None:
        with self._writer.as_default(step=step), tf.summary.record_if(True):
            tf.summary.text(name, text)
        self._writer.flush()


def _cell(value: Any) -> str:
    """A value in a table of Markdown, which a line or a bar would end."""
    return "" if value is None else " ".join(str(value).split()).replace("|", r"\|")
