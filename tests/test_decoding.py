"""Legal sequences of tags, against all sequences there are and what the checks call illegal."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import examples
from tf_ner.corpus.schemes import illegal_positions
from tf_ner.inference.decoding import legal_transitions, viterbi

NAMES = {
    "iob1": ("O", "B-A", "I-A", "B-B", "I-B"),
    "iob2": ("O", "B-A", "I-A", "B-B", "I-B"),
    "bioes": ("O", "B-A", "I-A", "E-A", "S-A", "B-B", "E-B", "S-B"),
    "bilou": ("O", "B-A", "I-A", "L-A", "U-A", "U-B"),
    "io": ("O", "I-A", "I-B"),
    "plain": ("O", "A", "B"),
}


@pytest.mark.parametrize("scheme", NAMES)
def test_what_may_follow_is_what_the_checks_allow(scheme):
    names = NAMES[scheme]
    transitions = legal_transitions(names, scheme)
    for length in (1, 2, 3):
        for tags in product(range(len(names)), repeat=length):
            is_legal = all(transitions[pair] for pair in zip((-1, *tags), (*tags, -1), strict=True))
            assert is_legal == (not list(illegal_positions([names[tag] for tag in tags], scheme))), tags


@given(data=st.data(), scheme=st.sampled_from(sorted(NAMES)))
def test_it_is_the_most_probable_of_all_legal_sequences(data, scheme):
    names = NAMES[scheme]
    transitions = legal_transitions(names, scheme)
    num_words = np.array(data.draw(st.lists(st.integers(0, 4), max_size=4)), dtype=np.int64)
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    logits = rng.normal(size=(int(num_words.sum()), len(names))).astype(np.float32) * 3
    found = viterbi(logits, num_words, transitions)
    for tags, rows in zip(*(np.split(values, np.cumsum(num_words)[:-1]) for values in (found, logits)), strict=False):
        sequences = [
            sequence
            for sequence in product(range(len(names)), repeat=len(rows))
            if all(transitions[pair] for pair in zip((-1, *sequence), (*sequence, -1), strict=True))
        ]
        best = max(rows[range(len(rows)), list(sequence)].sum() if sequence else 0 for sequence in sequences)
        assert rows[range(len(rows)), tags].sum() == pytest.approx(best, abs=1e-4)
        assert tuple(tags.tolist()) in sequences


def test_no_transition_is_illegal_in_many_tables():
    rng = np.random.default_rng(0)
    for scheme, names in NAMES.items():
        num_words = rng.integers(0, 12, examples(40))
        logits = rng.normal(size=(int(num_words.sum()), len(names))).astype(np.float32) * 5
        tags = viterbi(logits, num_words, legal_transitions(names, scheme))
        for row in np.split(np.array(names, dtype=object)[tags], np.cumsum(num_words)[:-1]):
            assert not list(illegal_positions(row.tolist(), scheme))


def test_what_is_legal_already_stays():
    names = NAMES["iob2"]
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(3000, 5)).astype(np.float32)
    num_words = np.full(1000, 3)
    tags = viterbi(logits, num_words, legal_transitions(names, "iob2"))
    plain = logits.argmax(axis=1)
    is_legal = [
        not list(illegal_positions([names[tag] for tag in row], "iob2")) for row in plain.reshape(1000, 3).tolist()
    ]
    assert 100 < sum(is_legal) < 900
    assert np.array_equal(tags.reshape(1000, 3)[is_legal], plain.reshape(1000, 3)[is_legal])


def test_where_nothing_is_legal_the_least_illegal_wins():
    """B-A must be ended by E-A, which this model does not know."""
    names = ("B-A", "I-A")
    logits = np.log(np.array([[0.2, 0.8], [0.1, 0.9], [0.5, 0.5]], dtype=np.float32))
    transitions = legal_transitions(names, "bioes")
    tags = viterbi(logits, np.array([3]), transitions)
    assert tags.tolist() == [0, 1, 1]


def test_probabilities_of_nothing_and_sentences_without_words():
    names = NAMES["iob2"]
    transitions = legal_transitions(names, "iob2")
    logits = np.full((2, 5), -np.inf, dtype=np.float32)
    logits[0, 2] = logits[1, 2] = 0
    assert viterbi(logits, np.array([0, 2, 0]), transitions).tolist() in ([1, 2], [2, 2], [0, 0])
    assert viterbi(logits[:0], np.array([], dtype=np.int64), transitions).tolist() == []
    assert viterbi(logits[:0], np.array([0, 0]), transitions).tolist() == []
