"""How labels of texts are scored, and numbers: all of a split at once."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import NearConstantInputWarning, pearsonr, rankdata
from sklearn.metrics import matthews_corrcoef

from tf_ner.evaluation.intervals import LEVEL
from tf_ner.evaluation.scores import score_tags

Ids = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.floating[Any]]


def score_labels(
    references: Ids, predictions: Ids, names: Sequence[str], *, num_predicted: int | None = None
) -> dict[str, Any]:
    """Scores predicted labels.

    Args:
        references: <int>[rows], the right label ids.
        predictions: <int>[rows]
        names: The labels by id.
        num_predicted: How many of them, the first ones, there are to choose from; all if not given. The others are
            labels that only the data have.

    Returns:
        `accuracy`; of two labels to choose from `precision`, `recall` and `f1` of the one with id 1;
        `matthews_correlation`; `support`, the number of rows; `per_label`, precision, recall, F1 and support by name;
        `macro` and `weighted`, their means over the labels that occur, all alike or by support. A ratio without a
        denominator is 0.

    Raises:
        ValueError: The two differ in number.

    Source: scikit-learn, `classification_report` and `matthews_corrcoef`.
    """
    spelt = np.array(names, dtype=object)
    scores = score_tags([spelt[references].tolist()], [spelt[predictions].tolist()])
    of_positive = {}
    if (num_predicted or len(names)) == 2:
        row = scores["per_label"].get(names[1], {})
        of_positive = {name: row.get(name, 0.0) for name in ("precision", "recall", "f1")}
    matthews = matthews_correlation(references, predictions)
    return {"accuracy": scores["accuracy"], **of_positive, "matthews_correlation": matthews, **scores}


def score_numbers(references: Numbers, predictions: Numbers) -> dict[str, Any]:
    """Scores predicted numbers.

    Args:
        references: <float>[rows], the right numbers.
        predictions: <float>[rows]

    Returns:
        `pearson`, `spearmanr`, `mse` (the mean of the squared errors), and `support`, the number of rows.

    Raises:
        ValueError: The two differ in number.
    """
    return {
        "pearson": pearson(references, predictions),
        "spearmanr": spearman(references, predictions),
        "mse": float(np.mean(np.square(_float64(predictions) - _float64(references)))) if len(references) else 0.0,
        "support": len(references),
    }


def matthews_correlation(references: Ids, predictions: Ids) -> float:
    """scikit-learn's; 0 where one of the two has one label only, or there are no rows."""
    if len(set(references.tolist())) < 2 or len(set(predictions.tolist())) < 2:
        return 0.0
    return float(matthews_corrcoef(references, predictions))


def pearson(references: Numbers, predictions: Numbers) -> float:
    """scipy's, and 0 where one of the two is constant or there are no rows; NaN if one is NaN."""
    if len(references) != len(predictions):
        raise ValueError("references and predictions differ in number")
    if not len(references) or np.ptp(references) == 0 or np.ptp(predictions) == 0:
        return 0.0
    with warnings.catch_warnings():
        # Of numbers that hardly differ; the result is as good as they are.
        warnings.simplefilter("ignore", NearConstantInputWarning)
        return float(pearsonr(_float64(references), _float64(predictions)).statistic)


def spearman(references: Numbers, predictions: Numbers) -> float:
    """The Pearson correlation of the ranks; equal numbers share the mean of their ranks; NaN if one is NaN."""
    if np.isnan(references).any() or np.isnan(predictions).any():
        return float("nan")
    return pearson(rankdata(references), rankdata(predictions))


def bootstrap_numbers(
    references: Numbers, predictions: Numbers, *, num_resamples: int = 1000, seed: int = 42
) -> dict[str, Any]:
    """Says between which values `pearson`, `spearmanr` and `mse` would likely be, as `bootstrap_interval` does."""
    chance = np.random.default_rng(seed)
    draws = (chance.integers(0, len(references), len(references)) for _ in range(num_resamples))
    scores = [score_numbers(references[drawn], predictions[drawn]) for drawn in draws]
    borders = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    names = ("pearson", "spearmanr", "mse")
    intervals = {name: np.quantile([row[name] for row in scores], borders).tolist() for name in names}
    return {"level": LEVEL, "resamples": num_resamples, **intervals}


def _float64(values: Numbers) -> npt.NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)
