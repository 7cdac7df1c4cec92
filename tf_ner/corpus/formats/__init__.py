"""The formats of corpus files: which there are, which a file has, and what they cannot hold."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.formats.brat import ANNOTATIONS, has_brat_files, read_brat
from tf_ner.corpus.formats.conll import read_conll, what_conll_cannot_hold, write_conll
from tf_ner.corpus.formats.conllu import has_ten_columns, read_conllu, what_conllu_cannot_hold, write_conllu
from tf_ner.corpus.formats.json_lines import read_json_lines, what_spans_cannot_hold, write_json_lines, write_json_spans
from tf_ner.corpus.formats.parquet import read_parquet, write_parquet
from tf_ner.corpus.formats.spacy_docs import DOCUMENTS, is_spacy, read_spacy
from tf_ner.corpus.formats.tables import is_tsv, read_csv, read_tsv, what_tables_cannot_hold, write_csv, write_tsv
from tf_ner.corpus.formats.webanno import is_webanno, read_webanno
from tf_ner.corpus.lines import another_encoding
from tf_ner.corpus.opened import is_compressed, refuse_pointer, suffix_of
from tf_ner.corpus.sentences import Layout, Sentence, Unwritable
from tf_ner.errors import DataError
from tf_ner.options.train import FormatName


class Reader(Protocol):
    """Reads the sentences of a file, as `read_conll` does."""

    def __call__(self, path: Path, layout: Layout, *, report: Report) -> Iterator[Sentence]: ...


class Format(NamedTuple):
    """How files of one format are read and written.

    Attributes:
        extensions: What their names end in, in small letters; the first is written.
        read: The reader.
        write: `(path, sentences)`: writes words and tags.
        forbidden: Characters that no word and no tag may hold.
        cell_problem: `(word, tag)`: why else these cannot be written; None if they can.
        sentence_problem: Why else a sentence cannot be written; None if it can.
    """

    extensions: tuple[str, ...]
    read: Reader
    write: Callable[[Path, Iterable[Sentence]], None]
    forbidden: re.Pattern[str]
    cell_problem: Callable[[str, str], str | None] = lambda word, tag: None
    sentence_problem: Callable[[Sentence], Unwritable | None] = lambda sentence: None


def _write_conll_file(path: Path, sentences: Iterable[Sentence]) -> None:
    remaining = iter(sentences)
    first = next(remaining, None)
    # Readers do not take a byte order mark at the beginning as part of a word.
    has_mark = first is not None and first.words[0].startswith("\ufeff")
    with path.open("w", encoding="utf-8-sig" if has_mark else "utf-8", newline="\n") as file:
        write_conll(file, ((sentence.words, sentence.tags) for sentence in chain([first] if first else [], remaining)))


_HALVES = "\ud800-\udfff"
_IN_LINES = re.compile(f"[\t\r\n\0{_HALVES}]")
_IN_CSV = re.compile(f"[\0{_HALVES}]")
_IN_STRINGS = re.compile(f"[{_HALVES}]")

FORMATS: dict[FormatName, Format] = {
    "conll": Format(
        (".conll", ".bio", ".iob", ".iob2", ".testa", ".testb", ".train", ".tsv", ".txt"),
        read_conll,
        _write_conll_file,
        _IN_LINES,
        what_conll_cannot_hold,
    ),
    "conllu": Format((".conllu",), read_conllu, write_conllu, _IN_LINES, what_conllu_cannot_hold),
    "jsonl": Format((".jsonl", ".json", ".ndjson"), read_json_lines, write_json_lines, _IN_STRINGS),
    "jsonl-spans": Format(
        (".jsonl",), read_json_lines, write_json_spans, _IN_STRINGS, sentence_problem=what_spans_cannot_hold
    ),
    "csv": Format((".csv",), read_csv, write_csv, _IN_CSV, what_tables_cannot_hold),
    "tsv": Format((".tsv",), read_tsv, write_tsv, _IN_LINES, what_tables_cannot_hold),
    "parquet": Format((".parquet",), read_parquet, write_parquet, _IN_STRINGS),
}


class ReadOnlyFormat(NamedTuple):
    """How files are read that are never written.

    Attributes:
        is_of: Whether a file, or a folder in the place of one, has this format; told by what is in it.
        read: The reader.
    """

    is_of: Callable[[Path], bool]
    read: Reader


READ_ONLY: dict[str, ReadOnlyFormat] = {
    "brat": ReadOnlyFormat(has_brat_files, read_brat),
    "spacy": ReadOnlyFormat(is_spacy, read_spacy),
    "webanno": ReadOnlyFormat(is_webanno, read_webanno),
}

WRITTEN_EXTENSIONS = frozenset(extension for known in FORMATS.values() for extension in known.extensions)
"""What the names of corpus files end in that can be written."""

EXTENSIONS = WRITTEN_EXTENSIONS | {ANNOTATIONS, DOCUMENTS}
"""What the names of corpus files end in."""


def format_of_name(path: Path) -> FormatName | None:
    """The format that a file's extension stands for; the first, if it stands for several."""
    suffix = suffix_of(path)
    return next((name for name, known in FORMATS.items() if suffix in known.extensions), None)


