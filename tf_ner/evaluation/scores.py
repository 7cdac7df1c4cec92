"""Scores of entities and of tags, on words."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import eq
from typing import Any

from tf_ner.corpus.tags import Span, tags_to_spans

MEASURES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "accuracy": "accuracy",
    "matthews_correlation": "MCC",
    "pearson": "Pearson",
    "spearmanr": "Spearman",
    "mse": "mean squared error",
}
"""The scores of whole splits, by their names in `metrics.json`, with a name to be shown."""


Sentences = Sequence[Sequence[str]]
"""Tags, sentence by sentence."""

Spans = Sequence[Sequence[Span]]
"""Entities, sentence by sentence."""


def score_entities(gold: Sentences, predicted: Sentences, missed: Iterable[str] = ()) -> dict[str, Any]:
    """Scores predicted entities.

    An entity counts where its words and its label are right. Entities never reach from one sentence into the next.

    Args:
        gold: IOB tags by sentence.
        predicted: As many tags for as many sentences.
        missed: The labels of further gold entities, which no tags stand for, so that nothing can predict them.

    Returns:
        `precision`, `recall`, `f1` over all entities, lenient (an I- may begin an entity), as seqeval does by
        default; `accuracy` of tags; `support`, the number of gold entities; `per_label`, the same by label; `macro`
        and `weighted`, their means over the labels, all alike or by support. And precision, recall and F1 by other
        rules: `strict`, where only B- begins an entity; `partial`, where right borders count 1 and wrong ones that
        share a word 0.5, whatever the label; `type`, where the label and a word in common are enough. A ratio
        without a denominator is 0.

    Raises:
        ValueError: The two differ in shape.

    Source: seqeval 1.2.2, `classification_report`, default mode and `mode="strict", scheme=IOB2`. For `partial` and
    `type` SemEval-2013 task 9.1, as nervaluate 1.2.1 counts (its `partial` and `ent_type`) when it is given the
    lenient entities; `count_overlaps` says who is matched with whom. Its own reader of tags finds the same entities
    where all tags are IOB, takes `B-` for an entity without a name, and refuses other tags, which are no entity here.
    """
    # Counted here and not by seqeval, which takes nine times as long (1.4 s for the 51,362 words of CoNLL-2003's
    # validation, at each evaluation) and knows neither `partial` nor `type`. Tests hold both to the same numbers.
    num_right_words, num_words = count_right_words(gold, predicted)
    gold_spans, predicted_spans = list(map(tags_to_spans, gold)), list(map(tags_to_spans, predicted))
    missed = list(missed)
    lenient = count_entities(gold_spans, predicted_spans)
    strict = count_entities(_strict(gold_spans, gold), _strict(predicted_spans, predicted))
    for counts in (lenient, strict):
        counts.gold.update(missed)
    of_overlaps = list(map(count_overlaps, gold_spans, predicted_spans))
    per_label = lenient.per_label()
    return {
        **lenient.total(),
        "accuracy": num_right_words / num_words if num_words else 0.0,
        "support": lenient.gold.total(),
        "per_label": per_label,
        **_means(per_label),
        "strict": strict.total(),
        "partial": lenient.ratios(sum(credit for credit, _ in of_overlaps)),
        "type": lenient.ratios(sum(num_right for _, num_right in of_overlaps)),
    }


def score_tags(gold: Sentences, predicted: Sentences) -> dict[str, Any]:
    """Scores predicted tags that spell no entities, such as parts of speech.

    Args:
        gold: Tags by sentence.
        predicted: As many tags for as many sentences.

    Returns:
        `accuracy`; `support`, the number of words; `per_label`, precision, recall, F1 and support by tag; `macro` and
        `weighted`, their means over the tags, all alike or by support.

    Raises:
        ValueError: The two differ in shape.

    Source: scikit-learn, `classification_report` of all words.
    """
    num_right, num_words = count_right_words(gold, predicted)
    all_gold, all_predicted = list(chain.from_iterable(gold)), list(chain.from_iterable(predicted))
    right = (tag for tag, other in zip(all_gold, all_predicted, strict=True) if tag == other)
    per_label = Counts(all_gold, all_predicted, right).per_label()
    return {
        "accuracy": num_right / num_words if num_words else 0.0,
        "support": num_words,
        "per_label": per_label,
        **_means(per_label),
    }


class Counts:
    """How many things (entities, words) there are, were predicted, and were predicted right, by label."""

    def __init__(self, gold: Iterable[str], predicted: Iterable[str], right: Iterable[str]) -> None:
        self.gold, self.predicted, self.right = Counter(gold), Counter(predicted), Counter(right)

    def total(self) -> dict[str, float]:
        return self.ratios(self.right.total())

    def ratios(self, credit: float) -> dict[str, float]:
        """Precision, recall and F1 if so much of what there is and was predicted is right."""
        return _ratios(credit, self.predicted.total(), self.gold.total())

    def per_label(self) -> dict[str, dict[str, float]]:
        return {
            label: {
                **_ratios(self.right[label], self.predicted[label], self.gold[label]),
                "support": self.gold[label],
            }
            for label in sorted(self.gold | self.predicted)
        }


def count_right_words(gold: Sentences, predicted: Sentences) -> tuple[int, int]:
    """How many words have the right tag, and how many there are."""
    if list(map(len, gold)) != list(map(len, predicted)):
        raise ValueError("gold and predicted tags differ in number")
    return sum(sum(map(eq, *pair)) for pair in zip(gold, predicted, strict=True)), sum(map(len, gold))


def count_entities(gold: Spans, predicted: Spans) -> Counts:
    right = (set(spans).intersection(others) for spans, others in zip(gold, predicted, strict=True))
    return Counts(_labels(gold), _labels(predicted), _labels(right))


def _labels(spans: Iterable[Iterable[Span]]) -> Iterable[str]:
    return (span.label for row in spans for span in row)


def _strict(spans: Spans, tags: Sentences) -> Spans:
    """Those of the lenient entities that begin at B-; strict reading ends them at the same words."""
    return [[span for span in row if of_row[span.start][0] == "B"] for row, of_row in zip(spans, tags, strict=True)]


def _means(per_label: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    rows = list(per_label.values())
    return {"macro": _mean(rows, [1.0] * len(rows)), "weighted": _mean(rows, [row["support"] for row in rows])}


def _mean(rows: Sequence[Mapping[str, float]], weights: Sequence[float]) -> dict[str, float]:
    return {
        name: sum(row[name] * weight for row, weight in zip(rows, weights, strict=True)) / (sum(weights) or 1)
        for name in ("precision", "recall", "f1")
    }


def _ratios(right: float, predicted: int, gold: int) -> dict[str, float]:
    precision = right / predicted if predicted else 0.0
    recall = right / gold if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def count_overlaps(gold: Sequence[Span], predicted: Sequence[Span]) -> tuple[float, int]:
    """Matches the entities of one sentence that share a word.

    From left to right each predicted entity takes one gold entity that none has taken yet. For `partial` it is the
    first that shares a word with it; for `type` the one of its own label whose borders are nearest, both together in
    words, and where there is none the first of another label. A predicted entity that takes none is spurious, a gold
    entity that none takes is missed. The task does not say who is matched with whom; this is what nervaluate 1.2.1
    does. It differs in one thing: nervaluate passes over a gold entity of which less than 1 % is predicted (one word
    of more than a hundred), while the task asks for some overlap, and so does this.

    Args:
        gold: Entities in the order of the words; no two share a word.
        predicted: The same.

    Returns:
        The credit under `partial`: 1 where both borders are right and 0.5 otherwise, whatever the label. And how many
        are right under `type`: those that took one of their own label.
    """
    credit, num_right_types = 0.0, 0
    taken: set[Span] = set()
    taken_by_type: set[Span] = set()
    for span, overlapping in overlaps(gold, predicted):
        if free := [other for other in overlapping if other not in taken]:
            credit += 1.0 if free[0][:2] == span[:2] else 0.5
            taken.add(free[0])
        if free := [other for other in overlapping if other not in taken_by_type]:
            alike = [other for other in free if other.label == span.label]
            num_right_types += bool(alike)
            taken_by_type.add(min(alike, key=partial(_distance, span)) if alike else free[0])
    return credit, num_right_types


def overlaps(gold: Sequence[Span], predicted: Sequence[Span]) -> Iterator[tuple[Span, Sequence[Span]]]:
    """Each predicted entity with the gold ones that share a word with it."""
    begin = 0
    for span in predicted:
        while begin < len(gold) and gold[begin].end <= span.start:
            begin += 1
        end = begin
        while end < len(gold) and gold[end].start < span.end:
            end += 1
        yield span, gold[begin:end]


def _distance(span: Span, other: Span) -> int:
    return abs(span.start - other.start) + abs(span.end - other.end)
