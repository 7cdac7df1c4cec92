"""Which sentences are likely annotated wrongly, by probabilities."""

import numpy as np
import pytest

from tf_ner import rank_label_errors

NAMES = ("O", "B-X", "I-X")


def rows(*probabilities):
    """The probabilities of `B-X` of each word; the rest is `O`."""
    return np.array([[1 - p, p, 0.0] for p in probabilities], dtype=np.float32)


def test_a_sentence_is_as_sure_as_its_worst_word():
    tags = [["O", "B-X"], ["O", "O"], ["B-X", "O"], ["O", "O"]]
    probabilities = [rows(0.1, 0.2), rows(0.9, 0.6), rows(0.9, 0.1), rows(0.1, 0.95)]
    found = rank_label_errors(tags, probabilities, NAMES, weighted=False)
    # The third sentence is read as it is annotated.
    assert [(error.sentence, error.word, error.given, error.suggested) for error in found] == [
        (3, 1, "O", "B-X"), (1, 0, "O", "B-X"), (0, 1, "B-X", "O"),
    ]  # fmt: skip
    assert [error.probability for error in found] == pytest.approx([0.05, 0.1, 0.2])
    assert [error.score for error in found] == [error.probability for error in found]


def test_what_is_often_said_against_a_tag_counts_less():
    """Of ten words that are `I-X` eight are read as `O`; of ten that are `O` one is read as `B-X`."""
    tags = [["I-X"]] * 10 + [["O"]] * 10
    probabilities = [np.float32([[0.95, 0.0, 0.05]])] * 8 + [np.float32([[0.0, 0.0, 1.0]])] * 2
    probabilities += [rows(0.0)] * 9 + [rows(0.9)]
    plain = rank_label_errors(tags, probabilities, NAMES, weighted=False)
    weighted = rank_label_errors(tags, probabilities, NAMES)
    assert [error.sentence for error in plain] == [*range(8), 19]
    assert [error.sentence for error in weighted] == [19, *range(8)]
    assert weighted[0].score == pytest.approx((0.1 + 0.001) * np.sqrt(1.5 / 11))
    assert weighted[1].score == pytest.approx((0.05 + 0.001) * np.sqrt(8.5 / 11))


def test_tags_that_the_models_do_not_have_are_passed_over():
    found = rank_label_errors([["B-Y", "O"], ["B-Y"]], [rows(0.1, 0.8), rows(0.1)], NAMES)
    assert [(error.sentence, error.word) for error in found] == [(0, 1)]


@pytest.mark.parametrize("tags", [[], [[]], [["O"], []]])
def test_nothing_is_doubtful_where_nothing_is(tags):
    assert rank_label_errors(tags, [rows(*[0.1] * len(row)).reshape(-1, 3) for row in tags], NAMES) == []


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="expected a row for each tag"):
        rank_label_errors([["O", "O"]], [rows(0.1)], NAMES)
