"""Files that are written completely or not at all."""

import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tf_ner.errors import OutputError


def require_folder_of(path: Path) -> None:
    """Reports before the work starts that its result could not be written.

    Raises:
        OutputError: The folder of `path` does not exist.
    """
    if not path.parent.is_dir():
        raise OutputError(
            f"Received {path}, whose folder does not exist; expected a file in a folder that does. Create the folder."
        )


def require_file(path: Path) -> None:
    """Reports before the work starts that its result could not be written to a file of this name.

    Raises:
        OutputError: The folder of `path` does not exist; or it exists and is not a file, such as a folder or
            `/dev/null`, which a file would replace.
    """
    require_folder_of(path)
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device or a pipe"
        raise OutputError(f"Received {path}, which is {kind}; expected a file. Change the path.")


@contextmanager
def replaced_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary path next to `path`; what was written there replaces `path` on success.

    Raises:
        OutputError: The folder of `path` does not exist, or `path` is not a file.

    On any error `path` keeps what it held before and the temporary file is removed.
    """
    require_file(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_UMASK)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def folder_filled_whole(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder inside `folder`; its files are moved into `folder` on success, one by one."""
    temporary = Path(tempfile.mkdtemp(dir=folder, prefix=".partial."))
    try:
        yield temporary
        for file in sorted(temporary.iterdir()):
            os.replace(file, folder / file.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def folder_replaced_whole(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder next to `folder`, which replaces it on success."""
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".partial."))
    aside = temporary.with_name(f"{temporary.name}.before")
    try:
        yield temporary
        temporary.chmod(0o777 & ~_UMASK)
        if folder.exists():
            os.replace(folder, aside)
        os.replace(temporary, folder)
    finally:
        if aside.exists() and not folder.exists():
            os.replace(aside, folder)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def link_or_copy(source: Path | str, target: Path | str) -> None:
    """Gives a file a second name; copies it where the file system has no such names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def remove_partial(folder: Path) -> None:
    """Removes what a process that was killed left half-written in `folder`."""
    for leftover in (*folder.glob(".*.partial"), *folder.glob(".partial.*")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink()


def write_json(path: Path, value: Any) -> None:
    """Writes JSON, whole or not at all; a number that JSON does not have, such as NaN, becomes null."""
    write_text(path, json.dumps(_finite(value), indent=2) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    with replaced_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# The mask can only be read by setting it, which two threads must not do at once.
_UMASK = _read_umask()
