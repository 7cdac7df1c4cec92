"""What was predicted wrong, entity by entity: in which way, in which sentence, and in which groups most often."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from tf_ner.corpus.sentences import Place
from tf_ner.corpus.tags import Span, tags_to_spans
from tf_ner.evaluation.scores import Counts, Sentences, count_right_words, overlaps
from tf_ner.files import replaced_whole

ErrorKind = Literal["right", "wrong label", "wrong border", "both", "missed", "spurious"]
"""What became of an entity: see `pair_spans`."""

MISSED: ErrorKind = "missed"
SPURIOUS: ErrorKind = "spurious"

_AROUND = 5
"""How many words are shown before and after a wrong span."""

_MOST_WRONG_WORDS = 50


class Pair(NamedTuple):
    """A gold entity and the predicted one that is taken for it; one of the two may be missing."""

    gold: Span | None
    predicted: Span | None

    @property
    def kind(self) -> ErrorKind:
        """Which of the six kinds it is."""
        if self.gold is None:
            return SPURIOUS
        if self.predicted is None:
            return MISSED
        return _KINDS[self.gold[:2] == self.predicted[:2], self.gold.label == self.predicted.label]


_KINDS: dict[tuple[bool, bool], ErrorKind] = {
    (True, True): "right",
    (True, False): "wrong label",
    (False, True): "wrong border",
    (False, False): "both",
}
"""By whether the borders are right, and the label."""


def pair_spans(gold: Sequence[Span], predicted: Sequence[Span]) -> list[Pair]:
    """Decides for each entity of a sentence which one it is taken for.

    Entities that share a word can be a pair, and each is in one pair at most. Those with the same borders are pairs
    first, whatever their labels; then those that share most words, and of several that share as many the first, by the
    gold entity and then by the predicted one. What remains is missed or spurious, although it may share a word with an
    entity that has found another. So gold and predicted entities are each counted once, and those that are right are
    those that `score_entities` counts as right.

    Args:
        gold: Entities in the order of the words; no two share a word.
        predicted: The same.

    Returns:
        The pairs, in the order of the words.
    """
    pairs: list[Pair] = []
    free_gold, free_predicted = dict.fromkeys(gold), dict.fromkeys(predicted)
    overlapping = [(one, other) for other, several in overlaps(gold, predicted) for one in several]
    for one, other in sorted(overlapping, key=_by_nearness):
        if one in free_gold and other in free_predicted:
            pairs.append(Pair(one, other))
            del free_gold[one], free_predicted[other]
    pairs += [Pair(span, None) for span in free_gold]
    pairs += [Pair(None, span) for span in free_predicted]
    return sorted(pairs, key=_place)


def _by_nearness(pair: tuple[Span, Span]) -> tuple[Any, ...]:
    gold, predicted = pair
    num_shared = min(gold.end, predicted.end) - max(gold.start, predicted.start)
    return gold[:2] != predicted[:2], -num_shared, gold.start, predicted.start


def _place(pair: Pair) -> tuple[int, int]:
    spans = [span for span in pair if span is not None]
    return min(span.start for span in spans), max(span.end for span in spans)


@dataclass(frozen=True, kw_only=True)
class WrongSpan:
    """An entity that is not right.

    Attributes:
        kind: In which way.
        sentence: The number of the sentence, from 0.
        gold: The gold entity; None for one that is spurious.
        predicted: The predicted entity; None for one that was missed.
        gold_words: The words of the gold entity.
        predicted_words: Those of the predicted one.
        before: Up to five words before both.
        after: Up to five words after both.
        score: The mean probability of the predicted entity's tags, where that is known.
        path: The file, where it is known.
        line: The line of its first word, from 1.
        document: Which document, from 1, where documents are told apart.
    """

    kind: ErrorKind
    sentence: int
    gold: Span | None
    predicted: Span | None
    gold_words: list[str]
    predicted_words: list[str]
    before: list[str]
    after: list[str]
    score: float | None = None
    path: str | None = None
    line: int | None = None
    document: int | None = None

    def to_record(self) -> dict[str, Any]:
        """A line of `errors.jsonl`: without what is not known or not there."""
        record = {
            "kind": self.kind,
            "sentence": self.sentence,
            **_described("gold", self.gold, self.gold_words),
            **_described("predicted", self.predicted, self.predicted_words),
            "before": self.before,
            "after": self.after,
            "score": None if self.score is None else round(self.score, 4),
            "path": self.path,
            "line": self.line,
            "document": self.document,
        }
        return {name: value for name, value in record.items() if value is not None}


def _described(name: str, span: Span | None, words: list[str]) -> dict[str, Any]:
    return {} if span is None else {name: {"label": span.label, "words": words, "start": span.start, "end": span.end}}


Scores = dict[str, dict[str, float]]
"""Precision, recall, F1 and support by the name of a group."""


@dataclass(frozen=True, kw_only=True)
class EntityErrors:
    """What was predicted wrong in a split.

    Attributes:
        counts: How many there are of each kind. Without `spurious` they are as many as there are gold entities, without
            `missed` as many as were predicted.
        confusion: For each gold label how often which label was predicted in its place, or `missed`; under `spurious`
            the predicted labels of what is no entity. Entities that are right or have wrong borders are on the
            diagonal.
        by_length: Scores of entities by their number of words.
        by_sentence_length: By the number of words of their sentence.
        by_frequency: By how often the rarest of their words occurs in train; nothing without train.
        by_form: By whether the words of the entity are one in train: with the same label, with others only, or not at
            all (`unseen`); nothing without train.
        wrong: The wrong spans, the sentences with most of them first; of sentences with as many, the shorter one.
    """

    counts: dict[ErrorKind, int]
    confusion: dict[str, dict[str, int]]
    by_length: Scores
    by_sentence_length: Scores
    by_frequency: Scores | None
    by_form: Scores | None
    wrong: list[WrongSpan]

    def to_metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds of it under `errors`."""
        tables = {name: getattr(self, name) for name in ("by_length", "by_sentence_length", "by_frequency", "by_form")}
        return {
            "counts": {kind.replace(" ", "_"): number for kind, number in self.counts.items()},
            "confusion": self.confusion,
            **{name: table for name, table in tables.items() if table is not None},
        }


