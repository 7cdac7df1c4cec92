"""Which rows go where, row by row."""

import numpy as np
import pytest

from tf_ner.batches import sampling
from tf_ner.batches.layouts import Padded, padding_ratio


def rows(batches):
    return [batch.tolist() for batch in batches]


def test_an_epoch_is_drawn_from_its_seed_and_number():
    chance = np.random.default_rng([7, 2])
    drawn = chance.permutation(10)
    pieces = [drawn[:4], drawn[4:8], drawn[8:]]
    expected = [pieces[number] for number in chance.permutation(3)]
    found = sampling.training_batches(np.full(10, 5), batch_size=4, seed=7, epoch=2)
    assert rows(found) == rows(expected)


@pytest.mark.parametrize(
    ("options", "size_of_pool"),
    [({}, 2), ({"group_by_length": False}, 2), ({"group_by_length": True}, 100)],
)
def test_rows_are_sorted_within_their_pool(options, size_of_pool):
    """Grouped, a pool is 50 batches; otherwise each batch is its own."""
    lengths = np.random.default_rng(0).permutation(250)
    found = sampling.training_batches(lengths, batch_size=2, seed=1, epoch=0, **options)
    drawn = np.random.default_rng([1, 0]).permutation(250)
    pools = [drawn[start : start + size_of_pool] for start in range(0, 250, size_of_pool)]
    expected = [sorted(pool, key=lambda row: -lengths[row]) for pool in pools]
    pairs = [pool[start : start + 2] for pool in expected for start in range(0, len(pool), 2)]
    assert sorted(rows(found)) == sorted([[int(row) for row in pair] for pair in pairs])


def test_the_longest_come_first_and_equals_keep_their_order():
    found = sampling.evaluation_batches(np.array([3, 9, 5, 9, 1]), batch_size=2)
    assert rows(found) == [[1, 3], [2, 0], [4]]
    # Many equals: an unstable sort would mix them.
    lengths = np.tile([1, 2], 50)
    assert np.concatenate(sampling.evaluation_batches(lengths, batch_size=7)).tolist() == [
        *range(1, 100, 2),
        *range(0, 100, 2),
    ]


@pytest.mark.parametrize(("num_examples", "expected"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2)])
def test_the_last_partial_batch_counts(num_examples, expected):
    assert sampling.num_batches(num_examples, 4) == expected


@pytest.mark.parametrize(
    ("batch", "num_replicas", "num_rows", "expected"),
    [
        ([4, 5, 6, 7, 8], 2, None, [[4, 5, 6], [7, 8]]),
        ([4, 5, 6, 7, 8], 2, 3, [[4, 5, 6], [7, 8, ~8]]),
        ([4, 5, 6, 7, 8], 2, 4, [[4, 5, 6, ~8], [7, 8, ~8, ~8]]),
        ([4, 5], 3, None, [[4], [5], [~5]]),
        ([4, 0], 3, 2, [[4, -1], [0, -1], [-1, -1]]),
        ([4, 5, 6], 1, 2, [[4, 5, 6]]),
    ],
)
def test_shares_of_replicas(batch, num_replicas, num_rows, expected):
    shares = sampling.share_out([np.array(batch)], num_replicas, num_rows=num_rows)
    assert rows(shares) == expected
    assert {share.dtype for share in shares} == {np.dtype(np.int64)}
    twice = sampling.share_out([np.array(batch)] * 2, num_replicas, num_rows=num_rows)
    assert rows(twice) == expected * 2


def test_fillers_are_told_from_rows():
    assert [sampling.filler_of(row) for row in (0, 1, 7)] == [-1, -2, -8]
    batch = np.array([0, -1, 7, -8])
    assert sampling.is_filler(batch).tolist() == [False, True, False, True]
    assert sampling.rows_behind(batch).tolist() == [0, 0, 7, 7]


@pytest.mark.parametrize(("row_length", "expected"), [(None, 1 - 9 / 14), (5, 1 - 9 / 20)])
def test_fillers_are_padding(row_length, expected):
    batches = [np.array([0, 1]), np.array([2, ~2])]
    found = padding_ratio(Padded(row_length=row_length), np.array([4, 2, 3]), batches)
    assert found == pytest.approx(expected, abs=1e-12)


def test_batches_are_cut_into_pieces():
    found = sampling.split_batches([np.arange(5), np.arange(5, 7)], 2)
    assert rows(found) == [[0, 1], [2, 3], [4], [5, 6]]
