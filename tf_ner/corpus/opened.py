"""Corpus files as bytes, compressed or not."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, BinaryIO

from tf_ner.corpus.encodings import InUtf8
from tf_ner.errors import DataError

_GZIP, _ZIP = ".gz", ".zip"
_POINTER = b"version https://git-lfs.github.com/spec/"

# What some systems put into archives beside the files.
_NO_MEMBERS = ("__MACOSX/", ".DS_Store", "Thumbs.db")


def is_compressed(path: Path) -> bool:
    """Whether a file is read as it is unpacked."""
    return path.suffix.lower() in (_GZIP, _ZIP)


def suffix_of(path: Path) -> str:
    """What a file's name ends in, in small letters; of a compressed file, what the name of the one in it ends in."""
    suffix = path.suffix.lower()
    if suffix == _GZIP:
        return Path(path.stem).suffix.lower()
    if suffix == _ZIP and path.is_file():
        try:
            with zipfile.ZipFile(path) as archive:
                members = _members(archive)
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
            return suffix
        return Path(members[0]).suffix.lower() if len(members) == 1 else suffix
    return suffix


def refuse_pointer(path: Path) -> None:
    """Stops at what Git leaves in the place of a large file that it has not fetched.

    Raises:
        DataError: It is such.
    """
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(len(_POINTER))
        if head == _POINTER:
            raise DataError(
                f"Received {path}, which only says where Git LFS keeps the file; expected the file itself. Run `git "
                "lfs pull` in its folder."
            )


@contextmanager
def open_corpus_file(path: Path, *, encoding: str | None = None) -> Iterator[BinaryIO]:
    """Opens a corpus file for reading bytes; those of a compressed one as they are unpacked.

    Args:
        path: The file.
        encoding: What the bytes are, which are then given as UTF-8; invalid UTF-8 where they are something else.

    Raises:
        DataError: The file is missing, is a folder, or is an archive of several; or, also while it is read, it cannot
            be unpacked.
    """
    try:
        opened = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"Received {path}, which does not exist; expected a corpus file. Check the path.") from None
    except IsADirectoryError:
        raise DataError(f"Received the folder {path}; expected a corpus file. Pass a folder with --dataset.") from None
    with opened as file:
        unpacked: BinaryIO = BufferedReader(_Unpacked(path, file)) if is_compressed(path) else file
        yield unpacked if encoding is None else BufferedReader(InUtf8(path, unpacked, encoding))


class _Unpacked(io.RawIOBase):
    """What is in a compressed file.

    Args:
        path: Its name.
        file: Its bytes.

    Raises:
        DataError: It is an archive of several files; or, also when it is read, it cannot be unpacked.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._kind = path.suffix.lower().removeprefix(".")
        with self._damage_told():
            self._file = gzip.GzipFile(fileobj=file) if path.suffix.lower() == _GZIP else _only_member(path, file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with self._damage_told():
            data = self._file.read1(len(buffer))  # type: ignore[union-attr]
        buffer[: len(data)] = data
        return len(data)

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise DataError(
                f"Received {self._path}, which cannot be unpacked ({error}); expected a complete {self._kind} file, "
                "without a password. Copy it again, or unpack it."
            ) from None


_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)


def _only_member(path: Path, file: BinaryIO) -> IO[bytes]:
    archive = zipfile.ZipFile(file)
    members = _members(archive)
    if len(members) != 1:
        shown = ", ".join(members[:5]) or "none"
        raise DataError(
            f"Received {path} with {len(members)} files ({shown}); expected one. Unpack it, and pass the folder with "
            "--dataset, or its files one by one."
        )
    return archive.open(members[0])


def _members(archive: zipfile.ZipFile) -> list[str]:
    """The names of the files in an archive."""
    return [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith(_NO_MEMBERS[0]) and Path(name).name not in _NO_MEMBERS
    ]