def format_of_file(path: Path, layout: Layout) -> str:
    """The format of a file, told by what is in it where that says so, and by its extension; CoNLL if unknown."""
    if found := next((name for name, known in READ_ONLY.items() if known.is_of(path)), None):
        return found
    if suffix_of(path) in (".tsv", ".txt") and is_tsv(path, layout):
        return "tsv"
    name = format_of_name(path) or "conll"
    # Some give this ending to any file of columns; parts of speech have a place of their own in CoNLL-U alone.
    may_be_columns = name == "conllu" and (layout.task != "pos" or layout.tag_column is not None)
    return "conll" if may_be_columns and not has_ten_columns(path, encoding=layout.encoding) else name


def read_corpus_file(path: Path, layout: Layout | None = None, *, report: Report = raise_error) -> Iterator[Sentence]:
    """Reads a corpus file of any format; one whose extension is not known is taken for CoNLL columns.

    Raises:
        DataError: The file is missing, its columns cannot be told, or what `report` raises.
    """
    for shard in shards_of(path):
        yield from _read_file(shard, layout or Layout(), report)


def _read_file(path: Path, layout: Layout, report: Report) -> Iterator[Sentence]:
    refuse_pointer(path)
    name = format_of_file(path, layout)
    is_text = name not in ("parquet", "spacy") and path.is_file()
    if layout.encoding is None and is_text and (finding := another_encoding(path)):
        report(finding)
        return
    refuse_packed_parquet(path)
    given = {
        "--columns": layout.columns is not None,
        "--word-prefix": bool(layout.word_prefix),
        "--comments": layout.comments and name != "conllu",
    }
    if layout.encoding is not None and not is_text and path.is_file():
        raise DataError(f"Received --encoding for {path}; expected it only for files of text. Leave it out.")
    if name != "conll" and any(given.values()):
        option = next(option for option, is_given in given.items() if is_given)
        raise DataError(f"Received {option} for {path}; expected it only for CoNLL columns. Leave it out.")
    read = READ_ONLY[name].read if name in READ_ONLY else FORMATS[cast(FormatName, name)].read
    sentences = read(path, layout, report=report)
    yield from _long_ones_told(path, sentences, report) if name in ("conll", "conllu") else sentences


def _long_ones_told(path: Path, sentences: Iterable[Sentence], report: Report) -> Iterator[Sentence]:
    """The sentences; warns of the first one for which blank lines are likely missing."""
    longest, is_told = 0, False
    for sentence in sentences:
        num_words = len(sentence.words)
        if num_words > longest:
            if not is_told and num_words > max(_LONG, _MUCH_LONGER * longest):
                is_told = True
                before = f", and {longest} words at most in those before it" if longest else ""
                message = _LONG_SENTENCE.format(num_words=num_words, before=before)
                report(Finding("no-blank-line", path, sentence.lines[0], message, is_error=False))
            longest = num_words
        yield sentence


_LONG = 200
_MUCH_LONGER = 2
_LONG_SENTENCE = (
    "received a sentence of {num_words} words{before}; expected a blank line after each sentence. Add those that are "
    "missing; if it is one sentence, leave it."
)


def refuse_packed_parquet(path: Path) -> None:
    """Stops at a Parquet file that is compressed once more.

    Raises:
        DataError: It is one.
    """
    if suffix_of(path) == ".parquet" and is_compressed(path):
        raise DataError(f"Received {path}; expected a Parquet file that is not compressed once more. Unpack it.")


def shards_of(path: Path) -> list[Path]:
    """The files that a file is one of, as data sets are saved that are too large for one; else only itself.

    Raises:
        DataError: One of them is missing.
    """
    found = _SHARD.fullmatch(path.name)
    if found is None:
        return [path]
    num_shards = int(found["total"])
    names = [f"{found['before']}-{number:05}-of-{found['total']}{found['after']}" for number in range(num_shards)]
    shards = [path.with_name(name) for name in names]
    if missing := [shard for shard in shards if not shard.exists()]:
        raise DataError(
            f"Received {path}, one of {num_shards} files, of which {missing[0].name} is missing; expected all of them. "
            "Copy it beside the others, or give the file another name."
        )
    return shards


def name_of_all(path: Path) -> Path:
    """A name for all files of `shards_of`."""
    found = _SHARD.fullmatch(path.name)
    # The current folder has no name.
    return path if found is None else path.with_name(found.expand(r"\g<before>-*-of-\g<total>\g<after>"))


_SHARD = re.compile(r"(?P<before>.+)-\d{5}-of-(?P<total>\d{5})(?P<after>(?:\..*)?)")


def what_cannot_be_written(sentence: Sentence, name: FormatName) -> Unwritable | None:
    """Says which word of a sentence a format cannot hold, and why; None if it gives the sentence back as it is."""
    target = FORMATS[name]
    for position, (word, tag) in enumerate(zip(sentence.words, sentence.tags, strict=True)):
        if problem := _cell_problem(target, word, tag):
            return Unwritable(position, f"{problem}. Change it, or choose a format other than {name}.")
    return target.sentence_problem(sentence)


def _cell_problem(target: Format, word: str, tag: str) -> str | None:
    for cell, kind in ((word, "word"), (tag, "tag")):
        if not cell:
            return f"received an empty {kind}; expected none"
        if found := target.forbidden.search(cell):
            return f"received the {kind} {cell!r}; expected one without {found.group()!r}"
    return target.cell_problem(word, tag)
