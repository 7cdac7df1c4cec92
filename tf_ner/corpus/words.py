"""Raw text → words, with their places in the text, by one of two rules."""

import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import chain
from typing import Literal, NamedTuple

Rule = Literal["corpus", "text"]
"""What `WordRule` is. This file needs nothing but Python, so that models that leave for other engines take it along."""


class Word(NamedTuple):
    """A word and its place: `text[word.start:word.end] == word.text`, in characters."""

    text: str
    start: int
    end: int


_CHUNK = re.compile(r"\S+")
_TITLES = "Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Gen|Col|Capt|Rev|Inc|Corp|Co|Ltd|Bros|No|vs"
_ABBREVIATION = re.compile(rf"([^\W\d_]\.)+|({_TITLES})\.", re.IGNORECASE)
# In characters. Longer ones do not exist, and checking all the rest after each mark would take forever.
_LONGEST_ABBREVIATION = 40
_LONGEST_CLITIC = 2
# In characters. What is remembered of texts is not to take much memory.
_LONGEST_KNOWN = 40
_CLITIC = re.compile(r"(?<=\w)(n['’]t|['’](s|re|ve|ll|d|m))$", re.IGNORECASE)


def words_at_spaces(text: str) -> list[Word]:
    """Takes what stands between white space as words."""
    return [Word(match.group(), *match.span()) for match in _CHUNK.finditer(text)]


def split_words(text: str, rule: Rule = "corpus") -> list[Word]:
    """Splits raw text into words, each character but white space into one.

    By both rules white space divides words, clitics (`'s`, `n't`) are words of their own, and runs of one mark (`...`)
    are one word.

    `corpus` splits the way most tagged corpora are split: punctuation at either end of a word becomes words of its
    own, but abbreviations (`U.S.`, `Mr.`) keep their stop, and hyphenated words stay whole. No letter in any script is
    ever taken for punctuation. Text without spaces, such as Chinese, comes out as long words.

    `text` is finer, so that what people mark in text is whole words: every punctuation mark and every symbol is a word,
    inside a word too (`AHU7-Ctrl`, `and/or`, `U.S.`), and so is every letter with its marks of the scripts that are
    written without spaces, such as Han, kana, Thai, Lao, Khmer, Myanmar and Tibetan. Whole stay letters and digits
    together (`AHU7`), numbers with stops, commas or colons inside (`3.14`, `1,000`, `12:30`; not `2024-05-01` and not
    `1/2`, which may be ranges or lists), addresses with a scheme or `www.`, e-mail addresses, and an emoji with all
    that belongs to it. An apostrophe between letters ends a word (`l'` `été`, `O'` `Brien`).

    Args:
        text: Any text.
        rule: Which rule.
    """
    if rule == "text":
        return [Word(match.group(), *match.span()) for match in _pattern().finditer(text)]
    words: list[Word] = []
    for found in _CHUNK.finditer(text):
        chunk = found.group()
        if chunk.isalnum():
            # Most are: nothing to peel, and so nothing to look at twice.
            words.append(Word(chunk, *found.span()))
        else:
            words += [Word(text[start:end], start, end) for start, end in _split_chunk(text, *found.span())]
    return words


def split_texts(text: str, rule: Rule = "corpus") -> list[str]:
    """The texts of `split_words`, without their places: quicker, since most of them come again and again."""
    chunks = text.split()
    if max(map(len, chunks), default=0) > _LONGEST_KNOWN:
        return [word.text for word in split_words(text, rule)]
    pieces = _pieces_of_text if rule == "text" else _pieces
    return list(chain.from_iterable(map(pieces, chunks)))


@lru_cache(maxsize=2**15)
def _pieces(chunk: str) -> tuple[str, ...]:
    """The words of a piece of text without spaces, which depend on nothing else."""
    return tuple(word.text for word in split_words(chunk))


@lru_cache(maxsize=2**15)
def _pieces_of_text(chunk: str) -> tuple[str, ...]:
    return tuple(match.group() for match in _pattern().finditer(chunk))


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


# Of the rule "text". The blocks of scripts that are written without spaces between words.
_UNSPACED = (
    range(0x0E00, 0x1000),  # Thai, Lao, Tibetan
    range(0x1000, 0x10A0),  # Myanmar
    range(0x1780, 0x1800),  # Khmer
    range(0x1950, 0x19E0),  # Tai Le, New Tai Lue
    range(0x1A20, 0x1AB0),  # Tai Tham
    range(0x1B00, 0x1B80),  # Balinese
    range(0x2E80, 0x3130),  # Radicals, Hiragana, Katakana, Bopomofo
    range(0x31A0, 0x3200),  # Bopomofo, Katakana
    range(0x3400, 0x4DC0),  # Han
    range(0x4E00, 0xA000),  # Han
    range(0xA980, 0xAA00),  # Javanese, Myanmar
    range(0xAA60, 0xAAE0),  # Myanmar, Tai Viet
    range(0xF900, 0xFB00),  # Han
    range(0xFF66, 0xFFA0),  # Katakana
    range(0x16FE0, 0x18E00),  # Tangut, Khitan
    range(0x1AFF0, 0x1B300),  # Kana, Nushu
)
_HAN_PLANES = range(0x20000, 0x40000)
# Each as far as the next is of one kind.
_CODES = (*range(0x20001), 0x40000, *range(0xE0000, 0xE0201))
_EMOJI = range(0x1F000, 0x1FB00)
# Thai and Lao am and voiced halfwidth Katakana, which the letter before is written with; the zero-width space of those
# scripts, both joiners, and the letters of flags.
_ATTACHED = frozenset({0x0E33, 0x0EB3, 0xFF9E, 0xFF9F, 0x200B, 0x200C, 0x200D, *range(0xE0020, 0xE0080)})

