"""Markdown in which nothing that comes from data or options is read as markup."""

import re
from collections.abc import Iterable, Sequence

# Control characters, lone surrogates, and marks that turn the direction of the text around them.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

# What ends a code span or a table's cell, or would be markup to a reader that does not know code spans.
_UNSAFE_IN_CODE = re.compile(r"[`|<>&\\]")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def plain(text: str) -> str:
    """One line of text that can be printed: white space becomes a space, what cannot be shown a mark."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))


def literal(text: str) -> str:
    """Markdown that shows `text` as it is: as code, or with its punctuation as entities where code would not hold it.

    Source: CommonMark 0.31.2, sections 2.5 and 6.1; GitHub Flavored Markdown, section 4.10.
    """
    text = plain(text)
    if text and not _UNSAFE_IN_CODE.search(text):
        return f"`{text}`"
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found[0])};", text)


def fenced(code: str, language: str) -> str:
    """A code block that no line of `code` can close."""
    longest = max(map(len, re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
