"""How sure a score is, and the difference of two: sentences are drawn again, or swapped between two systems.

Only what was counted in each sentence takes part: how many entities are right, predicted and gold. For tags that spell
no entities these are right words, words and words, and all three ratios are the accuracy.
"""

from collections.abc import Callable, Sequence
from operator import eq
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_ner.corpus.tags import tags_to_spans
from tf_ner.evaluation.scores import Sentences

LEVEL = 0.95

Counts = npt.NDArray[np.int64]
Ratios = npt.NDArray[np.float64]

# How many numbers are drawn at once, so that memory does not grow with the number of resamples.
_NUM_DRAWN = 2**22


def bootstrap_interval(
    gold: Sentences,
    predicted: Sentences,
    *,
    missed: Sequence[Sequence[str]] = (),
    entities: bool = True,
    num_resamples: int = 1000,
    seed: int = 42,
) -> dict[str, Any]:
    """Says between which values a score would likely be on other sentences of the same kind.

    Args:
        gold: Tags by sentence.
        predicted: As many tags for as many sentences.
        missed: By sentence, the labels of further gold entities, which no tags stand for; nothing: there are none.
        entities: Whether the tags are IOB; otherwise words are scored.
        num_resamples: How many times to draw as many sentences as there are, with replacement.
        seed: Of what is drawn.

    Returns:
        `level` (0.95), `resamples`, and the lowest and highest value of `precision`, `recall` and `f1`, lenient as in
        `score_entities`; of `accuracy` alone if not `entities`. They leave out 2.5 % of the resamples on each side.

    Raises:
        ValueError: The two differ in shape.

    Source: Efron and Tibshirani 1993, chapter 13 (percentile interval); Koehn 2004 (sentences).
    """
    counts = _count(gold, predicted, entities=entities)
    if len(missed):
        counts[:, 2] += list(map(len, missed))
    return _interval(_ratios(_resample(counts, num_resamples=num_resamples, seed=seed)), entities=entities)


def paired_test(
    gold: Sentences,
    first: Sentences,
    second: Sentences,
    *,
    entities: bool = True,
    num_resamples: int = 1000,
    seed: int = 42,
) -> dict[str, Any]:
    """Says whether two systems differ by more than chance on the same sentences.

    Args:
        gold: Tags by sentence.
        first: One system's tags for the same words.
        second: The other's.
        entities: Whether the tags are IOB; otherwise words are scored.
        num_resamples: How many times to swap sentences, and how many times to draw them.
        seed: Of what is drawn.

    Returns:
        The second's `precision`, `recall` and `f1` less the first's (`accuracy` if not `entities`); their `interval`
        by paired bootstrap, as `bootstrap_interval` gives it; and `p` of the difference in F1 or accuracy: how often
        one at least as large, either way, comes about where in each sentence chance decides which tags are whose.
        Equal tags give 1, and the least is 1 / (num_resamples + 1).

    Raises:
        ValueError: They differ in shape.

    Source: approximate randomization, Noreen 1989, Yeh 2000; paired bootstrap, Koehn 2004.
    """
    counts = np.stack([_count(gold, tags, entities=entities) for tags in (first, second)], axis=1)
    observed = _differences(counts.sum(axis=0))
    swapped = _differences(_swap(counts, num_resamples=num_resamples, seed=seed))
    # The same ratio can be reached by different counts, and then differ in its last digit.
    num_as_large = int((np.abs(swapped[:, -1]) >= abs(observed[-1]) - 1e-12).sum())
    resampled = _differences(_resample(counts, num_resamples=num_resamples, seed=seed))
    return {
        **_by_name(observed, entities=entities),
        "interval": _interval(resampled, entities=entities),
        "p": (num_as_large + 1) / (num_resamples + 1),
    }


def _count(gold: Sentences, predicted: Sentences, *, entities: bool) -> Counts:
    """Right, predicted and gold: <int64>[sentences, 3]."""
    if list(map(len, gold)) != list(map(len, predicted)):
        raise ValueError("gold and predicted tags differ in number")
    count = _count_entities if entities else _count_words
    return np.array(list(map(count, gold, predicted)), dtype=np.int64).reshape(-1, 3)


def _count_entities(gold: Sequence[str], predicted: Sequence[str]) -> tuple[int, int, int]:
    gold_spans, predicted_spans = set(tags_to_spans(gold)), set(tags_to_spans(predicted))
    return len(gold_spans & predicted_spans), len(predicted_spans), len(gold_spans)


def _count_words(gold: Sequence[str], predicted: Sequence[str]) -> tuple[int, int, int]:
    return sum(map(eq, gold, predicted)), len(gold), len(gold)


def _resample(counts: Counts, *, num_resamples: int, seed: int) -> Counts:
    """Sums over as many sentences as there are, drawn with replacement: <int64>[resamples, ...].

    Sentences with the same counts are alike, so all that is drawn is how often each kind of sentence comes.
    """
    if not len(counts):
        return np.zeros((num_resamples, *counts.shape[1:]), dtype=np.int64)
    kinds, sizes = np.unique(counts, axis=0, return_counts=True)

    def draw(chance: np.random.Generator, num: int) -> Counts:
        return chance.multinomial(len(counts), sizes / len(counts), size=num)

    return _sum_drawn(draw, kinds, num_resamples=num_resamples, seed=seed)


def _swap(counts: Counts, *, num_resamples: int, seed: int) -> Counts:
    """Sums of two systems, <int64>[resamples, 2, 3], whose sentences are swapped by chance; from [sentences, 2, 3]."""
    kinds, sizes = np.unique(counts[:, 1] - counts[:, 0], axis=0, return_counts=True)

    def draw(chance: np.random.Generator, num: int) -> Counts:
        return chance.binomial(sizes, 0.5, size=(num, len(sizes)))

    moved = _sum_drawn(draw, kinds, num_resamples=num_resamples, seed=seed)
    return counts.sum(axis=0) + np.stack([moved, -moved], axis=1)


def _sum_drawn(
    draw: Callable[[np.random.Generator, int], Counts], kinds: Counts, *, num_resamples: int, seed: int
) -> Counts:
    """What was counted, summed over the sentences of each resample: <int64>[resamples, ...]."""
    chance = np.random.default_rng(seed)
    step = max(1, _NUM_DRAWN // max(1, len(kinds)))
    nums = [min(step, num_resamples - start) for start in range(0, num_resamples, step)]
    return np.concatenate([np.tensordot(draw(chance, num), kinds, axes=1) for num in nums])


def _differences(sums: Counts) -> Ratios:
    """The second system's ratios less the first's: <float64>[..., 3]; from <int64>[..., 2, 3]."""
    ratios = _ratios(sums)
    return ratios[..., 1, :] - ratios[..., 0, :]


def _ratios(sums: Counts) -> Ratios:
    """Precision, recall and F1 of right, predicted and gold: <float64>[..., 3]. Without a denominator 0."""
    right, predicted, gold = np.moveaxis(sums, -1, 0)
    over = np.stack([predicted, gold, predicted + gold], axis=-1)
    return np.stack([right, right, 2 * right], axis=-1) / np.maximum(over, 1)


def _interval(ratios: Ratios, *, entities: bool) -> dict[str, Any]:
    """The lowest and the highest of the middle 95 % of each ratio; from <float64>[resamples, 3]."""
    borders = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return {"level": LEVEL, "resamples": len(ratios), **_by_name(borders.T, entities=entities)}


def _by_name(values: Ratios, *, entities: bool) -> dict[str, Any]:
    return dict(zip(("precision", "recall", "f1") if entities else ("accuracy",), values.tolist(), strict=False))
