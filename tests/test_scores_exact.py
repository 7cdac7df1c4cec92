"""Scores of small cases, worked out by hand."""

import numpy as np
import pytest

from tf_ner import bootstrap_interval, paired_test, score_entities, score_labels, score_numbers, score_tags
from tf_ner.corpus.tags import Span, tags_to_spans
from tf_ner.evaluation import intervals
from tf_ner.evaluation.scores import count_entities, count_overlaps, count_right_words
from tf_ner.evaluation.texts import bootstrap_numbers, matthews_correlation, pearson, spearman

# Gold: three PER, one LOC, one ORG. Predicted: two PER, one of them right; two LOC, one right; no ORG.
GOLD = [["B-PER", "I-PER", "O", "B-PER"], ["B-LOC", "O", "B-PER"], ["I-ORG", "O"]]
PREDICTED = [["B-PER", "I-PER", "O", "B-LOC"], ["I-LOC", "O", "O"], ["O", "B-PER"]]


def ratios(precision, recall, f1, **rest):
    values = {"precision": precision, "recall": recall, "f1": f1}
    return {name: pytest.approx(value) for name, value in values.items()} | rest


def test_entities():
    assert score_entities(GOLD, PREDICTED) == {
        **ratios(2 / 4, 2 / 5, 4 / 9),
        "accuracy": pytest.approx(4 / 9),
        "support": 5,
        "per_label": {
            "LOC": ratios(1 / 2, 1, 2 / 3, support=1),
            "ORG": ratios(0, 0, 0, support=1),
            "PER": ratios(1 / 2, 1 / 3, 2 / 5, support=3),
        },
        "macro": ratios(1 / 3, 4 / 9, 16 / 45),
        "weighted": ratios(2 / 5, 2 / 5, (2 / 3 + 3 * 2 / 5) / 5),
        # The LOC that begins at I- is none, nor is the ORG: 1 right of 3 and 4.
        "strict": ratios(1 / 3, 1 / 4, 2 / 7),
        "partial": ratios(3 / 4, 3 / 5, 6 / 9),
        "type": ratios(2 / 4, 2 / 5, 4 / 9),
    }


def test_tags():
    assert score_tags([["A", "B"], ["A", "C"]], [["A", "A"], ["A", "D"]]) == {
        "accuracy": 0.5,
        "support": 4,
        "per_label": {
            "A": ratios(2 / 3, 1, 4 / 5, support=2),
            "B": ratios(0, 0, 0, support=1),
            "C": ratios(0, 0, 0, support=1),
            "D": ratios(0, 0, 0, support=0),
        },
        "macro": ratios(1 / 6, 1 / 4, 1 / 5),
        "weighted": ratios(1 / 3, 1 / 2, 2 / 5),
    }


def test_nothing_is_scored_zero():
    zero = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    means = {"macro": zero, "weighted": zero}
    rest = {"support": 0, "per_label": {}, **means}
    for rows in ([], [[]]):
        others = dict.fromkeys(("strict", "partial", "type"), zero)
        assert score_entities(rows, rows) == {**zero, "accuracy": 0.0, **rest, **others}
        assert score_tags(rows, rows) == {"accuracy": 0.0, **rest}


def test_shapes_of_words_must_agree():
    assert count_right_words([["A", "B"], []], [["A", "A"], []]) == (1, 2)
    for predicted in ([["A"], []], [["A", "B"]], [["A"], ["B"]]):
        with pytest.raises(ValueError, match=r"^gold and predicted tags differ in number$"):
            count_right_words([["A", "B"], []], predicted)
        with pytest.raises(ValueError, match=r"^gold and predicted tags differ in number$"):
            bootstrap_interval([["A", "B"], []], predicted)


def test_the_same_place_in_another_sentence_is_another_entity():
    counts = count_entities([[Span(0, 1, "X")], []], [[], [Span(0, 1, "X")]])
    assert counts.total() == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    with pytest.raises(ValueError, match="shorter"):
        count_entities([[], []], [[]])


