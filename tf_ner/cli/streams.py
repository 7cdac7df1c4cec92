"""The standard streams of a command: closed, full, gone, or of an encoding that cannot say everything."""

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any


def make_streams_usable() -> None:
    """Lets every stream be written to and read from; once, before any file is opened.

    A stream that was closed leads nowhere, or the next file that is opened would get its messages. What an output's
    encoding cannot say is written as an escape, not a reason to stop.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _Lossy(io.RawIOBase):
    """Bytes to a file that may be full, or whose reader may be gone; what it does not take is lost."""

    def __init__(self, raw: io.RawIOBase):
        self._raw = raw

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()

    def write(self, data: Any) -> int:
        try:
            return self._raw.write(data) or 0
        except OSError:
            return len(data)


def lossy(stream: Any) -> Any:
    """The same output, to which writing never fails: hours of training must not end at a line of their progress."""
    buffer = getattr(stream, "buffer", None)
    # With PYTHONUNBUFFERED, as containers have it, there is nothing between.
    raw = buffer if isinstance(buffer, io.RawIOBase) else getattr(buffer, "raw", None)
    if raw is None:
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Lossy(raw)), encoding=stream.encoding, errors=stream.errors, line_buffering=True
    )


def typed_lines(prompt: str) -> Iterator[str]:
    """What somebody types in a terminal, line by line, until they end it."""
    with contextlib.suppress(ImportError):
        # Arrow keys, and the lines before.
        importlib.import_module("readline")
    while True:
        try:
            yield input(prompt)
        except EOFError:
            print()
            return
