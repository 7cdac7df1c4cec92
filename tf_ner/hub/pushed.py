"""What a run has put into repositories, as its folder remembers it."""

import hashlib
import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from tf_ner.errors import OutputError
from tf_ner.files import write_json

logger = logging.getLogger(__name__)

_RECORD = ".pushed.json"
"""By repository and file, the ids of the content as it was pushed. Hidden, so that it is never pushed itself."""


def read_pushed(run_dir: Path, repo_id: str) -> dict[str, Collection[str]]:
    """The files that this very run has put into a repository, and the ids of each; none where nobody knows."""
    files = _read(run_dir).get(repo_id)
    return {name: ids for name, ids in files.items() if isinstance(ids, list)} if isinstance(files, dict) else {}


def note_pushed(run_dir: Path, repo_id: str, files: Mapping[str, Path]) -> None:
    """Remembers files by their name in a repository, in the place of what was pushed there before.

    Where that cannot be written, they stay in the repository when the run drops them, and nothing else is lost.
    """
    try:
        ids = {name: content_ids(file.read_bytes()) for name, file in files.items()}
        write_json(run_dir / _RECORD, {**_read(run_dir), repo_id: ids})
    except (OSError, OutputError) as error:
        logger.info("%s cannot be written (%s)", run_dir / _RECORD, error)


def forget_pushed(run_dir: Path) -> None:
    """Lets a folder begin another run, which has pushed nothing yet."""
    (run_dir / _RECORD).unlink(missing_ok=True)


def _read(run_dir: Path) -> dict[str, object]:
    try:
        record = json.loads((run_dir / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def content_ids(content: bytes) -> list[str]:
    """What the Hub calls a content: a file of git, or an object of the storage for large files."""
    in_git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return [in_git.hexdigest(), hashlib.sha256(content).hexdigest()]
