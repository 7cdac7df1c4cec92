"""Windows word by word, where something only just fits."""

import pytest

from tf_ner.tasks.windows import split_into_windows


@pytest.mark.parametrize(
    ("num_subwords", "max_subwords", "stride", "expected"),
    [
        ([1], 1, 0, [(0, 1, 0, 1)]),
        ([9], 4, 2, [(0, 1, 0, 1)]),
        # No overlap.
        ([1] * 5, 2, 0, [(0, 2, 0, 2), (2, 4, 2, 4), (4, 5, 4, 5)]),
        # All of the stride is shared where it is filled exactly, and less where a word is too long for it.
        ([1, 2, 1, 1], 4, 1, [(0, 3, 0, 2), (2, 4, 2, 4)]),
        ([1, 1, 2, 1], 4, 1, [(0, 3, 0, 3), (3, 4, 3, 4)]),
        ([1, 1, 2, 1], 4, 2, [(0, 3, 0, 2), (2, 4, 2, 4)]),
        # The next word needs room: of a stride of 3 only 2 are shared, then only 1.
        ([1, 1, 1, 1, 2], 4, 3, [(0, 4, 0, 3), (2, 5, 3, 5)]),
        ([1, 1, 1, 1, 3], 4, 3, [(0, 4, 0, 3), (3, 5, 3, 5)]),
        ([1, 1, 1, 1, 4], 4, 3, [(0, 4, 0, 4), (4, 5, 4, 5)]),
        # Words without subwords cost nothing.
        ([2, 0, 2, 0, 1], 4, 2, [(0, 4, 0, 2), (1, 5, 2, 5)]),
        # Several words of different lengths, three windows.
        ([2, 1, 1, 3, 1, 2, 2], 5, 2, [(0, 3, 0, 2), (1, 4, 2, 4), (4, 7, 4, 7)]),
    ],
)
def test_windows_by_table(num_subwords, max_subwords, stride, expected):
    assert split_into_windows(num_subwords, max_subwords=max_subwords, stride=stride) == expected
