"""Where sentences lie in rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_ner.batches.layouts import Packed, Padded, padding_ratio
from tf_ner.batches.packing import pack, packed_inputs
from tf_ner.batches.sampling import training_batches

lengths_of_batches = st.lists(st.integers(1, 60), min_size=1, max_size=40).map(np.array)


@given(lengths_of_batches)
def test_every_subword_has_a_place_of_its_own_and_no_sentence_is_divided(lengths):
    packing = pack(lengths)
    positions = packing.positions
    assert len(set(positions.tolist())) == lengths.sum()
    assert 0 <= positions.min() <= positions.max() < packing.num_positions
    first, last = packing.starts, packing.starts + lengths - 1
    np.testing.assert_array_equal(first // packing.row_length, last // packing.row_length)


def cost(num_rows, row_length):
    """In subwords: what attention costs grows with the square of the length, and is as much as all the rest at 800."""
    return num_rows * row_length * (1 + row_length / 800)


@given(lengths_of_batches)
def test_no_packing_costs_much_less(lengths):
    packing = pack(lengths)
    others = [pack(lengths, num_rows=number) for number in range(1, len(lengths) + 1)]
    cheapest = min(cost(other.num_rows, other.row_length) for other in others)
    assert cost(packing.num_rows, packing.row_length) <= 1.03 * cheapest
    # Of those that cost as little, it has the least padding.
    assert all(
        cost(other.num_rows, other.row_length) > 1.03 * cheapest or other.num_positions >= packing.num_positions
        for other in others
    )


@pytest.mark.parametrize("batch_size", [8, 32])
def test_hardly_any_position_is_padding(shared, batch_size):
    """Of CoNLL-2003, each word as one subword and two beside the words of a sentence."""
    text = (shared / "data" / "conll2003" / "valid.txt").read_text(encoding="utf-8")
    lengths = np.array([2 + sentence.count("\n") for sentence in text.strip().split("\n\n")])
    batches = training_batches(lengths, batch_size=batch_size, seed=1, epoch=0)
    assert padding_ratio(Padded(), lengths, batches) > 0.4
    assert padding_ratio(Packed(), lengths, batches) < 0.02


@given(lengths_of_batches)
def test_what_is_spread_is_collected_again(lengths):
    packing = pack(lengths)
    values = np.arange(lengths.sum())
    spread = packing.spread(values, -1)
    assert spread.shape == (packing.num_rows, packing.row_length)
    assert sorted(spread[spread >= 0]) == values.tolist()
    collected = packing.collect(spread)
    assert [len(row) for row in collected] == lengths.tolist()
    np.testing.assert_array_equal(np.concatenate(collected), values)


@given(lengths_of_batches, st.integers(1, 10))
def test_pieces_have_one_shape(lengths, size):
    pieces = [piece.packing for piece in Packed(size).pieces(lengths)]
    assert len({(piece.num_rows, piece.row_length) for piece in pieces}) == 1
    np.testing.assert_array_equal(np.concatenate([piece.lengths for piece in pieces]), lengths)
    assert all(len(piece.lengths) == size for piece in pieces[:-1])
    for piece in pieces:
        first, last = piece.starts, piece.starts + piece.lengths - 1
        np.testing.assert_array_equal(first // piece.row_length, last // piece.row_length)
        assert len(set(piece.positions.tolist())) == piece.lengths.sum()


@pytest.mark.parametrize(
    ("lengths", "num_rows", "row_length"),
    [
        ([50] * 8, 8, 50),
        # Two rows of 100 cost attention half of what one row of 200 does.
        ([100, 40, 30, 30], 2, 100),
        # A third of two rows would be padding.
        ([100, 20, 20], 1, 140),
        # Of full windows, one too short is padded rather than all laid behind each other.
        ([512] * 7 + [100], 8, 512),
        ([512] * 15 + [300], 16, 512),
    ],
)
def test_long_rows_are_divided(lengths, num_rows, row_length):
    packing = pack(np.array(lengths))
    assert (packing.num_rows, packing.row_length) == (num_rows, row_length)


def test_the_inputs_of_a_batch():
    packing = pack(np.array([2, 1, 3]), num_rows=2)
    columns = {
        "input_ids": [np.array([5, 6]), np.array([7]), np.array([8, 9, 10])],
        "token_type_ids": [np.array([0, 1]), np.array([0]), np.array([0, 1, 1])],
    }
    inputs = packed_inputs(columns, packing, padding_id=4)
    expected = {
        "input_ids": [[8, 9, 10], [5, 6, 7]],
        "token_type_ids": [[0, 1, 1], [0, 1, 0]],
        "position_ids": [[0, 1, 2], [0, 1, 0]],
        "segment_ids": [[3, 3, 3], [1, 1, 2]],
    }
    assert {name: values.tolist() for name, values in inputs.items()} == expected
    assert {values.dtype for values in inputs.values()} == {np.dtype("int32")}
    alone = packed_inputs({"input_ids": columns["input_ids"][:2]}, pack(np.array([2, 1]), num_rows=2), padding_id=4)
    assert {name: values.tolist() for name, values in alone.items()} == {
        "input_ids": [[5, 6], [7, 4]],
        "position_ids": [[0, 1], [0, 0]],
        "segment_ids": [[1, 1], [2, 0]],
    }


@pytest.mark.parametrize(
    ("batches", "piece_size", "expected"),
    [
        ([[0, 1], [2]], None, 0),
        # Fillers are computed, and count as padding.
        ([[0, ~1]], None, 3 / 7),
        # Pieces of 4 and of 3 + 2 subwords, in one row of 5 each.
        ([[0, 1, 2]], 2, 1 / 10),
    ],
)
def test_padding_is_told(batches, piece_size, expected):
    lengths = np.array([4, 3, 2])
    if piece_size:
        lengths = np.array([3, 2, 4])
    batches = [np.array(batch) for batch in batches]
    assert padding_ratio(Packed(piece_size), lengths, batches) == pytest.approx(expected)