@pytest.mark.parametrize(
    ("gold", "predicted", "credit", "num_right_types"),
    [
        ("", "", 0.0, 0),
        ("B-X", "", 0.0, 0),
        ("", "B-X", 0.0, 0),
        # Neighbours share no word, on either side.
        ("B-X O B-X", "O B-X O", 0.0, 0),
        ("O B-X O", "B-X O B-X", 0.0, 0),
        # Two right ones, the second of another label.
        ("B-X B-Y", "B-X B-X", 2.0, 1),
        # Only one border is right.
        ("B-X I-X O", "O B-X O", 0.5, 1),
        ("O B-X I-X", "O B-X O", 0.5, 1),
        # What is taken under `partial` may be free under `type`.
        ("B-Y B-X", "B-X I-X", 0.5, 1),
        ("B-Y B-X B-X", "B-X I-X B-X", 1.5, 2),
        ("B-Y B-X I-X", "B-X I-X B-Y", 1.0, 1),
        # The nearer is taken, by the sum of both distances: the second (1 + 2) and not the first (3 + 3).
        ("B-X B-X I-X I-X O O B-X", "B-X I-X I-X I-X I-X I-X O", 0.5, 1),
        # The nearer end of two that begin alike far away.
        ("B-X B-X I-X I-X I-X", "B-X I-X I-X I-X B-X", 1.0, 1),
        # Without one of its label the first free one is taken, so the next finds none.
        ("B-Y I-Y", "B-X B-Y", 0.5, 0),
        # The next gold one, which shares no word, is not looked at.
        ("B-Y O B-X", "B-X O O", 1.0, 0),
        # The nearer by where it begins is taken (1 + 4 and not 3 + 4), and so the next finds none.
        (
            "B-X I-X I-X I-X B-X I-X I-X I-X I-X I-X I-X I-X",
            "O O O B-X I-X I-X I-X I-X B-X I-X I-X I-X",
            1.0,
            1,
        ),
        # A third predicted one still finds its gold one after two that were passed over.
        ("B-X B-X O B-X", "O O B-Y B-X", 1.0, 1),
    ],
)
def test_overlaps_by_hand(gold, predicted, credit, num_right_types):
    assert count_overlaps(tags_to_spans(gold.split()), tags_to_spans(predicted.split())) == (credit, num_right_types)


NAMES = ("no", "yes", "odd")


def test_labels_of_texts():
    gold, predicted = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    found = score_labels(gold, predicted, NAMES[:2])
    matthews = (2 * 1 - 1 * 1) / 6
    no, yes = ratios(1 / 2, 1 / 2, 1 / 2, support=2), ratios(2 / 3, 2 / 3, 2 / 3, support=3)
    assert found == {
        "accuracy": 0.6,
        **{name: yes[name] for name in ("precision", "recall", "f1")},
        "matthews_correlation": pytest.approx(matthews),
        "support": 5,
        "per_label": {"no": no, "yes": yes},
        "macro": ratios(7 / 12, 7 / 12, 7 / 12),
        "weighted": ratios(0.6, 0.6, 0.6),
    }
    # A label that only the data have does not make three to choose from.
    with_odd = score_labels(np.array([0, 2, 1]), np.array([0, 1, 1]), NAMES, num_predicted=2)
    assert [with_odd[name] for name in ("precision", "recall")] == [0.5, 1.0]
    assert "f1" not in score_labels(np.array([0, 2, 1]), np.array([0, 1, 1]), NAMES)
    assert "f1" not in score_labels(gold, predicted, NAMES[:2], num_predicted=3)
    # Two names that differ in a NUL at the end are two.
    assert list(score_labels(np.array([0, 1]), np.array([0, 1]), ("a", "a\0"))["per_label"]) == ["a", "a\0"]
    # The positive label does not occur at all.
    none = score_labels(np.array([0, 0]), np.array([0, 0]), NAMES[:2])
    assert [none[name] for name in ("precision", "recall", "f1", "accuracy")] == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([0, 1], [0, 1], 1.0),
        ([0, 1], [1, 0], -1.0),
        ([0, 0], [0, 1], 0.0),
        ([0, 1], [1, 1], 0.0),
        ([0, 1, 2], [0, 1, 2], 1.0),
        # covariance 2 * 4 - (2 * 1 + 1 * 2 + 1 * 1) = 3; variances 16 - 6 = 10 each
        ([0, 0, 1, 2], [0, 1, 1, 2], 0.7),
        # Labels of which only high numbers are used.
        ([5, 7], [5, 7], 1.0),
    ],
)
def test_matthews_by_hand(gold, predicted, expected):
    assert matthews_correlation(np.array(gold), np.array(predicted)) == pytest.approx(expected)


