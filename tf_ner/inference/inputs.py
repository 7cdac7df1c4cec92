"""The lines of files to be answered: text, or JSON lines."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

from tf_ner.errors import DataError, OutputError
from tf_ner.tasks.records import record_of

STDIN = "-"
_READ = (".txt", ".text", ".jsonl", ".ndjson")
"""What the names of the files of a folder end in that are read."""

_RECORDS = (".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv", ".parquet", ".json", ".xlsx")


def lines_of(names: Sequence[str], *, is_text: bool = False) -> Iterator[str]:
    """The lines of files, one file after the other, without their ends.

    Args:
        names: Files; folders, whose files of text and JSON lines are read in the order of their names; `-` for
            standard input.
        is_text: All lines are text, whatever they look like.

    Raises:
        OSError: A file is missing.
        DataError: A folder has no such file; or, when it is read, a file is not UTF-8, or is a table or a list of
            records, after those before it.
    """
    files = list(chain.from_iterable(map(_files, names)))
    for file in files:
        if file != STDIN:
            Path(file).stat()
    return _lines(files, is_text=is_text)


def refuse_as_output(output: Path, names: Sequence[str]) -> None:
    """Stops where answers would be written over what is to be answered.

    Raises:
        OutputError: The output is one of the files.
    """
    for file in chain.from_iterable(map(_files, names)):
        if file != STDIN and output.exists() and Path(file).exists() and output.samefile(file):
            raise OutputError(f"Received --output {output}, which is read too; expected another file. Change --output.")


def _lines(files: Sequence[str], *, is_text: bool) -> Iterator[str]:
    for name in files:
        are_records = not is_text and Path(name).suffix.lower() in _RECORDS
        with _opened(name) as file:
            for number, line in enumerate(file):
                if number == 0 and not is_text:
                    _refuse_table(name, line)
                line = line.rstrip("\n")
                if are_records and line.strip() and record_of(line) is None:
                    raise DataError(
                        f"{name}:{number + 1}: received {line[:60]!r}; expected a JSON object. Fix the line, or pass "
                        "--input text if each line is a text as it is."
                    )
                yield line


def _files(name: str) -> list[str]:
    folder = Path(name)
    if name == STDIN or not folder.is_dir():
        return [name]
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in _READ)
    if not files:
        raise DataError(
            f"Received the folder {name}; expected one with files that end in {', '.join(_READ)}. Name the files."
        )
    return list(map(str, files))


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    place = "standard input" if name == STDIN else name
    try:
        if name == STDIN:
            sys.stdin.reconfigure(encoding="utf-8-sig", newline=None)  # type: ignore[union-attr]
            yield sys.stdin
        else:
            with open(name, encoding="utf-8-sig") as file:
                yield file
    except UnicodeDecodeError as error:
        raise DataError(
            f"Received {place}, which is not UTF-8 ({error.reason}); expected UTF-8 text. Convert it with iconv."
        ) from None


def _refuse_table(name: str, line: str) -> None:
    """Stops at what would be answered row by row, commas and quotes included."""
    is_list = line.lstrip().startswith(("[{", "[[")) or line.strip() == "["
    if Path(name).suffix.lower() in _TABLES or is_list:
        what = "a list in JSON" if is_list else "a table"
        raise DataError(
            f"Received {name}, {what}; expected lines of text, or JSON lines with the text of each under `text`. Write "
            "one object a line, or pass --input text if each line is a text as it is."
        )
