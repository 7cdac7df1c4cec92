"""Pushing while training goes on."""

import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from tf_ner.hub.upload import HubTarget, list_files, push_folder, reason

logger = logging.getLogger(__name__)


class BackgroundUploader:
    """Pushes states of a folder while training goes on: one at a time, and a newer one takes the place of one waiting.

    Each state is kept as it was when it was submitted. Faults are retried, then told in a warning; they never end the
    training.

    Attributes:
        commit_url: The address of the last commit; None before the first.
        fault: Why the last push failed; None where it did not.
    """

    def __init__(self, target: HubTarget):
        self.target = target
        self.commit_url: str | None = None
        self.fault: str | None = None
        self._waiting: tuple[Path, str] | None = None
        self._is_busy = False
        self._is_last = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="tf_ner push", daemon=True)

    def submit(self, folder: Path, message: str) -> None:
        """Takes a folder's present state to be pushed; does not wait."""
        state = Path(mkdtemp(dir=folder, prefix=".partial.push."))
        for file in list_files(folder):
            (state / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / file, state / file)
        with self._changed:
            replaced, self._waiting = self._waiting, (state, message)
            self._changed.notify_all()
        if replaced is not None:
            shutil.rmtree(replaced[0], ignore_errors=True)
        if self._thread.ident is None:
            self._thread.start()

    def finish(self, folder: Path, message: str) -> str | None:
        """Pushes the final state, waits for it and gives the address of its commit, or None where that failed."""
        logger.info("Pushing to %s …", self.target.repo_id)
        self._is_last = True
        self.submit(folder, message)
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is None and not self._is_busy)
        if self.fault is not None:
            return None
        logger.info("Pushed: %s", self.commit_url)
        return self.commit_url

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None)
                assert self._waiting is not None
                (state, message), self._waiting = self._waiting, None
                self._is_busy = True
            try:
                self._push(state, message)
            finally:
                shutil.rmtree(state, ignore_errors=True)
                with self._changed:
                    self._is_busy = False
                    self._changed.notify_all()

    def _push(self, state: Path, message: str) -> None:
        try:
            with _progress_bars(shown=self._is_last):
                # With a newer state waiting, this one is not worth another try.
                self.commit_url = push_folder(
                    state, self.target, message=message, may_go_on=lambda: self._waiting is None
                )
            self.fault = None
        except Exception as fault:  # The training must not end by what happens to an upload.
            self.fault = reason(fault, self.target)
            if self._waiting is None:
                logger.warning(
                    "Could not push to %s (%s). Nothing is lost: the files are in the output folder; send them later "
                    "with `tf-ner push FOLDER`.",
                    self.target.repo_id,
                    self.fault,
                )


@contextmanager
def _progress_bars(*, shown: bool) -> Iterator[None]:
    """Keeps the client's progress bars out of the training's, and shows them where one waits for the upload."""
    were_disabled = are_progress_bars_disabled()
    if not shown:
        disable_progress_bars()
    try:
        yield
    finally:
        if not shown and not were_disabled:
            enable_progress_bars()
