"""Rows of one shape: where sentences lie in them, and which sentences a step has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_ner.batches.fixed_steps import full_batches, steps_of_rows, steps_of_sentences
from tf_ner.batches.layouts import PackedFixed, first_fit, padding_ratio
from tf_ner.batches.sampling import training_batches

ROW = 32
lengths_of_examples = st.lists(st.integers(1, ROW), min_size=1, max_size=80).map(np.array)


def rows(batches):
    return [batch.tolist() for batch in batches]


def test_a_sentence_goes_into_the_first_row_with_room():
    assert first_fit(np.array([6, 5, 4, 4, 6, 1]), 10).tolist() == [0, 1, 0, 1, 2, 1]
    assert first_fit(np.array([], dtype=np.int64), 10).tolist() == []


@given(lengths_of_examples, st.integers(1, 3), st.integers(1, 3))
def test_replicas_and_pieces_share_a_step_without_loss(lengths, num_replicas, num_pieces):
    needed = int(first_fit(lengths, ROW).max()) + 1
    layout = PackedFixed(-(-needed // (num_replicas * num_pieces)), ROW, num_pieces)
    shares = layout.share_out([np.arange(len(lengths))], lengths, num_replicas)
    assert len(shares) == num_replicas
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(lengths)))
    for share in shares:
        pieces = layout.pieces(lengths[share])
        assert len(pieces) == num_pieces
        assert sorted(np.concatenate([piece.sentences for piece in pieces]).tolist()) == list(range(len(share)))
        for sentences, packing in pieces:
            assert packing.lengths.tolist() == lengths[share][sentences].tolist()
            assert (packing.num_rows, packing.row_length) == (layout.num_rows, ROW)
            first, last = packing.starts, packing.starts + packing.lengths - 1
            np.testing.assert_array_equal(first // ROW, last // ROW)
            assert len(set(packing.positions.tolist())) == packing.lengths.sum()
            assert packing.positions.max(initial=0) < packing.num_positions
            values = np.arange(packing.lengths.sum())
            collected = packing.collect(packing.spread(values, -1))
            assert [len(row) for row in collected] == packing.lengths.tolist()
            assert np.concatenate([[], *collected]).tolist() == values.tolist()


@given(lengths_of_examples, st.integers(1, 4), st.integers(1, 2), st.integers(1, 3), st.booleans())
def test_every_example_is_in_one_step_of_each_epoch(lengths, size, num_pieces, epochs, counts_rows):
    same = {"num_pieces": num_pieces, "row_length": ROW, "epochs": epochs, "seed": 3}
    if counts_rows:
        batches, num_rows = steps_of_rows(lengths, num_rows=size, **same), size
    else:
        batches, num_rows = steps_of_sentences(lengths, batch_size=size * num_pieces, **same)
    num_steps, rest = divmod(len(batches), epochs)
    assert rest == 0
    for epoch in range(epochs):
        of_epoch = batches[epoch * num_steps : (epoch + 1) * num_steps]
        assert sorted(np.concatenate(of_epoch).tolist()) == list(range(len(lengths)))
    assert all(len(batch) for batch in batches)
    assert all(first_fit(lengths[batch], ROW).max() < num_rows * num_pieces for batch in batches)


@pytest.mark.parametrize("group_by_length", [False, True])
def test_steps_are_the_same_however_many_share_them(group_by_length):
    lengths = np.random.default_rng(2).integers(3, ROW, 1500)
    options = {"batch_size": 12, "row_length": ROW, "epochs": 2, "seed": 3, "group_by_length": group_by_length}
    steps = [steps_of_sentences(lengths, num_pieces=number, **options)[0] for number in (1, 2, 3, 8)]
    assert all(rows(other) == rows(steps[0]) for other in steps[1:])
    full = [steps_of_rows(lengths, num_rows=24 // number, num_pieces=number, row_length=ROW, epochs=2, seed=3)
            for number in (1, 2, 8)]  # fmt: skip
    assert all(rows(other) == rows(full[0]) for other in full[1:])


def test_sentences_without_room_come_first_in_the_next_step():
    # The 9 waits while what comes behind it still fits.
    lengths = np.array([8, 9, 2, 7, 3])
    assert rows(full_batches(np.arange(5), lengths, num_rows=1, row_length=10)) == [[0, 2], [1], [3, 4]]


def test_batches_are_those_of_other_routes_where_there_is_room():
    lengths = np.random.default_rng(0).integers(3, 20, 4000)
    options = {"batch_size": 8, "seed": 5}
    batches, num_rows = steps_of_sentences(lengths, num_pieces=1, row_length=ROW, epochs=1, **options)
    usual = training_batches(lengths, epoch=0, **options)
    divided = [batch for batch in usual if first_fit(lengths[batch], ROW).max() >= num_rows]
    # At most one in a thousand; and with a row less, more would not fit.
    assert len(divided) <= len(usual) / 1000
    assert sum(first_fit(lengths[batch], ROW).max() >= num_rows - 1 for batch in usual) > len(usual) / 1000
    assert len(batches) == len(usual) + len(divided)
    whole = {tuple(batch) for batch in usual} - {tuple(batch) for batch in divided}
    assert whole <= {tuple(batch) for batch in batches}


def test_a_batch_without_room_becomes_two():
    # One batch in two thousand has only long sentences.
    lengths = np.full(8000, 4)
    last = training_batches(np.full(8000, 4), batch_size=4, seed=0, epoch=0)[7]
    lengths[last] = ROW
    batches, num_rows = steps_of_sentences(lengths, batch_size=4, num_pieces=1, row_length=ROW, epochs=1, seed=0)
    assert num_rows == 1
    assert len(batches) == 2000 + 3
    assert [[int(example)] for example in sorted(last)] == sorted(rows(batches[7:11]))


@pytest.mark.parametrize("num_replicas", [1, 4])
def test_full_rows_have_hardly_any_padding(shared, num_replicas):
    """Of CoNLL-2003, about 64 sentences a step, each word as one subword and two beside the words of a sentence."""
    text = (shared / "data" / "conll2003" / "train.txt").read_text(encoding="utf-8")
    lengths = np.array([2 + sentence.count("\n") for sentence in text.strip().split("\n\n")])
    batches = steps_of_rows(lengths, num_rows=8, num_pieces=num_replicas, row_length=128, epochs=5, seed=1)
    assert 55 < 5 * len(lengths) / len(batches) / num_replicas < 75
    layout = PackedFixed(8, 128)
    assert padding_ratio(layout, lengths, layout.share_out(batches, lengths, num_replicas)) < 0.05
