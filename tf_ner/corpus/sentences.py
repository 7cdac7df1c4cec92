"""What every reader of corpus files takes and gives."""

import re
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Self

from tf_ner.corpus.encodings import require_encoding
from tf_ner.corpus.findings import Finding, Report
from tf_ner.errors import DataError
from tf_ner.options.train import (
    BareLabels,
    EmptyWords,
    OffsetEnds,
    OffsetUnit,
    OverlapChoice,
    ReadingConfig,
    SeveralTags,
    TaggingTask,
    WordRule,
)

WORD = "word"
"""What `Layout.columns` calls the column of the words."""


class Sentence(NamedTuple):
    """Words with one tag and one line of the file (from 1) each; of a table without lines, the row.

    Attributes:
        words: The words.
        tags: Of each.
        lines: Of each.
        begins_document: Whether a document begins with this sentence, in a file that says where they do.
        missed: The labels of entities that end inside a word, and so have no tags.
        word_rule: By which rule its text was split; None where the words came as words.
    """

    words: list[str]
    tags: list[str]
    lines: list[int]
    begins_document: bool = False
    missed: tuple[str, ...] = ()
    word_rule: WordRule | None = None

    def add(self, word: str, tag: str, line: int) -> None:
        """Puts a word at the end."""
        self.words.append(word)
        self.tags.append(tag)
        self.lines.append(line)


class Place(NamedTuple):
    """Where a sentence stands.

    Attributes:
        path: The file, or the data set on the Hub.
        lines: Of each word, from 1.
        document: Which one it belongs to, from 1; None where documents are not told apart.
    """

    path: str
    lines: Sequence[int]
    document: int | None = None


