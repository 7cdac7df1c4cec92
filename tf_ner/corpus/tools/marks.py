"""What the readers of tools give."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tf_ner.corpus.marked_text import Convention, MarkedSpan


class Marks(NamedTuple):
    """A text with spans.

    Attributes:
        text: A sentence, or more.
        spans: What is marked in it.
        tokens: Its words as `words_of_tokens` reads them, if they are given.
        convention: What offsets count, if the tool says so.
        has_lines: Whether each line of it is a sentence.
    """

    text: str
    spans: Sequence[MarkedSpan]
    tokens: Any = None
    convention: Convention | None = None
    has_lines: bool = False


class TaggedWords(NamedTuple):
    """A sentence whose words are given."""

    words: list[str]
    tags: list[str]


class Remark(NamedTuple):
    """Something to say of a record: of what kind, and what."""

    kind: str
    message: str


Read = Marks | TaggedWords | Remark
