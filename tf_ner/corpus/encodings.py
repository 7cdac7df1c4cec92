"""Files that are not in UTF-8: told once for a whole file, with how its words read in other encodings."""

import codecs
import io
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tf_ner.corpus.findings import Finding
from tf_ner.errors import DataError
from tf_ner.options.checks import is_encoding

_BLOCK = 2**16
_SAMPLE = 2**16
"""In bytes: so much of the lines that are not UTF-8 is read in other encodings."""

_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257", "mac-roman")
_OTHERS = ("cp1251", "koi8-r", "cp1253", "cp1255", "cp1256", "cp874", "gb18030", "big5", "cp932", "euc-jp", "euc-kr")
_MOST_SHOWN = 6


def require_encoding(name: str | None) -> None:
    """Makes sure that there is an encoding of that name.

    Raises:
        DataError: There is none.
    """
    if name is not None and not is_encoding(name):
        raise DataError(
            f"Received the encoding {name!r}; expected one that Python has, such as cp1252 or utf-16. Change "
            "--encoding."
        )


class InUtf8(io.RawIOBase):
    """The bytes of a file in another encoding, as UTF-8; a lone surrogate, which is none, where there is no text.

    Args:
        path: Its name.
        file: Its bytes.
        encoding: What they are.

    Raises:
        DataError: They begin in a way in which nothing in this encoding does; when they are read.
    """

    def __init__(self, path: Path, file: BinaryIO, encoding: str) -> None:
        self._path = path
        self._file = file
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)(_NO_TEXT)
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            read = self._file.read(_BLOCK)
            try:
                self._ready = self._decoder.decode(read, not read).encode("utf-8", "surrogatepass")
            except UnicodeError as error:
                raise DataError(
                    f"Received {self._path}, which is not {self._encoding} ({error}); expected text in it. Name "
                    "another --encoding, such as utf-16-le or utf-16-be for UTF-16 without a mark."
                ) from None
            if not read:
                break
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


_NO_TEXT = "tf_ner.no_text"
codecs.register_error(_NO_TEXT, lambda error: ("\ud800", error.end))  # type: ignore[attr-defined]


def in_another_encoding(path: Path, lines: Iterator[bytes]) -> Finding | None:
    """What to say of a file that is not UTF-8 as a whole; None if it is, but for lines here and there.

    Args:
        path: The file.
        lines: Its lines.
    """
    num_wrong = num_right = first_wrong = 0
    sample: list[bytes] = []
    for number, line in enumerate(lines, start=1):
        if number == 1 and (utf16 := _utf16(line)):
            return Finding("encoding", path, 1, _UTF16.format(name=utf16))
        if line.isascii():
            continue
        try:
            line.decode()
        except UnicodeDecodeError:
            num_wrong += 1
            first_wrong = first_wrong or number
            if sum(map(len, sample)) < _SAMPLE:
                sample.append(line)
        else:
            num_right += 1
    # One line may be damaged; of several, as many as are right.
    if num_wrong < 2 or num_wrong <= num_right:
        return None
    return Finding("encoding", path, first_wrong, _message(num_wrong, b"\n".join(sample)))


def _utf16(first_line: bytes) -> str | None:
    """The name of UTF-16, if a file begins so: with its mark, or with every second byte a zero."""
    if first_line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if first_line.count(b"\0") * 3 > len(first_line):
        return "utf-16-le" if first_line.find(b"\0") % 2 else "utf-16-be"
    return None


def _message(num_wrong: int, sample: bytes) -> str:
    words = [word for word in sample.split() if not word.isascii()]
    letters = b"".join(words)
    # Other scripts have few letters of ASCII in a word.
    is_latin = sum(byte < 128 for byte in letters) * 2 > len(letters)
    order = [*_LATIN, *_OTHERS] if is_latin else [*_OTHERS, *_LATIN]
    shown: dict[str, str] = {}
    for name in order:
        read = _read(sample, name)
        if read is not None and read not in shown.values():
            shown[name] = read
    listed = ", ".join(f"{read!r} in {name}" for name, read in list(shown.items())[:_MOST_SHOWN])
    choose = f"their first words are {listed}" if listed else "ask who wrote the file which it is"
    return (
        f"received {num_wrong} lines that are not UTF-8, so that nothing of the file is read; expected UTF-8. Name its "
        f"encoding with --encoding: {choose}."
    )


def _read(sample: bytes, encoding: str) -> str | None:
    """The first words beyond ASCII in an encoding; None if these bytes are hardly text in it."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return None
    words = [word for word in text.split() if not word.isascii()]
    return " ".join(words[:2])[:40] if words and all(map(_is_likely, words)) else None


def _is_likely(word: str) -> bool:
    """Whether a word has letters of one script, none of them a capital after a small one."""
    scripts = set()
    has_letters = any(map(str.isalpha, word))
    for before, letter in zip(" " + word, word, strict=False):
        category = unicodedata.category(letter)
        is_sign = category in _NOT_IN_TEXT or (category == "Sc" and has_letters)
        if is_sign and not letter.isascii():
            return False
        if letter.isalpha():
            scripts.add(unicodedata.name(letter, "?").split()[0])
            if category == "Lu" and unicodedata.category(before) == "Ll":
                return False
    return len(scripts) < 2


_NOT_IN_TEXT = {"Cc", "Cf", "Cn", "Co", "Cs", "Sk", "Sm", "So"}
_UTF16 = (
    "received UTF-16, so that nothing of the file is read; expected UTF-8. Name its encoding with --encoding {name}."
)
