from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_ner.tasks.windows import Window, split_into_windows


@st.composite
def sentences(draw):
    max_subwords = draw(st.integers(1, 12))
    stride = draw(st.integers(0, max_subwords - 1))
    return draw(st.lists(st.integers(0, 15), min_size=1, max_size=60)), max_subwords, stride


@given(sentences())
def test_every_word_is_kept_once_and_every_window_fits(sentence):
    num_subwords, max_subwords, stride = sentence
    windows = split_into_windows(num_subwords, max_subwords=max_subwords, stride=stride)
    kept = [word for window in windows for word in range(window.keep_start, window.keep_end)]
    assert kept == list(range(len(num_subwords)))
    for window in windows:
        assert window.start <= window.keep_start <= window.keep_end <= window.end
        fits = sum(num_subwords[window.start : window.end]) <= max_subwords
        assert fits or window.end == window.start + 1
    for first, second in pairwise(windows):
        assert first.start < second.start
        assert first.end < second.end
        assert second.start <= first.end
        assert sum(num_subwords[second.start : first.end]) <= stride


@pytest.mark.parametrize(
    ("num_subwords", "expected"),
    [
        ([1] * 4, [(0, 4, 0, 4)]),
        ([1] * 6, [(0, 4, 0, 3), (2, 6, 3, 6)]),
        ([1, 1, 9, 1], [(0, 2, 0, 2), (2, 3, 2, 3), (3, 4, 3, 4)]),
        ([3, 3], [(0, 1, 0, 1), (1, 2, 1, 2)]),
    ],
)
def test_the_middle_of_what_is_shared_decides(num_subwords, expected):
    windows = split_into_windows(num_subwords, max_subwords=4, stride=2)
    assert windows == [Window(*window) for window in expected]
