"""What every reader of corpus files takes and gives."""

import re
import typing
from dataclasses import dataclass
from typing import NamedTuple, Self

from tf_ner.errors import DataError
from tf_ner.options.train import ReadingConfig, TaggingTask

WORD = "word"
"""What `Layout.columns` calls the column of the words."""


class Sentence(NamedTuple):
    """Words with one tag and one line of the file (from 1) each; of a table without lines, the row."""

    words: list[str]
    tags: list[str]
    lines: list[int]

    def add(self, word: str, tag: str, line: int) -> None:
        """Puts a word at the end."""
        self.words.append(word)
        self.tags.append(tag)
        self.lines.append(line)


class Unwritable(NamedTuple):
    """Which word of a sentence a format cannot hold, from 0, and why."""

    position: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where words and tags stand in a file.

    Attributes:
        task: Which tags are wanted, where a file has several kinds.
        columns: What each column of a file without a header holds, such as `("word", "pos", "chunk", "ner")`.
        word_column: The column, or the key of a record, that holds words; a name, or a number from 0, negative from
            the right. Found by its usual names, or by its place, if not given.
        tag_column: The same for the tags.
        sentence_column: In a table of a word a row, the column whose next value begins a sentence; the same.
        word_prefix: What stands before every word and is no part of it, such as `en:`.
        comments: Lines that begin with `#` are comments.
    """

    task: TaggingTask = "ner"
    columns: tuple[str, ...] | None = None
    word_column: int | str | None = None
    tag_column: int | str | None = None
    sentence_column: int | str | None = None
    word_prefix: str = ""
    comments: bool = False

    def __post_init__(self) -> None:
        for name in ("word_column", "tag_column", "sentence_column"):
            column = getattr(self, name)
            if isinstance(column, str) and re.fullmatch(r"-?\d+", column):
                object.__setattr__(self, name, int(column))
        if self.task not in typing.get_args(TaggingTask):
            tasks = ", ".join(typing.get_args(TaggingTask))
            raise DataError(f"Received task {self.task!r}; expected one of {tasks}. Change the task.")

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
        )

    def place_of_word(self) -> int:
        """Which column of a file without a header holds the word; the first if nothing is said.

        Raises:
            DataError: It is named and no column has that name, or several have.
        """
        wanted = self.word_column if self.word_column is not None else (WORD if self.columns else 0)
        return self._place(wanted)

    def place_of_tag(self) -> int:
        """Which column of a file without a header holds the tag; for entities the last if nothing is said.

        Raises:
            DataError: It cannot be told, or it is named and no column has that name, or several have.
        """
        if self.tag_column is not None:
            return self._place(self.tag_column)
        return -1 if self.columns is None and self.task == "ner" else self._place(self.task)

    def _place(self, column: int | str) -> int:
        if isinstance(column, int):
            return column
        if (self.columns or ()).count(column) != 1:
            raise DataError(
                f"Received the columns {' '.join(self.columns or ()) or 'without names'} for the task {self.task!r}; "
                f"expected one named {column!r}. Name each column of the file, such as --columns {WORD} {self.task}, "
                "or give the number of the column."
            )
        return (self.columns or ()).index(column)

    def without_prefix(self, word: str) -> str:
        """What stands after the prefix; nothing where the prefix is not there."""
        return word[len(self.word_prefix) :] if word.startswith(self.word_prefix) else ""
