"""Repairs column files where there is one right answer, and touches nothing else in them."""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tf_ner.corpus.characters import repaired, suspects
from tf_ner.corpus.entities import EntityReader
from tf_ner.corpus.formats import format_of_file
from tf_ner.corpus.formats.conllu import places_in_conllu
from tf_ner.corpus.loading.splits import Split
from tf_ner.corpus.opened import is_compressed, open_corpus_file
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError, OutputError
from tf_ner.files import replaced_whole
from tf_ner.options.train import SchemeName

_DOCUMENT_START = "-DOCSTART-"


@dataclass(frozen=True)
class Change:
    """What was changed in the copy of a file.

    Attributes:
        path: The file as it was read.
        line: Its line, from 1.
        old: What was there.
        new: What is in the copy.
    """

    path: Path
    line: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.old} → {self.new}"


def write_repaired(
    splits: Mapping[str, Split], *, scheme: SchemeName | None, layout: Layout, folder: Path
) -> list[Change]:
    """Writes a copy of each file, with the same name and lines, and reports what was changed.

    Changed are: tags that do not follow each other as the scheme says, into the spelling of the entities they are read
    as (not beside a tag that is not of the scheme); words and tags, as `characters.repaired` says; line ends that are
    no line feeds; and a byte order mark at the beginning.

    Args:
        splits: As read from CoNLL or CoNLL-U files.
        scheme: How the tags spell entities; None if they spell none, and stay.
        layout: What stands where in the files.
        folder: Where the copies go; must not exist, or be empty.

    Raises:
        DataError: A file has another format, or two have the same name.
        OutputError: The folder is not empty.
    """
    paths = [split.path for split in splits.values()]
    places = {path: _places(path, layout) for path in paths}
    if len({Path(path).name for path in paths}) < len(paths):
        raise DataError(
            f"Received {', '.join(map(str, paths))}; expected files with different names, because the copies go into "
            "one folder. Rename them."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"Received --fix {folder}, which is not empty; expected a new folder. Choose another.")
    folder.mkdir(parents=True, exist_ok=True)
    changes: list[Change] = []
    reader = EntityReader(scheme) if scheme is not None else None
    for split in splits.values():
        path = Path(split.path)
        with replaced_whole(folder / path.name) as temporary:
            temporary.write_bytes(b"".join(_rewritten(path, _repairs(split, reader), places[path], layout, changes)))
    return changes


def _places(path: Path | str, layout: Layout) -> tuple[int, int]:
    """Which columns hold the word and the tag."""
    if isinstance(path, Path) and (is_compressed(path) or "*" in path.name):
        raise DataError(
            f"Received {path} to repair; expected one file that is not compressed. Unpack it, or join its parts."
        )
    name = format_of_file(path, layout) if isinstance(path, Path) else "hub"
    if name == "conllu":
        return places_in_conllu(Path(path), layout)
    if name == "conll":
        return layout.place_of_word(), layout.place_of_tag()
    raise DataError(
        f"Received {path} to repair; expected CoNLL or CoNLL-U columns. Convert it first with `tf-ner convert`."
    )


class _Repair(NamedTuple):
    """A word and its tag, as they were and as they shall be."""

    word: str
    new_word: str
    tag: str
    new_tag: str


def _repairs(split: Split, reader: EntityReader | None) -> dict[int, _Repair]:
    """What to change, by line."""
    repairs = {}
    new_words = {word: repaired(word) for word in suspects({word for row in split.sentences for word in row.words})}
    clean_tags = {tag: repaired(tag) for tag in suspects({tag for row in split.sentences for tag in row.tags})}
    for words, tags, lines, *_ in split.sentences:
        new_tags = [clean_tags.get(tag, tag) for tag in tags] if clean_tags else tags
        new_tags = reader.repaired(new_tags) if reader is not None else new_tags
        for word, tag, new_tag, line in zip(words, tags, new_tags, lines, strict=True):
            new_word = new_words.get(word, word)
            if (new_word, new_tag) != (word, tag):
                repairs[line] = _Repair(word, new_word, tag, new_tag)
    return repairs


def _rewritten(
    path: Path, repairs: Mapping[int, _Repair], places: tuple[int, int], layout: Layout, changes: list[Change]
) -> Iterator[bytes]:
    """The lines of the copy; adds to `changes`."""
    other_ends = []
    with open_corpus_file(path, encoding=layout.encoding) as file:
        lines = file.read().splitlines(keepends=True)
    if layout.encoding is not None:
        changes.append(Change(path, 1, f"the encoding {layout.encoding}", "UTF-8"))
    for number, line in enumerate(lines, start=1):
        text = line.rstrip(b"\r\n")
        end = line.removeprefix(text)
        if number in repairs:
            mark = codecs.BOM_UTF8 if number == 1 and text.startswith(codecs.BOM_UTF8) else b""
            new, made = _repaired_line(text.removeprefix(mark).decode(), repairs[number], places, layout)
            text = mark + new.encode()
            changes += [Change(path, number, old, new) for old, new in made]
        # A second mark would become the first, and would no longer be read as part of the word.
        if number == 1 and text.startswith(codecs.BOM_UTF8) and not text.startswith(codecs.BOM_UTF8 * 2):
            text = text.removeprefix(codecs.BOM_UTF8)
            changes.append(Change(path, 1, "a byte order mark", "nothing"))
        if end not in (b"", b"\n"):
            other_ends.append(number)
        yield text + (b"\n" if end else b"")
    if other_ends:
        changes.append(Change(path, other_ends[0], f"{len(other_ends)} line ends (CR LF or CR)", "LF"))


def _repaired_line(
    line: str, repair: _Repair, places: tuple[int, int], layout: Layout
) -> tuple[str, list[tuple[str, str]]]:
    """The line with the new word and tag in place of the old ones, and what was changed; all else stays."""
    has_tabs = "\t" in line
    row = line.rstrip("\t ") if has_tabs else line.strip(" ")
    before, _, after = line.partition(row)
    cells = re.split("(\t)" if has_tabs else "( +)", row)
    columns = cells[::2]
    changes = []
    for place, old, new in (
        (places[0], layout.word_prefix + repair.word, layout.word_prefix + repair.new_word),
        (places[1], repair.tag, repair.new_tag),
    ):
        if old == new or columns[place] != old:
            continue
        changed = [*cells]
        changed[2 * range(len(columns))[place]] = new
        # One that begins with the sign already is read as a word in spite of it.
        becomes_comment = layout.comments and not line.startswith("#") and (before + changed[0]).startswith("#")
        if changed[0] != _DOCUMENT_START and not becomes_comment:
            cells = changed
            changes.append((repr(old), repr(new)))
    return before + "".join(cells) + after, changes
