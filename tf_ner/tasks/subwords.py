"""Which subword belongs to which word."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import BatchEncoding

from tf_ner.tasks.task import Ids

NO_WORD = -1
"""The word id of a position that decides no word: special subwords, padding, the context of a window."""


def first_subwords(word_ids: Ids) -> NDArray[np.bool_]:
    """Where a word begins: <bool>[subwords], from word ids <int>[subwords]."""
    return (word_ids != NO_WORD) & (word_ids != np.concatenate([[NO_WORD], word_ids[:-1]]))


def merge_words(word_ids: Ids, values: NDArray[Any], *, num_words: int, missing: Any) -> NDArray[Any]:
    """Gives each word the value of its first subword.

    Args:
        word_ids: <int>[subwords], of one or more windows one after the other.
        values: [subwords], what was predicted for each subword.
        num_words: How many words there are.
        missing: The value of a word that has no subword.

    Returns:
        [words]
    """
    merged = np.full(num_words, missing, dtype=values.dtype)
    first = first_subwords(word_ids)
    merged[word_ids[first]] = values[first]
    return merged


def word_ids_of(encodings: BatchEncoding, number: int) -> Ids:
    """For each subword of a text of a batch the word it belongs to, counted from 0, or -1."""
    return np.array([NO_WORD if word is None else word for word in encodings.word_ids(number)], dtype=np.int64)