def analyze_entities(
    gold: Sentences,
    predicted: Sentences,
    *,
    words: Sentences | None = None,
    train: Iterable[tuple[Sequence[str], Sequence[str]]] | None = None,
    scores: Sequence[Sequence[float]] | None = None,
    places: Sequence[Place] | None = None,
    missed: Sequence[str] = (),
) -> EntityErrors:
    """Says of each entity whether it is right, and if not, in which way it is wrong.

    Entities are read as for the scores: lenient IOB2, where an I- may begin one.

    Args:
        gold: IOB tags by sentence.
        predicted: As many tags for as many sentences.
        words: The words; without them wrong spans have none.
        train: Words and IOB tags of each training sentence, to tell what was seen; needs `words`.
        scores: How probable the predicted tag of each word is.
        places: Where each sentence stands.
        missed: The labels of gold entities that no tags can spell, because they lie inside words. They are missed, and
            not in the scores by group.

    Raises:
        ValueError: Any of these differ in shape.
    """
    count_right_words(gold, predicted)
    for name, others in {"words": words, "scores": scores}.items():
        if others is not None and list(map(len, others)) != list(map(len, gold)):
            raise ValueError(f"Received {name} and tags that differ in number; expected one for each tag.")
    if places is not None and len(places) != len(gold):
        raise ValueError(f"Received {len(places)} places and {len(gold)} sentences; expected one for each.")
    gold_spans, predicted_spans = list(map(tags_to_spans, gold)), list(map(tags_to_spans, predicted))
    pairs = list(map(pair_spans, gold_spans, predicted_spans))
    counts = Counter(pair.kind for pair in chain.from_iterable(pairs)) + Counter({MISSED: len(missed)})
    grouped = _Grouped(gold_spans, predicted_spans)
    sentence_lengths = list(map(len, gold))
    seen = None if train is None or words is None else _Seen.of(train, words, (gold_spans, predicted_spans))
    wrong = _wrong_spans(pairs, words, scores, places)
    return EntityErrors(
        counts={kind: counts[kind] for kind in get_args(ErrorKind)},
        confusion=_confusion(pairs, missed),
        by_length=grouped.scores(lambda row, span: _bin(span.end - span.start, _LENGTHS), _LENGTHS.values()),
        by_sentence_length=grouped.scores(
            lambda row, span: _bin(sentence_lengths[row], _SENTENCE_LENGTHS), _SENTENCE_LENGTHS.values()
        ),
        by_frequency=None if seen is None else grouped.scores(seen.frequency, _FREQUENCIES.values()),
        by_form=None if seen is None else grouped.scores(seen.form, _FORMS),
        wrong=_worst_first(wrong, sentence_lengths),
    )


