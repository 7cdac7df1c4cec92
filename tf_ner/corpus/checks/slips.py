"""Likely slips of annotators: words tagged in an unusual way, and sentences that occur more than once."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from tf_ner.corpus.entities import ReadSentence
from tf_ner.corpus.findings import Finding
from tf_ner.corpus.tags import OUTSIDE

# The usual reading: in at least this many sentences, and in this share of all that contain the words; the odd one: in
# at most this many.
_USUAL_TIMES = 10
_USUAL_SHARE = 0.95
_ODD_TIMES = 2


class Slip(NamedTuple):
    """Words whose label differs from the usual one; `O` stands for no entity.

    Attributes:
        sentence: Where they are.
        start: The first of the words, from 0.
        end: After the last.
        label: Theirs.
        usual: What the same words usually are.
        num_usual: In how many sentences.
        num_all: In how many sentences they occur.
    """

    sentence: ReadSentence
    start: int
    end: int
    label: str
    usual: str
    num_usual: int
    num_all: int


def likely_slips(sentences: Sequence[ReadSentence]) -> Iterator[Slip]:
    """Finds words that are an entity of one label (or none) nearly always, and something else once or twice.

    Only the words of an entity are looked at, spelt the same, capitals included. They count where they are an entity
    of their own or lie outside of all entities; as a part of a longer one, or across its edge, they say nothing. They
    count once a sentence. The usual reading must hold in 10 sentences and in 95 % of those with any reading, the odd
    one in 2 at most.

    Args:
        sentences: Each once: copies would count one person's decision many times.
    """
    places = _readings(sentences, _frequent_entities(sentences))
    for readings in places.values():
        counts = {label: len({id(sentence) for sentence, _, _ in found}) for label, found in readings.items()}
        usual = max(counts, key=lambda label: counts[label])
        num_all = sum(counts.values())
        if counts[usual] < max(_USUAL_TIMES, _USUAL_SHARE * num_all):
            continue
        for label, found in readings.items():
            if label != usual and counts[label] <= _ODD_TIMES:
                for sentence, start, end in found:
                    yield Slip(sentence, start, end, label, usual, counts[usual], num_all)


def _frequent_entities(sentences: Sequence[ReadSentence]) -> set[tuple[str, ...]]:
    """The words of entities that may occur often enough: no word of them is rarer."""
    counts = Counter(chain.from_iterable(sentence.words for sentence in sentences))
    frequent = {word for word, count in counts.items() if count > _USUAL_TIMES}
    return {
        entity
        for sentence in sentences
        for start, end, _ in sentence.spans
        if frequent.issuperset(entity := tuple(sentence.words[start:end]))
    }


_Found = list[tuple[ReadSentence, int, int]]


def _readings(
    sentences: Sequence[ReadSentence], entities: set[tuple[str, ...]]
) -> dict[tuple[str, ...], dict[str, _Found]]:
    """Where each of the entities' words stand, by their label."""
    lengths = defaultdict(set)
    for entity in entities:
        lengths[entity[0]].add(len(entity))
    found: dict[tuple[str, ...], dict[str, _Found]] = defaultdict(lambda: defaultdict(list))
    for sentence in sentences:
        words = sentence.words
        starts = [start for start, word in enumerate(words) if word in lengths]
        if not starts:
            continue
        for start in starts:
            for length in lengths[words[start]]:
                key, end = tuple(words[start : start + length]), start + length
                if key in entities and (label := _label(sentence, start, end)):
                    found[key][label].append((sentence, start, end))
    return found


def _label(sentence: ReadSentence, start: int, end: int) -> str | None:
    """The label of these words as an entity of their own, `O` outside of all entities, None for a part of one."""
    # The spans are in order: the last one that begins before the end.
    before = bisect_left(sentence.spans, end, key=attrgetter("start"))
    span = sentence.spans[before - 1] if before else None
    if span is None or span.end <= start:
        return OUTSIDE
    return span.label if (span.start, span.end) == (start, end) else None


class Repeats(NamedTuple):
    """What `find_repeats` found.

    Attributes:
        findings: Of kind `duplicate`, `conflicting-duplicate`, `leak`, and `short-leak` where a leak may be by chance.
        duplicates: For each split, how many of its sentences occur earlier in it.
        leaks: For each split, how many of its sentences occur in a split before it.
        distinct: All sentences but those whose words occur earlier in any split.
    """

    findings: list[Finding]
    duplicates: dict[str, int]
    leaks: dict[str, int]
    distinct: list[ReadSentence]


class Wording(NamedTuple):
    """What findings call what repeats.

    Attributes:
        one: What it is, such as `sentence`.
        same: What is the same, of one of them, such as `2 words`.
        tags: What should be the same too, and for what, such as `tags for the same words`.
        others: That it is not, such as `other tags`.
        difference: In what two of them differ.
        short: Up to so many words, two may be the same by chance.
    """

    one: str
    same: Callable[[ReadSentence], str]
    tags: str
    others: str
    difference: Callable[[ReadSentence, ReadSentence], str]
    short: int = 0


def _size(sentence: ReadSentence) -> str:
    return "word" if len(sentence.words) == 1 else f"{len(sentence.words)} words"


def _difference(sentence: ReadSentence, first: ReadSentence) -> str:
    """The first word that is tagged otherwise."""
    rows = zip(sentence.words, sentence.tags, first.tags, strict=True)
    return next(f"{word!r} is {here} here and {there} there" for word, here, there in rows if here != there)


OF_SENTENCES = Wording("sentence", _size, "tags for the same words", "other tags", _difference, short=3)


def find_repeats(splits: Mapping[str, Sequence[ReadSentence]], wording: Wording = OF_SENTENCES) -> Repeats:
    """Finds sentences whose words occur earlier in the same split, or in a split before it.

    Args:
        splits: In the order train, validation, test.
        wording: What they are called.
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
                found.findings.append(_duplicate(sentence, first, wording))
            if words in earlier:
                found.leaks[split] += 1
                found.findings.append(_leak(sentence, split, *earlier[words], wording))
            elif first is sentence:
                found.distinct.append(sentence)
        for words, first in firsts.items():
            earlier.setdefault(words, (split, first))
    return found


def _duplicate(sentence: ReadSentence, first: ReadSentence, wording: Wording) -> Finding:
    same, place = wording.same(sentence), f"line {first.lines[0]}"
    if sentence.spans == first.spans:
        message = f"received the same {same} as on {place}; expected each {wording.one} once. Remove one."
        return Finding("duplicate", sentence.path, sentence.lines[0], message, is_error=False)
    message = (
        f"received the same {same} as on {place} with {wording.others} ({wording.difference(sentence, first)}); "
        f"expected the same {wording.tags}. Correct one of the two."
    )
    return Finding("conflicting-duplicate", sentence.path, sentence.lines[0], message, is_error=False)


def _leak(sentence: ReadSentence, split: str, earlier: str, first: ReadSentence, wording: Wording) -> Finding:
    is_same = sentence.spans == first.spans
    tags = "" if is_same else f" with {wording.others} ({wording.difference(sentence, first)})"
    message = (
        f"received the same {wording.same(sentence)} as in {first.path}:{first.lines[0]}{tags}; expected no "
        f"{wording.one} of {earlier} in {split}, which would measure memorization, not generalization. Remove one of "
        "the two."
    )
    kind = "short-leak" if len(sentence.words) <= wording.short else "leak"
    return Finding(kind, sentence.path, sentence.lines[0], message, is_error=False)
