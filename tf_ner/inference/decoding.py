"""The most probable sequence of tags that a tagging scheme allows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tf_ner.corpus.schemes import may_follow
from tf_ner.corpus.tags import OUTSIDE
from tf_ner.options.train import SchemeName
from tf_ner.tasks.task import Ids

_ILLEGAL = 1e9
"""So improbable, in nats, that no sequence of words makes up for it: where all are illegal, the least illegal wins."""
_LEAST = -1e4
"""The logarithm of a probability of 0."""


def legal_transitions(tag_names: Sequence[str], scheme: SchemeName) -> NDArray[np.bool_]:
    """Which tag may follow which.

    Args:
        tag_names: By label id.
        scheme: How they spell entities.

    Returns:
        <bool>[labels + 1, labels + 1]: whether the tag of the column may follow that of the row. The last row is the
        beginning of a sentence, the last column its end.
    """
    tags = [*tag_names, OUTSIDE]
    return np.array([[may_follow(before, tag, scheme) for tag in tags] for before in tags])


def viterbi(log_probabilities: NDArray[np.float32], num_words: Ids, transitions: NDArray[np.bool_]) -> Ids:
    """The most probable legal tags of each sentence; transitions have no probabilities of their own.

    Where every sequence is illegal, as with tags that lack an end, one with as few illegal transitions as can be.

    Args:
        log_probabilities: Of the tags of all words, one sentence after the other <float>[words, labels].
        num_words: Of each sentence <int>[sentences].
        transitions: As `legal_transitions` gives them.

    Returns:
        The label id of each word <int64>[words].

    Source: Viterbi, Error bounds for convolutional codes (1967).
    """
    tags = np.zeros(len(log_probabilities), np.int64)
    costs = np.where(transitions, 0.0, -_ILLEGAL)
    between, begin, end = costs[:-1, :-1], costs[-1, :-1], costs[:-1, -1]
    # The longest first, so that those which go on are always the first ones.
    order = np.argsort(-num_words, kind="stable")[: np.count_nonzero(num_words)]
    starts = (np.cumsum(num_words) - num_words)[order]
    lengths = num_words[order]
    if not len(order):
        return tags
    num_going_on = len(order) - np.searchsorted(lengths[::-1], np.arange(int(lengths[0])), side="right")
    scores = np.maximum(log_probabilities[starts].astype(np.float64), _LEAST) + begin
    best_before: list[Ids] = []
    for place, num in enumerate(num_going_on[1:].tolist(), start=1):
        candidates = scores[:num, :, np.newaxis] + between
        best_before.append(candidates.argmax(axis=1))
        scores[:num] = candidates.max(axis=1) + np.maximum(log_probabilities[starts[:num] + place], _LEAST)
    last = (scores + end).argmax(axis=1)
    tags[starts + lengths - 1] = last
    for place in range(int(lengths[0]) - 1, 0, -1):
        num = int(num_going_on[place])
        before = best_before[place - 1][np.arange(num), tags[starts[:num] + place]]
        tags[starts[:num] + place - 1] = before
    return tags