_Kind = Literal["space", "mark", "attached", "unspaced", "word"]


@cache
def _pattern() -> re.Pattern[str]:
    """A word by the rule "text".

    Every repetition is possessive or bounded, or begins where no other did, so that the time grows as the text does.
    """
    classes = _classes()
    mark, unspaced, attached = (classes[kind] for kind in ("mark", "unspaced", "attached"))
    # What is beyond the first plane is looked up range by range, and so only where there is such a character.
    inner = rf"(?:[{classes['near']}]|(?=[\U00010000-\U0010ffff])[{classes['far']}])"
    word = rf"(?:[{classes['near']}]++|(?=[\U00010000-\U0010ffff])[{classes['far']}])++"
    with_marks = rf"(?:(?=[\u0300-\U0010ffff])[{attached}\U0001f3fb-\U0001f3ff])*+"
    joined = rf"(?:(?<=\u200d)[{mark}]{with_marks})*+"
    letter = r"[^\W\d_]"
    clitic = r"(?i:s|re|ve|ll|d|m)"
    # Of an address, without what likely is behind it.
    plain = rf"[^\s<>\"“”«»„()\[\]{{}}.,;:!?'’\u3000-\u303f\uff00-\uff65{unspaced}]"
    behind = r"[.,;:!?'’]"
    alternatives = (
        r"[0-9]\ufe0f?+\u20e3",  # A keycap.
        rf"[{classes['near']}]++(?![^\s,;!?)])(?<!\d)",  # Most words.
        rf"(?:[A-Za-z][A-Za-z0-9+]{{0,15}}://|(?i:www)\.)(?:{behind}*+(?:{plain}++|\((?:{plain}|{behind})*+\)))++",
        r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}+@(?:[A-Za-z0-9-]{1,63}+\.){1,8}[A-Za-z]{2,24}+(?![A-Za-z0-9])",
        rf"\d++(?:[.,:\u066b\u066c]\d++)*+(?:{word})?+",  # 3.14, and with a unit.
        rf"(?i:n['’]t)(?!{inner})",
        rf"(?<={inner})['’]{clitic}(?!{inner})",
        rf"(?<!\S)['’]{clitic}(?!\S)",
        rf"(?={word}['’])(?:{inner}+(?=(?i:n['’]t)(?!{inner}))|{word}(?:(?=['’]{clitic}(?!{inner}))|['’](?={letter})))",
        word,
        rf"[{unspaced}]{with_marks}(?:(?<=[\u1039\u17d2])[{unspaced}]{with_marks})*+",
        rf"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[\U0001f000-\U0001faff]){with_marks}{joined}",
        rf"([{mark}])\1*+{with_marks}{joined}",
    )
    return re.compile("|".join(alternatives))


@lru_cache(maxsize=2**15)
def is_unspaced(character: str) -> bool:
    """Whether it is a letter of a script that is written without spaces between words, such as Han, kana or Thai."""
    return _kind(ord(character)) == "unspaced"


def _classes() -> dict[str, str]:
    """What stands between the brackets of a regular expression for each kind of character.

    `near` and `far` are what words are made of, in the first plane and beyond it.
    """
    kinds = [(_kind(code), code < 0x10000) for code in _CODES]
    firsts = [place for place in range(len(kinds)) if place == 0 or kinds[place] != kinds[place - 1]]
    ends = [*(_CODES[place] for place in firsts[1:]), sys.maxunicode + 1]
    ranges: dict[str, list[str]] = defaultdict(list)
    for place, end in zip(firsts, ends, strict=True):
        kind, is_near = kinds[place]
        names = [kind, "near" if is_near else "far"] if kind in ("word", "attached") else [kind]
        for name in names:
            ranges[name].append(rf"\U{_CODES[place]:08x}-\U{end - 1:08x}")
    return {name: "".join(pieces) for name, pieces in ranges.items()}


def _kind(code: int) -> _Kind:
    """What a character is by the rule "text": white space, punctuation or a symbol, or of a word."""
    category = unicodedata.category(chr(code))
    # Emoji that are newer than the tables of Python have no category there.
    if category[0] in "PS" or code in _EMOJI:
        return "mark"
    if chr(code).isspace():
        return "space"
    if category[0] == "M" or code in _ATTACHED:
        return "attached"
    if code in _HAN_PLANES:
        return "unspaced"
    is_letter = category[0] == "L" or category in ("Nl", "No")
    return "unspaced" if is_letter and any(code in block for block in _UNSPACED) else "word"