# The least number of each group, the groups in their order.
_LENGTHS = {1: "1", 2: "2", 3: "3", 4: "4+"}
_SENTENCE_LENGTHS = {0: "1-10", 11: "11-20", 21: "21-40", 41: "41+"}
_FREQUENCIES = {0: "0", 1: "1-4", 5: "5-19", 20: "20-99", 100: "100+"}
_FORMS = ("same label", "other label", "unseen")


def _bin(number: int, bins: dict[int, str]) -> str:
    return bins[max(least for least in bins if least <= number)]


class _Grouped:
    """The entities of a split, to be scored by group."""

    def __init__(self, gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> None:
        right = [set(spans).intersection(others) for spans, others in zip(gold, predicted, strict=True)]
        self._sides = (gold, predicted, right)

    def scores(self, group_of: Callable[[int, Span], str], groups: Iterable[str]) -> Scores:
        """Scores of each group that has entities; gold and predicted ones are each in their own."""
        sides = ([group_of(row, span) for row, spans in enumerate(side) for span in spans] for side in self._sides)
        found = Counts(*sides).per_label()
        return {group: found[group] for group in groups if group in found}


class _Seen:
    """What train has of the words and the entities of a split; no more of it is kept."""

    def __init__(self, words: Sentences, num_words: Counter[str], labels: dict[tuple[str, ...], set[str]]) -> None:
        self._words, self._num_words, self._labels = words, num_words, labels

    @classmethod
    def of(
        cls,
        train: Iterable[tuple[Sequence[str], Sequence[str]]],
        words: Sentences,
        sides: Iterable[Sequence[Sequence[Span]]],
    ) -> "_Seen":
        labels: dict[tuple[str, ...], set[str]] = {
            tuple(words[row][span.start : span.end]): set()
            for side in sides
            for row, spans in enumerate(side)
            for span in spans
        }
        num_words = Counter(dict.fromkeys(chain.from_iterable(labels), 0))
        for of_row, tags in train:
            num_words.update(filter(num_words.__contains__, of_row))
            for span in tags_to_spans(tags):
                if (form := tuple(of_row[span.start : span.end])) in labels:
                    labels[form].add(span.label)
        return cls(words, num_words, labels)

    def frequency(self, row: int, span: Span) -> str:
        return _bin(min(self._num_words[word] for word in self._words[row][span.start : span.end]), _FREQUENCIES)

    def form(self, row: int, span: Span) -> str:
        labels = self._labels[tuple(self._words[row][span.start : span.end])]
        return "same label" if span.label in labels else "other label" if labels else "unseen"


def _confusion(pairs: Iterable[Iterable[Pair]], missed: Sequence[str]) -> dict[str, dict[str, int]]:
    """Rows and columns in the order of their names, `spurious` and `missed` last; no zeros."""
    counts = Counter(
        (pair.gold.label if pair.gold else SPURIOUS, pair.predicted.label if pair.predicted else MISSED)
        for pair in chain.from_iterable(pairs)
    )
    counts.update((label, MISSED) for label in missed)
    return _table(counts, last={SPURIOUS, MISSED})


def _table(counts: Counter[tuple[str, str]], *, last: Iterable[str] = ()) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for row, column in sorted(counts, key=lambda names: [(name in last, name) for name in names]):
        table.setdefault(row, {})[column] = counts[row, column]
    return table


def _wrong_spans(
    pairs: Sequence[Sequence[Pair]],
    words: Sentences | None,
    scores: Sequence[Sequence[float]] | None,
    places: Sequence[Place] | None,
) -> Iterator[WrongSpan]:
    for row, of_row in enumerate(pairs):
        for pair in of_row:
            if pair.kind == "right":
                continue
            start, end = _place(pair)
            of_sentence = words[row] if words is not None else ()
            place = places[row] if places is not None else None
            yield WrongSpan(
                kind=pair.kind,
                sentence=row,
                gold=pair.gold,
                predicted=pair.predicted,
                gold_words=_words_of(pair.gold, of_sentence),
                predicted_words=_words_of(pair.predicted, of_sentence),
                before=list(of_sentence[max(start - _AROUND, 0) : start]),
                after=list(of_sentence[end : end + _AROUND]),
                score=_mean_score(pair.predicted, scores[row]) if scores is not None else None,
                path=place and place.path,
                line=place and place.lines[start],
                document=place and place.document,
            )


def _words_of(span: Span | None, words: Sequence[str]) -> list[str]:
    return [] if span is None else list(words[span.start : span.end])


def _mean_score(span: Span | None, scores: Sequence[float]) -> float | None:
    return None if span is None else sum(map(float, scores[span.start : span.end])) / (span.end - span.start)


def _worst_first(wrong: Iterable[WrongSpan], sentence_lengths: Sequence[int]) -> list[WrongSpan]:
    found = list(wrong)
    num_wrong = Counter(span.sentence for span in found)
    # Those of a sentence stay in the order of its words.
    return sorted(found, key=lambda span: (-num_wrong[span.sentence], sentence_lengths[span.sentence], span.sentence))


def write_errors(path: Path, splits: Mapping[str, EntityErrors]) -> None:
    """Writes a JSON object for each wrong span of some splits, whole or not at all.

    Raises:
        OutputError: The folder of `path` does not exist, or `path` is not a file.
    """
    with replaced_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for split, errors in splits.items():
            for span in errors.wrong:
                file.write(json.dumps({"split": split, **span.to_record()}, ensure_ascii=False) + "\n")


@dataclass(frozen=True, kw_only=True)
class TagErrors:
    """What was predicted wrong of tags that spell no entities, such as parts of speech.

    Attributes:
        confusion: For each gold tag how often which tag was predicted, right ones included.
        wrong_words: The words that are wrong most often, with their gold and predicted tags and how often: at most 50;
            nothing without words.
    """

    confusion: dict[str, dict[str, int]]
    wrong_words: list[tuple[str, str, str, int]]

    def to_metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds of it under `errors`."""
        names = ("word", "gold", "predicted", "count")
        return {
            "confusion": self.confusion,
            "wrong_words": [dict(zip(names, row, strict=True)) for row in self.wrong_words],
        }


def analyze_tags(gold: Sentences, predicted: Sentences, *, words: Sentences | None = None) -> TagErrors:
    """Says which tags are taken for which, and in which words most often.

    Args:
        gold: Tags by sentence.
        predicted: As many tags for as many sentences.
        words: The words.

    Raises:
        ValueError: They differ in shape.
    """
    count_right_words(gold, predicted)
    if words is not None and list(map(len, words)) != list(map(len, gold)):
        raise ValueError("Received words and tags that differ in number; expected one for each tag.")
    pairs = list(zip(chain.from_iterable(gold), chain.from_iterable(predicted), strict=True))
    wrong = Counter(
        (word, *pair) for word, pair in zip(chain.from_iterable(words or ()), pairs, strict=False) if pair[0] != pair[1]
    )
    most = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:_MOST_WRONG_WORDS]
    return TagErrors(confusion=_table(Counter(pairs)), wrong_words=[(*key, number) for key, number in most])