def test_numbers_by_hand():
    gold, predicted = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])
    assert score_numbers(gold, predicted) == {
        "pearson": pytest.approx(0.5),
        "spearmanr": pytest.approx(0.5),
        "mse": pytest.approx(2 / 3),
        "support": 3,
    }
    assert pearson(gold, -gold) == pytest.approx(-1.0)
    assert spearman(gold, np.exp(gold)) == pytest.approx(1.0)
    # Ties share the mean of their ranks: 1, 2.5, 2.5 against 1, 2, 3.
    assert spearman(np.array([0.0, 4.0, 4.0]), gold) == pytest.approx(3**0.5 / 2)
    assert score_numbers(gold[:0], gold[:0]) == {"pearson": 0.0, "spearmanr": 0.0, "mse": 0.0, "support": 0}
    line = np.array([1.0, 3.0, 5.0]) * 0.1
    assert 1 - 1e-12 < pearson(np.arange(3.0), line) <= 1
    assert -1 <= pearson(np.arange(3.0), -line) < -1 + 1e-12
    for constant in (np.zeros(3), np.full(3, 2.0)):
        assert pearson(gold, constant) == pearson(constant, gold) == 0.0
    for length in (0, 2):
        with pytest.raises(ValueError, match=r"^references and predictions differ in number$"):
            pearson(gold, gold[:length])
    assert np.isnan(spearman(np.array([np.nan, 1.0, 2.0]), gold))
    assert np.isnan(spearman(gold, np.array([np.nan, 1.0, 2.0])))


def test_small_types_do_not_cost_accuracy():
    """Sums in float16 would overflow, and squares in float32 vanish."""
    gold = np.array([40000, 50000, 60000], dtype=np.float16)
    assert score_numbers(gold, -gold)["mse"] == pytest.approx(1.0267e10, rel=1e-3)
    small = np.array([1e-30, 2e-30, 3e-30], dtype=np.float32)
    assert pearson(small, small) == pytest.approx(1.0)
    large = np.array([1e200, 2e200, 3e200])
    assert pearson(large, large[::-1]) == pytest.approx(-1.0)


def test_the_interval_of_numbers_is_that_of_drawing_them_again():
    chance = np.random.default_rng(5)
    gold, predicted = chance.normal(size=(2, 6))
    found = bootstrap_numbers(gold, predicted, num_resamples=50, seed=3)
    again = np.random.default_rng(3)
    scores = []
    for _ in range(50):
        drawn = again.integers(0, 6, 6)
        scores.append(score_numbers(gold[drawn], predicted[drawn]))
    assert (found.pop("level"), found.pop("resamples")) == (0.95, 50)
    assert found.keys() == {"pearson", "spearmanr", "mse"}
    for name, borders in found.items():
        assert borders == pytest.approx(np.quantile([row[name] for row in scores], [0.025, 0.975]))


def test_numbers_are_drawn_1000_times_with_seed_42():
    gold, predicted = np.random.default_rng(6).normal(size=(2, 12))
    found = bootstrap_numbers(gold, predicted)
    assert found == bootstrap_numbers(gold, predicted, num_resamples=1000, seed=42)
    assert found != bootstrap_numbers(gold, predicted, num_resamples=1000, seed=43)


# Two sentences: the first right in one entity of two, with three predicted; the second has one, and it is right.
SENTENCES = [["B-X", "B-Y", "O", "O"], ["B-X"]]
SYSTEM = [["B-X", "O", "B-X", "B-Y"], ["B-X"]]


def test_counts_of_sentences():
    assert intervals._count(SENTENCES, SYSTEM, entities=True).tolist() == [[1, 3, 2], [1, 1, 1]]
    assert intervals._count(SENTENCES, SYSTEM, entities=False).tolist() == [[1, 4, 4], [1, 1, 1]]
    assert intervals._count([], [], entities=True).shape == (0, 3)
    assert intervals._count([], [], entities=True).dtype == np.int64
    # An entity twice in a row counts twice; the same in another place is another.
    assert intervals._count([["B-X", "B-X"]], [["B-X", "O"]], entities=True).tolist() == [[1, 1, 2]]


def test_ratios_of_counts():
    found = intervals._ratios(np.array([[1, 4, 2], [0, 0, 0], [0, 0, 5], [1, 1, 1]]))
    assert found.tolist() == [[0.25, 0.5, pytest.approx(1 / 3)], [0, 0, 0], [0, 0, 0], [1, 1, 1]]
    pair = intervals._differences(np.array([[1, 4, 2], [3, 4, 4]]))
    assert pair.tolist() == pytest.approx([0.5, 0.25, 0.75 - 1 / 3])


def test_the_interval_leaves_out_a_fortieth_on_each_side():
    ratios_of_draws = np.arange(1001)[:, None] * np.array([1, 10, 100])
    assert intervals._interval(ratios_of_draws, entities=True) == {
        "level": 0.95,
        "resamples": 1001,
        "precision": pytest.approx([25, 975]),
        "recall": pytest.approx([250, 9750]),
        "f1": pytest.approx([2500, 97500]),
    }