class Unwritable(NamedTuple):
    """Which word of a sentence a format cannot hold, from 0, and why."""

    position: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where words and tags are in a file.

    Attributes:
        task: Which tags are wanted, where a file has several kinds.
        columns: What each column of a file without a header holds, such as `("word", "pos", "chunk", "ner")`.
        word_column: The column, or the key of a record, that holds words; a name, or a number from 0, negative from
            the right. Found by its usual names, or by its place, if not given.
        tag_column: The same for the tags.
        sentence_column: In a table with one word per row, the column whose next value begins a sentence; the same.
        word_prefix: What precedes every word and is not part of it, such as `en:`.
        comments: Lines that begin with `#` are comments.
        label_names: The names of tags that are numbers, from 0.
        several_tags: What becomes of several tags in a cell.
        bare_labels: What labels without a prefix are, among tags with one.
        overlaps: What becomes of spans that overlap.
        offset_unit, offset_ends: What the offsets of spans count, if it is known.
        encoding: What the bytes of files of text are; UTF-8 if not given.
        word_rule: How text becomes words; `text` if it is not given.
        empty_words: What becomes of words that are empty or invisible.
        renamed: Labels that get other names once they are read, so that nothing need be said of those they have.

    Raises:
        DataError: There is no such task, rule or encoding.
    """

    task: TaggingTask = "ner"
    columns: tuple[str, ...] | None = None
    word_column: int | str | None = None
    tag_column: int | str | None = None
    sentence_column: int | str | None = None
    word_prefix: str = ""
    comments: bool = False
    label_names: tuple[str, ...] = ()
    several_tags: SeveralTags = "error"
    bare_labels: BareLabels = "error"
    overlaps: OverlapChoice = "error"
    offset_unit: OffsetUnit | None = None
    offset_ends: OffsetEnds | None = None
    encoding: str | None = None
    word_rule: WordRule | None = None
    empty_words: EmptyWords = "error"
    renamed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("word_column", "tag_column", "sentence_column"):
            column = getattr(self, name)
            if isinstance(column, str) and re.fullmatch(r"-?\d+", column):
                object.__setattr__(self, name, int(column))
        if self.task not in typing.get_args(TaggingTask):
            tasks = ", ".join(typing.get_args(TaggingTask))
            raise DataError(f"Received task {self.task!r}; expected one of {tasks}. Change the task.")
        if self.word_rule not in (None, *typing.get_args(WordRule)):
            raise DataError(f"Received word_rule {self.word_rule!r}; expected corpus or text. Change it.")
        require_encoding(self.encoding)

    @classmethod
    def configured(cls, config: ReadingConfig) -> Self:
        """The layout that the options say."""
        return cls(
            task=config.task,
            columns=config.columns,
            word_column=config.word_column,
            tag_column=config.tag_column,
            sentence_column=config.sentence_column,
            word_prefix=config.word_prefix,
            comments=config.comments,
            label_names=config.label_names or (),
            several_tags=config.several_tags,
            bare_labels=config.bare_labels,
            overlaps=config.overlaps,
            offset_unit=config.offset_unit,
            offset_ends=config.offset_ends,
            encoding=config.encoding,
            word_rule=config.word_rule,
            empty_words=config.empty_words,
            renamed=tuple(config.new_labels),
        )

    def place_of_word(self) -> int:
        """Which column of a file without a header holds the word; the first if nothing is said.

        Raises:
            DataError: It is named and no column has that name, or several have.
        """
        wanted = self.word_column if self.word_column is not None else (WORD if self.columns else 0)
        return self._place(wanted, "--word-column")

    def place_of_tag(self) -> int:
        """Which column of a file without a header holds the tag; for entities the last if nothing is said.

        Raises:
            DataError: It cannot be told, or it is named and no column has that name, or several have.
        """
        if self.tag_column is not None:
            return self._place(self.tag_column, "--tag-column")
        return -1 if self.columns is None and self.task == "ner" else self._place(self.task, "--tag-column")

    def _place(self, column: int | str, option: str) -> int:
        if isinstance(column, int):
            return column
        if (self.columns or ()).count(column) != 1:
            word = self.word_column if isinstance(self.word_column, str) else WORD
            tag = self.tag_column if isinstance(self.tag_column, str) else self.task
            raise DataError(
                f"Received the columns {' '.join(self.columns or ()) or 'without names'} for the task {self.task!r}; "
                f"expected one named {column!r}. Name each column of the file, such as --columns {word} {tag}, or give "
                f"the number of that one with {option}."
            )
        return (self.columns or ()).index(column)

    def named(self, tags: Any) -> Any:
        """The names of tags that are numbers; everything else as it is."""
        return names_of(tags, self.label_names) if self.label_names else tags

    def without_prefix(self, word: str) -> str:
        """What stands after the prefix; nothing where the prefix is not there."""
        return word[len(self.word_prefix) :] if word.startswith(self.word_prefix) else ""


# The first that is present counts. In lowercase; the header may use any case.
WORD_NAMES = ("words", "tokens", "word", "token")
ANY_TAG_NAMES = ("tags", "tag", "labels", "label")
TAG_NAMES: dict[TaggingTask, tuple[str, ...]] = {
    "ner": ("ner_tags", "ner", *ANY_TAG_NAMES),
    "pos": ("pos_tags", "upos", "pos", *ANY_TAG_NAMES),
    "chunk": ("chunk_tags", "chunk", *ANY_TAG_NAMES),
}
_TEXT_NAMES = ("text", "sentence")
_SENTENCE_NAMES = ("sentence #", "sentence_id", "sentence id", "sentence_idx", "sent_id", "sentence")

FIX_EMPTY = "Fix the record, or choose with --empty-words what becomes of such words."
NO_WORD = "received a sentence without a word; it is left out."


class Columns(NamedTuple):
    """The places of the columns of a table; `sentence` holds what tells one sentence from the next."""

    word: int
    tag: int
    sentence: int | None


def find_columns(names: Sequence[str], layout: Layout) -> Columns | None:
    """Finds the columns of a header by `layout` or by their usual names; None if one is missing, or is there twice."""
    word = _find(names, layout.word_column, WORD_NAMES)
    tag = _find(names, layout.tag_column, TAG_NAMES[layout.task])
    if word is None or tag is None or word == tag:
        return None
    sentence = _find(names, layout.sentence_column, _SENTENCE_NAMES)
    if layout.sentence_column is not None and sentence in (None, word, tag):
        return None
    return Columns(word, tag, sentence)


def find_text(names: Sequence[str], layout: Layout) -> tuple[int, int] | None:
    """The places of the columns of a table that hold texts, and their tags or spans; None if there are none."""
    if layout.word_column is None and layout.sentence_column is not None:
        return None
    text = _find(names, layout.word_column, _TEXT_NAMES)
    tags = _find(names, layout.tag_column, TAG_NAMES[layout.task])
    return None if text is None or tags is None or text == tags else (text, tags)


def is_header(names: Sequence[str]) -> bool:
    """Whether these are the usual names of columns of words and of tags, of any task."""
    spelt = {name.strip().casefold() for name in names}
    return not spelt.isdisjoint(WORD_NAMES) and any(not spelt.isdisjoint(usual) for usual in TAG_NAMES.values())


def require_columns(names: Sequence[str], layout: Layout, path: Path, *, are_in_line: bool = True) -> Columns:
    """As `find_columns`.

    Args:
        names: The names of the columns.
        layout: Which are wanted.
        path: The file.
        are_in_line: They are the first line of the file, which may be a row if it has none.

    Raises:
        DataError: One is missing, or is there twice.
    """
    columns = find_columns(names, layout)
    if columns is None:
        received = ", ".join(map(repr, names[:10])) or "no columns"
        sentences = f", and one of sentences ({layout.sentence_column!r})" if layout.sentence_column is not None else ""
        options = ["--word-column", "--tag-column", *(["--sentence-column"] if sentences else [])]
        header = " If that is no header, put one before it." if are_in_line else ""
        raise DataError(
            f"{path}:1: received the header {received}; expected a column of words ({_wanted(layout, 'word')}) and one "
            f"of tags ({_wanted(layout, 'tag')}){sentences}, each once. Give their names or numbers with "
            f"{', '.join(options[:-1])} and {options[-1]}.{header}"
        )
    return columns


def raise_same_column(path: Path, layout: Layout) -> NoReturn:
    """Stops where the answer would be what is read.

    Raises:
        DataError: Always.
    """
    raise DataError(
        f"Received one column of {path} for both words and tags (--word-column {layout.word_column}, --tag-column "
        f"{layout.tag_column}); expected two. Change one of them."
    )


def _find(names: Sequence[str], wanted: int | str | None, usual: Sequence[str]) -> int | None:
    if isinstance(wanted, int):
        return wanted % len(names) if -len(names) <= wanted < len(names) else None
    spelt = [name.strip().casefold() for name in names]
    name = wanted.casefold() if wanted is not None else next((name for name in usual if name in spelt), None)
    return spelt.index(name) if name is not None and spelt.count(name) == 1 else None


def _wanted(layout: Layout, column: str) -> str:
    named = layout.word_column if column == "word" else layout.tag_column
    usual = WORD_NAMES if column == "word" else TAG_NAMES[layout.task]
    return f"number {named}" if isinstance(named, int) else repr(named) if named else " or ".join(usual)


def what_is_wrong(words: Any, tags: Any, *, empty_words: EmptyWords = "error") -> str | None:
    """Says why two values are not the words and the tags of a sentence; None if they are."""
    if _are_right(words, tags):
        return None
    for values, name in ((words, "words"), (tags, "tags")):
        if not isinstance(values, list):
            return f"received {_short(values)} as {name}; expected a list of {name}. Fix the record."
        wrong = next((value for value in values if not isinstance(value, str)), "")
        if isinstance(wrong, int) and not isinstance(wrong, bool) and name == "tags":
            return (
                f"received the tag {_short(wrong)}; expected tag names, such as 'B-PER'. Name all with --label-names."
            )
        if wrong != "":
            return f"received {_short(wrong)} among the {name}; expected text. Fix the record."
        if "" in values and name == "tags":
            return "received an empty tag; expected none. Fix the record."
        if "" in values and empty_words == "error":
            return f"received an empty word; expected none. {FIX_EMPTY}"
    if len(words) != len(tags):
        return f"received {len(words)} words and {len(tags)} tags; expected a tag for each word. Fix the record."
    return what_is_no_text(*words, *tags)


def _are_right(words: Any, tags: Any) -> bool:
    """As `what_is_wrong`, without a reason, and quicker."""
    if not isinstance(words, list) or not isinstance(tags, list) or len(words) != len(tags):
        return False
    try:
        text = "".join(words) + "".join(tags)
    except TypeError:
        return False
    return "" not in words and "" not in tags and what_is_no_text(text) is None


def names_of(tags: Any, names: Sequence[str]) -> Any:
    """A list of tags with names for those that are numbers and have one; everything else as it is."""
    if not isinstance(tags, list):
        return tags
    return [
        names[tag] if isinstance(tag, int) and not isinstance(tag, bool) and 0 <= tag < len(names) else tag
        for tag in tags
    ]


def sentence_of_lists(
    path: Path, number: int, words: Any, tags: Any, report: Report, *, empty_words: EmptyWords = "error"
) -> Iterator[Sentence]:
    """The sentence of a row that holds a list of words and one of tags; none where these are wrong or empty."""
    if problem := what_is_wrong(words, tags, empty_words=empty_words):
        report(Finding("bad-record", path, number, problem))
    elif not words:
        report(Finding("no-word", path, number, NO_WORD, is_error=False))
    else:
        yield Sentence(words, tags, [number] * len(words))


def what_is_no_text(*texts: str) -> str | None:
    """Says where text holds half of a surrogate pair, which no file in UTF-8 can; None if there is none."""
    text = "".join(texts)
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"received {error.object[error.start]!r}, half of a surrogate pair; expected text. Fix the escape."
    return None


def _short(value: Any) -> str:
    """How a value is shown, whatever its length and depth."""
    if isinstance(value, str | int | float | bool | None):
        shown = repr(value) if not isinstance(value, int) or abs(value) < 10**20 else "a very large number"
        return shown if len(shown) <= 40 else f"{shown[:40]}…"
    return "a list" if isinstance(value, list) else "an object"
