"""CoNLL-U, the format of Universal Dependencies: ten columns, one word per line."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.lines import numbered_lines
from tf_ner.corpus.sentences import Layout, Sentence, raise_same_column
from tf_ner.errors import DataError

_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_MISSING = "_"
_DOCUMENT_START = "# newdoc"
_FILL_IN_WORD = "Fill the cell in, or choose with --empty-words what becomes of such words."

_WORD_ID = re.compile("[0-9]{1,9}")
# Ranges of words written as one, such as `1-2`, and words that are not written, such as `8.1`.
_NO_WORD_ID = re.compile(r"[0-9]+[-.][0-9]+")


def read_conllu(path: Path, layout: Layout | None = None, *, report: Report = raise_error) -> Iterator[Sentence]:
    """Reads a CoNLL-U file: syntactic words, and their parts of speech or what another column holds.

    Comments, ranges such as `1-2` and empty nodes such as `8.1` are left out.

    Args:
        path: The file.
        layout: The columns, by name (`id form lemma upos xpos feats head deprel deps misc`) or number; words are in
            `form`, and the tags of the task `pos` in `upos`, if not given.
        report: What to do with a line that cannot be read: not UTF-8, not ten columns, an empty word, no tag, a number
            that does not follow the one before it.

    Raises:
        DataError: The file is missing, or the column of the tags cannot be told.
    """
    layout = layout or Layout()
    word_place, tag_place = places_in_conllu(path, layout)
    if word_place == tag_place:
        raise_same_column(path, layout)
    begins = False
    sentence = Sentence([], [], [])
    word_id = 0
    for number, line in numbered_lines(path, report, encoding=layout.encoding):
        if line.isspace() or not line:
            if sentence.words:
                yield sentence
                begins = False
            sentence, word_id = Sentence([], [], [], begins), 0
            continue
        row = line.split("\t")
        if line.startswith(_DOCUMENT_START) and not sentence.words:
            begins = True
            sentence = sentence._replace(begins_document=True)
        if line.startswith("#") or _NO_WORD_ID.fullmatch(row[0]):
            continue
        word_id += 1
        problem = _what_is_wrong(row, word_id)
        if problem:
            kind, message = problem
            report(Finding(kind, path, number, message))
            word_id = int(row[0]) if _WORD_ID.fullmatch(row[0]) else word_id
            continue
        word, tag = row[word_place], row[tag_place]
        if tag in ("", _MISSING) or (not word and layout.empty_words == "error"):
            cell = "tag" if word else "word"
            received = f"received {row[1]!r} without a {_COLUMNS[tag_place if word else word_place].upper()}"
            fill_in = "Fill the cell in." if word else _FILL_IN_WORD
            report(Finding(f"empty-{cell}", path, number, f"{received}; expected a word and a tag. {fill_in}"))
            continue
        sentence.add(word, tag, number)
    if sentence.words:
        yield sentence


def has_ten_columns(path: Path, *, encoding: str | None = None) -> bool:
    """Whether the first word of a file has the columns of CoNLL-U."""
    for _, line in numbered_lines(path, lambda finding: None, encoding=encoding):
        if line.strip() and not line.startswith("#"):
            return line.count("\t") == len(_COLUMNS) - 1
    return True


def write_conllu(path: Path, sentences: Iterable[Sentence]) -> None:
    """Writes words, and their tags as UPOS; the other columns are empty."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for sentence in sentences:
            for number, (word, tag) in enumerate(zip(sentence.words, sentence.tags, strict=True), start=1):
                file.write(f"{number}\t{word}\t_\t{tag}" + "\t_" * 6 + "\n")
            file.write("\n")


def what_conllu_cannot_hold(word: str, tag: str) -> str | None:
    """Says why a word with its tag cannot be written, beyond tabs and line breaks; None if it can."""
    return f"received {word!r} with the tag _; expected another, because _ means no tag" if tag == _MISSING else None


def places_in_conllu(path: Path, layout: Layout) -> tuple[int, int]:
    """Which columns hold the word and the tag, from 0.

    Raises:
        DataError: The column of the tags cannot be told, or is not there.
    """
    if layout.task != "pos" and layout.tag_column is None:
        raise DataError(
            f"Received the CoNLL-U file {path} for the task {layout.task!r}; expected the task 'pos', because CoNLL-U "
            "has no column of its own for entities. Use --task pos, or name the column with --tag-column."
        )
    return _place(path, layout.word_column, "form"), _place(path, layout.tag_column, "upos")


def _place(path: Path, wanted: int | str | None, usual: str) -> int:
    wanted = usual if wanted is None else wanted
    if isinstance(wanted, int) and -len(_COLUMNS) <= wanted < len(_COLUMNS):
        return wanted % len(_COLUMNS)
    if isinstance(wanted, str) and wanted.lower() in _COLUMNS:
        return _COLUMNS.index(wanted.lower())
    raise DataError(
        f"Received the column {wanted} for {path}; expected one of {', '.join(_COLUMNS)}, or its number. "
        "Change --word-column or --tag-column."
    )


def _what_is_wrong(row: list[str], word_id: int) -> tuple[str, str] | None:
    if len(row) != len(_COLUMNS):
        return "ragged-row", (
            f"received {len(row)} column{'s' if len(row) != 1 else ''}; expected {len(_COLUMNS)}, separated by tabs. "
            "Fix the line."
        )
    if not _WORD_ID.fullmatch(row[0]) or int(row[0]) != word_id:
        fix = "Put a blank line between sentences." if row[0] == "1" else "Number the words of a sentence 1, 2, 3, …."
        return "bad-id", f"received the word number {row[0][:20]!r}; expected {word_id}. {fix}"
    return None