def test_p_is_of_f1():
    chance = np.random.default_rng(8)
    gold, first, second = chance.choice(["O", "B-X", "I-X", "B-Y"], size=(3, 30, 5)).tolist()
    counts = np.stack([intervals._count(gold, tags, entities=True) for tags in (first, second)], axis=1)
    observed = np.abs(intervals._differences(counts.sum(axis=0)))
    swapped = np.abs(intervals._differences(intervals._swap(counts, num_resamples=99, seed=4)))
    of_all = [(1 + (swapped[:, number] >= observed[number] - 1e-12).sum()) / 100 for number in range(3)]
    assert len(set(of_all)) == 3
    assert paired_test(gold, first, second, num_resamples=99, seed=4)["p"] == of_all[2]


def test_the_interval_of_two_sentences():
    """Drawn are the first twice (1 in 4), both (2 in 4) or the second twice; the borders lie at the ends."""
    found = bootstrap_interval(SENTENCES, SYSTEM)
    assert found == {
        "level": 0.95,
        "resamples": 1000,
        "precision": [pytest.approx(1 / 3), 1.0],
        "recall": [0.5, 1.0],
        "f1": [pytest.approx(0.4), 1.0],
    }
    assert bootstrap_interval(SENTENCES, SYSTEM, entities=False, num_resamples=400) == {
        "level": 0.95,
        "resamples": 400,
        "accuracy": [0.25, 1.0],
    }


def test_what_is_not_given_is_1000_resamples_and_seed_42():
    chance = np.random.default_rng(0)
    gold, first, second = chance.choice(["O", "B-X", "I-X", "B-Y"], size=(3, 60, 5)).tolist()
    given = {"entities": True, "num_resamples": 1000, "seed": 42}
    assert bootstrap_interval(gold, first) == bootstrap_interval(gold, first, **given)
    assert bootstrap_interval(gold, first) != bootstrap_interval(gold, first, seed=43)
    assert paired_test(gold, first, second) == paired_test(gold, first, second, **given)
    assert paired_test(gold, first, second) != paired_test(gold, first, second, seed=43)
    assert paired_test(gold, first, second)["interval"]["resamples"] == 1000


def test_draws_are_multinomial_and_swaps_binomial(monkeypatch):
    """In parts or at once, from one generator with the seed."""
    counts = np.array([[1, 3, 2], [1, 1, 1], [1, 3, 2], [0, 1, 1]])
    kinds = np.array([[0, 1, 1], [1, 1, 1], [1, 3, 2]])
    drawn = np.random.default_rng(9).multinomial(4, [0.25, 0.25, 0.5], size=30)
    other = np.array([[0, 3, 2], [1, 1, 1], [0, 3, 2], [1, 1, 1]])
    kinds_of_difference = np.array([[-1, 0, 0], [0, 0, 0], [1, 0, 0]])
    moved = np.random.default_rng(9).binomial([2, 1, 1], 0.5, size=(30, 3)) @ kinds_of_difference
    pair = np.stack([counts, other], axis=1)
    for step in (2**22, 3 * 7, 1):
        monkeypatch.setattr(intervals, "_NUM_DRAWN", step)
        found = intervals._resample(counts, num_resamples=30, seed=9)
        assert found.tolist() == (drawn @ kinds).tolist()
        swapped = intervals._swap(pair, num_resamples=30, seed=9)
        assert swapped[:, 0].tolist() == (counts.sum(axis=0) + moved).tolist()
        assert swapped[:, 1].tolist() == (other.sum(axis=0) - moved).tolist()


def test_nothing_is_drawn_from_nothing():
    found = intervals._resample(np.zeros((0, 2, 3), dtype=np.int64), num_resamples=5, seed=0)
    assert (found.shape, found.dtype, found.any()) == ((5, 2, 3), np.int64, np.False_)


def test_p_of_one_sentence_and_of_many():
    """Of one sentence a swap turns the difference around: as large either way. Of ten like it, few swaps are."""
    assert paired_test([["B-X"]], [["O"]], [["B-X"]], num_resamples=99)["p"] == 1.0
    found = paired_test([["B-X"]] * 12, [["O"]] * 12, [["B-X"]] * 12, num_resamples=99)
    assert found["p"] == pytest.approx(0.01)
    assert (found["precision"], found["recall"], found["f1"]) == (1.0, 1.0, 1.0)
    assert found["interval"] == {
        "level": 0.95,
        "resamples": 99,
        **{name: [1.0, 1.0] for name in ("precision", "recall", "f1")},
    }
    apart = paired_test(SENTENCES, SYSTEM, SENTENCES, num_resamples=9)
    assert [apart[name] for name in ("precision", "recall", "f1")] == pytest.approx([1 / 2, 1 / 3, 3 / 7])
    worse = paired_test([["A"]] * 12, [["A"]] * 12, [["B"]] * 12, entities=False, num_resamples=99)
    assert worse == {
        "accuracy": -1.0,
        "interval": {"level": 0.95, "resamples": 99, "accuracy": [-1.0, -1.0]},
        "p": 0.01,
    }
