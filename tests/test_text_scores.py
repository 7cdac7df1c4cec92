"""Scores of labels and numbers, against scikit-learn and formulas."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, mean_squared_error, precision_recall_fscore_support

from tf_ner import score_labels, score_numbers
from tf_ner.evaluation.texts import bootstrap_numbers, matthews_correlation

NAMES = ("a", "b", "c", "d")


def matthews(gold, predicted):
    """Gorodkin 2004, equation 8: the correlation of two tables with a row an example and a column a label."""
    first, second = ((ids[:, None] == np.arange(len(NAMES))).astype(float) for ids in (gold, predicted))
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    variance = (first**2).sum() * (second**2).sum()
    return (first * second).sum() / math.sqrt(variance) if variance else 0.0


def ranks(values):
    """From 1; equal values share the mean of their ranks."""
    return np.array([(values < value).sum() + ((values == value).sum() + 1) / 2 for value in values])


def of_sklearn(gold, predicted, average):
    *values, support = precision_recall_fscore_support(gold, predicted, average=average, zero_division=0)
    return dict(zip(("precision", "recall", "f1"), values, strict=True)), support


@pytest.mark.filterwarnings("ignore:A single label was found")
@pytest.mark.parametrize("num_labels", [2, 3, 4])
@given(data=st.data())
def test_labels_are_scored_as_by_scikit_learn(num_labels, data):
    """One label only, constant predictions, labels that never occur: all come up here."""
    ids = st.integers(0, num_labels - 1)
    rows = data.draw(st.lists(st.tuples(ids, ids), min_size=1, max_size=30))
    gold, predicted = np.array(rows).T
    scores = score_labels(gold, predicted, NAMES[:num_labels])
    assert scores["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    assert scores["matthews_correlation"] == pytest.approx(matthews(gold, predicted), abs=1e-12)
    assert scores["support"] == len(rows)
    for average in ("macro", "weighted"):
        assert scores[average] == pytest.approx(of_sklearn(gold, predicted, average)[0])
    used = sorted({*gold.tolist(), *predicted.tolist()})
    values, supports = of_sklearn(gold, predicted, None)
    assert scores["per_label"] == {
        NAMES[label]: {name: pytest.approx(row[number]) for name, row in values.items()} | {"support": supports[number]}
        for number, label in enumerate(used)
    }
    if num_labels == 2:
        positive, _ = of_sklearn(gold, predicted, "binary")
        assert {name: scores[name] for name in positive} == pytest.approx(positive)
    else:
        assert not {"precision", "recall", "f1"} & scores.keys()


# Few values, so that many are equal, and scales at which squares vanish or overflow in float32.
numbers = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=25)


@example(rows=[(1, 0), (1, 0), (1, 1)], scale=0.1, dtype=np.float64)
@given(rows=numbers, scale=st.sampled_from([1e-15, 0.1, 1.0, 1e15]), dtype=st.sampled_from([np.float32, np.float64]))
def test_numbers_are_correlated_as_numpy_has_it(rows, scale, dtype):
    gold, predicted = (np.array(column, dtype=dtype) * dtype(scale) for column in zip(*rows, strict=True))
    scores = score_numbers(gold, predicted)
    assert scores["mse"] == pytest.approx(mean_squared_error(gold.astype(float), predicted.astype(float)))
    assert scores["support"] == len(rows)
    exact = gold.astype(np.float64), predicted.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.corrcoef(*exact)[0, 1], np.corrcoef(*map(ranks, exact))[0, 1]
    # A correlation with what is constant is 0 here, and in numpy none, or what rounding leaves of the mean of 0.1.
    is_constant = len(set(gold)) == 1 or len(set(predicted)) == 1
    assert is_constant or not any(map(math.isnan, expected))
    found = scores["pearson"], scores["spearmanr"]
    assert found == ((0.0, 0.0) if is_constant else pytest.approx(expected, abs=1e-6))


def test_numbers_of_no_order_and_no_rows():
    rng = np.random.default_rng(0)
    gold, predicted = rng.normal(size=(2, 500))
    scores = score_numbers(gold, predicted)
    assert (scores["pearson"], scores["spearmanr"]) == pytest.approx(
        (np.corrcoef(gold, predicted)[0, 1], np.corrcoef(ranks(gold), ranks(predicted))[0, 1])
    )
    assert score_numbers(np.array([]), np.array([])) == {"pearson": 0.0, "spearmanr": 0.0, "mse": 0.0, "support": 0}


def test_two_of_different_number_are_refused():
    with pytest.raises(ValueError, match="differ in number"):
        score_numbers(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="differ in number"):
        score_labels(np.zeros(2, int), np.zeros(3, int), NAMES)


def test_nothing_is_correlated_with_nothing():
    assert matthews_correlation(np.array([], int), np.array([], int)) == 0.0


def test_the_interval_holds_the_score_and_shrinks_with_rows():
    rng = np.random.default_rng(0)
    gold = rng.normal(size=400)
    predicted = gold + rng.normal(size=400)
    widths = []
    for rows in (40, 400):
        interval = bootstrap_numbers(gold[:rows], predicted[:rows], num_resamples=200)
        scores = score_numbers(gold[:rows], predicted[:rows])
        assert (interval["level"], interval["resamples"]) == (0.95, 200)
        for name in ("pearson", "spearmanr", "mse"):
            low, high = interval[name]
            assert low < scores[name] < high
        widths.append(high - low)
    assert widths[1] < widths[0]
    assert bootstrap_numbers(gold, predicted, num_resamples=200) == interval


def test_what_is_no_number_is_correlated_with_nothing_known():
    for wrong in ([math.nan] * 3, [1.0, math.nan, 4.0]):
        scores = score_numbers(np.array([1.0, 2.0, 3.0]), np.array(wrong))
        assert all(math.isnan(scores[name]) for name in ("pearson", "spearmanr", "mse"))
