"""Sentences that stand in a corpus more than once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tf_ner.corpus.entities import ReadSentence
from tf_ner.corpus.findings import Finding


class Repeats(NamedTuple):
    """What `find_repeats` found.

    Attributes:
        findings: Of kind `duplicate`, `conflicting-duplicate` and `leak`.
        duplicates: For each split, how many of its sentences stand in it before.
        leaks: For each split, how many of its sentences stand in a split before it.
        distinct: All sentences but those whose words stand before in any split.
    """

    findings: list[Finding]
    duplicates: dict[str, int]
    leaks: dict[str, int]
    distinct: list[ReadSentence]


def find_repeats(splits: Mapping[str, Sequence[ReadSentence]]) -> Repeats:
    """Finds sentences whose words stand in the same split before, or in a split before it.

    Args:
        splits: In the order train, validation, test.
    """
    found = Repeats([], dict.fromkeys(splits, 0), dict.fromkeys(splits, 0), [])
    earlier: dict[tuple[str, ...], tuple[str, ReadSentence]] = {}
    for split, sentences in splits.items():
        firsts: dict[tuple[str, ...], ReadSentence] = {}
        for sentence in sentences:
            words = tuple(sentence.words)
            first = firsts.setdefault(words, sentence)
            if first is not sentence:
                found.duplicates[split] += 1
                found.findings.append(_duplicate(sentence, first))
            if words in earlier:
                found.leaks[split] += 1
                found.findings.append(_leak(sentence, split, *earlier[words]))
            elif first is sentence:
                found.distinct.append(sentence)
        for words, first in firsts.items():
            earlier.setdefault(words, (split, first))
    return found


def _duplicate(sentence: ReadSentence, first: ReadSentence) -> Finding:
    place = f"line {first.lines[0]}"
    if sentence.spans == first.spans:
        message = f"received the {_size(sentence)} of {place} again; expected each sentence once. Remove one."
        return Finding("duplicate", sentence.path, sentence.lines[0], message, is_error=False)
    message = (
        f"received the {_size(sentence)} of {place} with other tags ({_difference(sentence, first)}); expected the "
        "same for the same words. Correct one of the two."
    )
    return Finding("conflicting-duplicate", sentence.path, sentence.lines[0], message, is_error=False)


def _leak(sentence: ReadSentence, split: str, earlier: str, first: ReadSentence) -> Finding:
    tags = "" if sentence.spans == first.spans else f" with other tags ({_difference(sentence, first)})"
    message = (
        f"received the {_size(sentence)} of {first.path}:{first.lines[0]}{tags}; expected none of {earlier} in "
        f"{split}, whose scores would tell memory. Remove one of the two."
    )
    return Finding("leak", sentence.path, sentence.lines[0], message, is_error=False)


def _size(sentence: ReadSentence) -> str:
    return "word" if len(sentence.words) == 1 else f"{len(sentence.words)} words"


def _difference(sentence: ReadSentence, first: ReadSentence) -> str:
    """The first word that is tagged otherwise."""
    rows = zip(sentence.words, sentence.tags, first.tags, strict=True)
    return next(f"{word!r} is {here} here and {there} there" for word, here, there in rows if here != there)
