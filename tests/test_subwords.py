"""Words and their subwords, one by one."""

import numpy as np
import pytest

from tf_ner.tasks.windows import first_subwords, merge_words


@pytest.mark.parametrize(
    ("word_ids", "first"),
    [
        ([], []),
        ([-1, 0, 0, 1, -1], [0, 1, 0, 1, 0]),
        ([0, 0, 1], [1, 0, 1]),
        # A word comes again after what is no word, as at the border of two windows.
        ([0, -1, -1, 0], [1, 0, 0, 1]),
    ],
)
def test_where_words_begin(word_ids, first):
    found = first_subwords(np.array(word_ids, dtype=np.int64))
    assert found.dtype == bool
    assert found.tolist() == list(map(bool, first))


def test_a_word_gets_the_value_of_its_first_subword():
    word_ids = np.array([-1, 0, 0, 2, -1, -1, 3, 3])
    merged = merge_words(word_ids, np.arange(8), num_words=5, missing=-9)
    assert merged.tolist() == [1, -9, 3, 6, -9]
    assert merged.dtype == np.arange(8).dtype
    rates = merge_words(word_ids, np.arange(8, dtype=np.float32) / 2, num_words=4, missing=0)
    assert (rates.tolist(), rates.dtype) == ([0.5, 0.0, 1.5, 3.0], np.float32)
