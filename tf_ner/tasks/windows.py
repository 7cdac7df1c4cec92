"""Which subword belongs to which word, and windows of whole words where a sentence is longer than the encoder."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

NO_WORD = -1
"""The word id of a position that decides no word: special subwords, padding, the context of a window."""


def first_subwords(word_ids: Ids) -> NDArray[np.bool_]:
    """Where a word begins: <bool>[subwords], from word ids <int>[subwords]."""
    return (word_ids != NO_WORD) & (word_ids != np.concatenate([[NO_WORD], word_ids[:-1]]))


def merge_words(word_ids: Ids, values: NDArray[Any], *, num_words: int, missing: Any) -> NDArray[Any]:
    """Gives each word the value of its first subword.

    Args:
        word_ids: <int>[subwords], of one or more windows one after the other.
        values: [subwords, …], what was predicted for each subword.
        num_words: How many words there are.
        missing: The value of a word that has no subword.

    Returns:
        [words, …]
    """
    merged = np.full((num_words, *values.shape[1:]), missing, dtype=values.dtype)
    first = first_subwords(word_ids)
    merged[word_ids[first]] = values[first]
    return merged


class Window(NamedTuple):
    """A stretch of a sentence that fits the encoder, in words, half-open.

    The encoder reads `start:end`; the window decides the tags of `keep_start:keep_end`, and the rest is context. Each
    word of a sentence is kept by exactly one of its windows.
    """

    start: int
    end: int
    keep_start: int
    keep_end: int


def split_into_windows(num_subwords: Sequence[int], *, max_subwords: int, stride: int) -> list[Window]:
    """Splits a sentence between words.

    Two neighbours share at most `stride` subwords; the middle word of what they share belongs to the second one, as
    do the words after it. A word of more than `max_subwords` gets a window of its own (and is cut by the tokenizer).

    Args:
        num_subwords: For each word of the sentence, how many subwords it has.
        max_subwords: How many subwords a window holds, special ones not counted; at least 1.
        stride: How many subwords two windows may share; less than `max_subwords`.
    """
    spans = [(0, _end_of_window(num_subwords, 0, max_subwords))]
    while spans[-1][1] < len(num_subwords):
        previous_end = spans[-1][1]
        # Room must be left for the next word, or the window would add nothing.
        shared = min(stride, max_subwords - num_subwords[previous_end])
        start = previous_end
        while num_subwords[start - 1] <= shared:
            shared -= num_subwords[start - 1]
            start -= 1
        spans.append((start, _end_of_window(num_subwords, start, max_subwords)))
    borders = [0]
    borders += [(start + previous_end) // 2 for (_, previous_end), (start, _) in pairwise(spans)]
    borders += [len(num_subwords)]
    return [Window(*span, *kept) for span, kept in zip(spans, pairwise(borders), strict=True)]


def _end_of_window(num_subwords: Sequence[int], start: int, max_subwords: int) -> int:
    """How far from `start` the words fit; one word at least."""
    end, room = start + 1, max_subwords - num_subwords[start]
    while end < len(num_subwords) and num_subwords[end] <= room:
        room -= num_subwords[end]
        end += 1
    return end
