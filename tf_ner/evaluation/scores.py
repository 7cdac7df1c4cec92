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
    words = _count_words(gold, predicted)
    lenient = _count_entities(gold, predicted, strict=False)
    strict = _count_entities(gold, predicted, strict=True)
    return {
        **lenient.total(),
        "accuracy": words.accuracy(),
        "support": lenient.gold.total(),
        "per_label": lenient.per_label(),
        "strict": strict.total(),
    }


def score_tags(gold: Sentences, predicted: Sentences) -> dict[str, Any]:
    """Scores predicted tags that spell no entities, such as parts of speech.

    Args:
        gold: Tags by sentence.
        predicted: As many tags for as many sentences.

    Returns:
        `accuracy`; `support`, the number of words; `per_label`, precision, recall, F1 and support by tag.

    Raises:
        ValueError: The two differ in shape.

    Source: scikit-learn, `classification_report` of all words.
    """
    words = _count_words(gold, predicted)
    return {"accuracy": words.accuracy(), "support": words.gold.total(), "per_label": words.per_label()}


class _Counts:
    """How many things (entities, words) there are, were predicted, and were predicted right, by label."""

    def __init__(self) -> None:
        self.gold: Counter[str] = Counter()
        self.predicted: Counter[str] = Counter()
        self.right: Counter[str] = Counter()

    def total(self) -> dict[str, float]:
        return _ratios(self.right.total(), self.predicted.total(), self.gold.total())

    def accuracy(self) -> float:
        return self.right.total() / self.gold.total() if self.gold else 0.0

    def per_label(self) -> dict[str, dict[str, float]]:
        return {
            label: {
                **_ratios(self.right[label], self.predicted[label], self.gold[label]),
                "support": self.gold[label],
            }
            for label in sorted(self.gold | self.predicted)
        }


def _count_words(gold: Sentences, predicted: Sentences) -> _Counts:
    if [len(row) for row in gold] != [len(row) for row in predicted]:
        raise ValueError("gold and predicted tags differ in number")
    counts = _Counts()
    for gold_tags, predicted_tags in zip(gold, predicted, strict=True):
        counts.gold.update(gold_tags)
        counts.predicted.update(predicted_tags)
        counts.right.update(tag for tag, other in zip(gold_tags, predicted_tags, strict=True) if tag == other)
    return counts


def _count_entities(gold: Sentences, predicted: Sentences, *, strict: bool) -> _Counts:
    counts = _Counts()
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
