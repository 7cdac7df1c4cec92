"""Raw text → words, with their places in the text."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import NamedTuple


class Word(NamedTuple):
    """A word and its place: `text[word.start:word.end] == word.text`, in characters."""

    text: str
    start: int
    end: int


_CHUNK = re.compile(r"\S+")
_ABBREVIATION = re.compile(
    r"([^\W\d_]\.)+|(Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Gen|Col|Capt|Rev|Inc|Corp|Co|Ltd|Bros|No|vs)\.", re.IGNORECASE
)
# In characters. Longer ones do not exist, and checking all the rest after each mark would take forever.
_LONGEST_ABBREVIATION = 40
_LONGEST_CLITIC = 2
# In characters. What is remembered of texts is not to take much memory.
_LONGEST_KNOWN = 40
_CLITIC = re.compile(r"(?<=\w)(n['’]t|['’](s|re|ve|ll|d|m))$", re.IGNORECASE)


def words_at_spaces(text: str) -> list[Word]:
    """Takes what stands between white space as words."""
    return [Word(match.group(), *match.span()) for match in _CHUNK.finditer(text)]


def split_words(text: str) -> list[Word]:
    """Splits raw text the way most tagged corpora are split.

    White space divides words; punctuation at either end of a word becomes words of its own, and so do clitics (`'s`,
    `n't`); abbreviations keep their stop, hyphenated words and numbers stay whole. No letter in any script is ever
    taken for punctuation. Text without spaces, such as Chinese, comes out as long words: split it beforehand.
    """
    words: list[Word] = []
    for found in _CHUNK.finditer(text):
        chunk = found.group()
        if chunk.isalnum():
            # Most are: nothing to peel, and so nothing to look at twice.
            words.append(Word(chunk, *found.span()))
        else:
            words += [Word(text[start:end], start, end) for start, end in _split_chunk(text, *found.span())]
    return words


def split_texts(text: str) -> list[str]:
    """The texts of `split_words`, without their places: quicker, since most of them come again and again."""
    chunks = text.split()
    if max(map(len, chunks), default=0) > _LONGEST_KNOWN:
        return [word.text for word in split_words(text)]
    return list(chain.from_iterable(map(_pieces, chunks)))


@lru_cache(maxsize=2**15)
def _pieces(chunk: str) -> tuple[str, ...]:
    """The words of a piece of text without spaces, which depend on nothing else."""
    return tuple(word.text for word in split_words(chunk))


def _split_chunk(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Peels a piece of text without spaces, from both ends."""
    while start < end and _is_punctuation(text[start]) and not _opens_word(text, start, end):
        stop = _end_of_run(text, start, end)
        yield start, stop
        start = stop
    peeled: list[tuple[int, int]] = []
    while start < end and _is_punctuation(text[end - 1]) and not _is_abbreviation(text, start, end):
        begin = end - 1
        while begin > start and text[begin - 1] == text[end - 1]:
            begin -= 1
        peeled.append((begin, end))
        end = begin
    clitic = _CLITIC.search(text[start:end])
    if clitic:
        peeled.append((start + clitic.start(), end))
        end = start + clitic.start()
    if start < end:
        yield start, end
    yield from reversed(peeled)


def _is_abbreviation(text: str, start: int, end: int) -> bool:
    return end - start <= _LONGEST_ABBREVIATION and _ABBREVIATION.fullmatch(text, start, end) is not None


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _opens_word(text: str, start: int, end: int) -> bool:
    """Whether a mark belongs to the word after it: @name, #topic, 's."""
    if text[start] in "@#":
        return text[start + 1 : start + 2].isalnum()
    is_short = end - start <= 1 + _LONGEST_CLITIC
    return is_short and text[start] in "'’" and text[start + 1 : end].lower() in {"s", "re", "ve", "ll", "d", "m"}


def _end_of_run(text: str, start: int, end: int) -> int:
    """Where a run of the same mark ends: `...` and `--` are one word."""
    stop = start + 1
    while stop < end and text[stop] == text[start]:
        stop += 1
    return stop
