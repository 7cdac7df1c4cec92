"""Where sentences end in the words of a text."""

import re
from collections.abc import Sequence
from itertools import pairwise

_END = re.compile(r"[.!?…]+|[。！？｡．।॥۔؟։።၊။។]+")  # noqa: RUF001
"""Words that may end a sentence: in most scripts by Unicode's property Sentence_Terminal."""
_ALWAYS_ENDS = frozenset("。！？｡।॥۔؟։።။។")  # noqa: RUF001
_STRAIGHT = frozenset("\"'")
_CLOSING = frozenset("”’»)]}』」）】")  # noqa: RUF001
_TITLES = frozenset(
    ["mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "gen", "col", "capt", "rev", "vs", "etc", "e.g", "i.e"]
)


def divided(words: Sequence[str]) -> list[Sequence[str]]:
    """The sentences of a text, which together are all of its words.

    A sentence ends behind a mark that ends sentences, and the quotes and brackets that close behind it. A stop, or an
    exclamation or question mark as Latin has it, ends none before a small letter; a stop ends none behind a single
    letter or a title either (`J . Smith`, `Mr . Hale`).

    Args:
        words: As `split_words` makes them.
    """
    borders = [0]
    for place, word in enumerate(words):
        if not _END.fullmatch(word):
            continue
        behind = place + 1
        while behind < len(words) and _closes(words[borders[-1] : behind], words[behind]):
            behind += 1
        if borders[-1] < behind < len(words) and _ends(words, place, behind):
            borders.append(behind)
    return [words[start:end] for start, end in pairwise([*borders, len(words)])]


def _closes(before: Sequence[str], word: str) -> bool:
    """Whether a quote or bracket ends what a sentence began; a straight one may begin something too."""
    return word in _CLOSING or (word in _STRAIGHT and before.count(word) % 2 == 1)


def _ends(words: Sequence[str], place: int, behind: int) -> bool:
    if words[place][0] in _ALWAYS_ENDS:
        return True
    if _END.fullmatch(words[behind]) or words[behind][0].islower():
        return False
    before = words[place - 1] if place else ""
    if words[place] != ".":
        return True
    is_number = before.lower() == "no" and words[behind][0].isdigit()
    return not (is_number or before.lower() in _TITLES or (len(before) == 1 and before.isalpha()))
