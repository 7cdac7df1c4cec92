"""Characters that do not belong in a word: white space, control characters, and invisible marks."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import chain

_SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

# Controls, the soft hyphen, zero-width characters, directional marks, byte order marks, language tags.
_CONTROL = (
    r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0001\U000e0020-\U000e007f"
)

# Scripts that spell with joiners: Arabic and its neighbours, those of India and South-East Asia, Mongolian, Adlam.
_JOINED = (
    r"\u0600-\u109f\u1700-\u18af\u1900-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00010eff"
    r"\U00011000-\U00011fff\U0001e900-\U0001e95f"
)
_EMOJI = r"\u2190-\u2bff\U0001f000-\U0001faff"

_FAULT = re.compile(
    # What belongs is matched first, so that only the rest can be a fault: joiners inside words and emoji, flags.
    rf"(?<=[{_JOINED}])[\u200c\u200d]"
    rf"|(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])"
    r"|\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"
    rf"|(?P<space>[{_SPACE}])|(?P<control>[{_CONTROL}])"
)
_SUSPECT = re.compile(f"[{_SPACE}{_CONTROL}]")
_INVISIBLE = re.compile(f"[{_SPACE}{_CONTROL}]*")
_AT_ENDS = "".join(character for character in map(chr, range(0x3001)) if re.match(rf"[{_SPACE}\u200b]", character))
_MAY_BE_MEANT = re.compile(r"[\x80-\x9f\u200b]")


def suspects(words: Iterable[str]) -> list[str]:
    """The words that hold any such character, whether it belongs there or not: quick, for many words."""
    return [word for word in words if _SUSPECT.search(word)]


def faults(word: str) -> dict[str, list[str]]:
    """What does not belong in a word: `space` and `control`, each with names of characters, if there are any.

    A zero-width joiner or non-joiner belongs after a letter of a script that spells with them, and between emoji.
    """
    found: dict[str, list[str]] = {}
    for match in _FAULT.finditer(word):
        if match.lastgroup:
            names = found.setdefault(match.lastgroup, [])
            name = _name(match.group())
            if name not in names:
                names.append(name)
    return found


def repaired(word: str) -> str:
    """The word without what cannot be meant: white space at its ends, and control characters anywhere.

    Stays, since it has no one right answer: white space inside (a no-break space in `10 000` may be meant), and a
    zero-width space there, which may divide two words; U+0080 to U+009F, which often are letters of Windows-1252
    badly read; and all of a word that holds nothing else.
    """
    rest = _FAULT.sub(lambda match: "" if _is_superfluous(match) else match.group(), word)
    return rest.strip(_AT_ENDS) or word


def is_invisible(word: str) -> bool:
    """Whether nothing of a word can be seen: it is white space, control characters and invisible marks, or nothing."""
    return _INVISIBLE.fullmatch(word) is not None


def faults_of_tag(tag: str) -> list[str]:
    """Names of the characters that make a tag look like another one: those of `faults`, but plain spaces inside it."""
    inside = tag.strip(" ")
    found = faults(tag if inside != tag else inside.replace(" ", ""))
    return list(chain.from_iterable(found.values()))


def _is_superfluous(match: re.Match[str]) -> bool:
    return match.lastgroup == "control" and not _MAY_BE_MEANT.fullmatch(match.group())


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'control character')}"
