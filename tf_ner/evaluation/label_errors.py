"""Which sentences are likely annotated wrongly, by the probabilities of models that did not see their annotation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tf_ner.evaluation.scores import Sentences

# Below it, one probability says no more than another.
_LEAST = 1e-3


@dataclass(frozen=True)
class LikelyError:
    """A sentence in which a model says something else than its annotation.

    Attributes:
        sentence: Its number, from 0.
        word: The most doubtful word, from 0.
        given: The tag of that word.
        suggested: The most probable tag.
        probability: That of the given tag.
        score: By which sentences are ranked; the lower, the more likely an error.
    """

    sentence: int
    word: int
    given: str
    suggested: str
    probability: float
    score: float


def rank_label_errors(
    tags: Sentences, probabilities: Sequence[NDArray[np.float32]], tag_names: Sequence[str], *, weighted: bool = True
) -> list[LikelyError]:
    """Ranks the sentences in which the most probable tag of a word is not the given one; the likeliest errors first.

    A word's score is the probability of its given tag, and a sentence's that of its worst word. Weighted, it is
    multiplied by the square root of the share of all words with that given tag for which the models suggest the same
    other one: what they often say against a tag is more likely their mistake than that of the annotation. Without that,
    words inside long names come first, which models with little training read as outside of them.

    Args:
        tags: The given tags by sentence.
        probabilities: Those of all tags for each sentence <float>[words, tags], from a model that was trained without
            that sentence.
        tag_names: What the columns stand for. Words whose tag is not among them are passed over.
        weighted: Whether scores are weighted so.

    Raises:
        ValueError: The arguments differ in shape.

    Source: Wang and Mueller 2022, Detecting label errors in token classification data, method "worst-token" with
    self-confidence, is what is not weighted; Northcutt et al. 2021, Confident learning, counts pairs of given and
    suggested labels too.
    """
    lengths = list(map(len, tags))
    if list(map(len, probabilities)) != lengths:
        raise ValueError("Received tags and probabilities that differ in number; expected a row for each tag.")
    of_words = np.concatenate([np.zeros((0, len(tag_names))), *probabilities])
    ids = {name: number for number, name in enumerate(tag_names)}
    given = np.array([ids.get(tag, -1) for tag in chain.from_iterable(tags)], dtype=np.int64)
    suggested = of_words.argmax(axis=1) if len(of_words) else given
    certain = of_words[np.arange(len(given)), given]
    is_doubtful = (given >= 0) & (given != suggested)
    scores = certain
    if weighted:
        scores = (certain + _LEAST) * np.sqrt(_shares(given, suggested, len(tag_names)))
    scores = np.where(is_doubtful, scores, np.inf)
    found, end = [], 0
    for sentence, length in enumerate(lengths):
        start, end = end, end + length
        if not is_doubtful[start:end].any():
            continue
        worst = start + int(scores[start:end].argmin())
        found.append(
            LikelyError(
                sentence=sentence,
                word=worst - start,
                given=tag_names[given[worst]],
                suggested=tag_names[suggested[worst]],
                probability=float(certain[worst]),
                score=float(scores[worst]),
            )
        )
    return sorted(found, key=lambda error: (error.score, error.sentence))


def _shares(given: NDArray[np.int64], suggested: NDArray[np.int64], num_tags: int) -> NDArray[np.float64]:
    """For each word the share of its given tag's words for which its suggested tag is suggested <float>[words].

    Half a word is added to each share, so that of a tag with few words it is no certainty.
    """
    is_known = given >= 0
    counts = np.zeros((num_tags, num_tags))
    np.add.at(counts, (given[is_known], suggested[is_known]), 1)
    shares = (counts + 0.5) / (counts.sum(axis=1, keepdims=True) + 1)
    return np.asarray(shares[given, suggested])
