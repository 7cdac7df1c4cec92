"""Files that are there whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tf_ner.errors import OutputError


def require_folder_of(path: Path) -> None:
    """Says before the work that its result could not be written.

    Raises:
        OutputError: The folder of `path` does not exist.
    """
    if not path.parent.is_dir():
        raise OutputError(
            f"Received {path}, whose folder does not exist; expected a file in a folder that does. Create the folder."
        )


@contextmanager
def replaced_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; what was written there takes the place of `path` on success.

    Raises:
        OutputError: The folder of `path` does not exist.

    On any error `path` keeps what it held before and the temporary file is removed.
    """
    require_folder_of(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
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


def remove_partial(folder: Path) -> None:
    """Removes what a process that was killed left half-written in `folder`."""
    for leftover in (*folder.glob(".*.partial"), *folder.glob(".partial.*")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink()


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    with replaced_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
