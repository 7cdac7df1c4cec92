"""Precision, recall, F1 and accuracy, sentence by sentence, on words."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tf_ner.corpus.tags import tags_to_spans

Sentences = Sequence[Sequence[str]]
"""Tags, sentence by sentence."""


def score_entities(gold: Sentences, predicted: Sentences) -> dict[str, Any]:
    """Scores predicted entities.

    An entity counts where its words and its label are right. Entities never reach from one sentence into the next.

    Args:
        gold: IOB tags by sentence.
        predicted: As many tags for as many sentences.

    Returns:
        `precision`, `recall`, `f1` over all entities, lenient (an I- may begin an entity), as seqeval does by
        default; `accuracy` of tags; `support`, the number of gold entities; `per_label`, the same by label; `strict`,
        precision, recall and F1 where only B- begins an entity. A ratio without a denominator is 0.

    Raises:
        ValueError: The two differ in shape.

    Source: seqeval 1.2.2, `classification_report`, default mode and `mode="strict", scheme=IOB2`.
    """
    if [len(row) for row in gold] != [len(row) for row in predicted]:
        raise ValueError("gold and predicted tags differ in number")
    lenient = _count_entities(gold, predicted, strict=False)
    strict = _count_entities(gold, predicted, strict=True)
    num_words = sum(len(row) for row in gold)
    right = sum(g == p for rows in zip(gold, predicted, strict=True) for g, p in zip(*rows, strict=True))
    return {
        **lenient.total(),
        "accuracy": right / num_words if num_words else 0.0,
        "support": lenient.gold.total(),
        "per_label": {
            label: {**lenient.of(label), "support": lenient.gold[label]}
            for label in sorted(lenient.gold | lenient.predicted)
        },
        "strict": strict.total(),
    }


class _EntityCounts:
    """How many entities there are, were predicted, and were predicted right, by label."""

    def __init__(self) -> None:
        self.gold: Counter[str] = Counter()
        self.predicted: Counter[str] = Counter()
        self.right: Counter[str] = Counter()

    def total(self) -> dict[str, float]:
        return _ratios(self.right.total(), self.predicted.total(), self.gold.total())

    def of(self, label: str) -> dict[str, float]:
        return _ratios(self.right[label], self.predicted[label], self.gold[label])


def _count_entities(gold: Sentences, predicted: Sentences, *, strict: bool) -> _EntityCounts:
    counts = _EntityCounts()
    for gold_tags, predicted_tags in zip(gold, predicted, strict=True):
        gold_spans = tags_to_spans(gold_tags, strict=strict)
        predicted_spans = tags_to_spans(predicted_tags, strict=strict)
        counts.gold.update(span.label for span in gold_spans)
        counts.predicted.update(span.label for span in predicted_spans)
        counts.right.update(span.label for span in set(gold_spans) & set(predicted_spans))
    return counts


def _ratios(right: int, predicted: int, gold: int) -> dict[str, float]:
    precision = right / predicted if predicted else 0.0
    recall = right / gold if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}
