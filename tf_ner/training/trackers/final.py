"""What is reported of a finished training: the scores of its best model, and what it got wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

from tf_ner.evaluation.errors import EntityErrors, TagErrors, WrongSpan
from tf_ner.training.trackers.callback import FINAL, scores_by_name
from tf_ner.training.trackers.tracked_run import TrackedRun

_WRONG_SPANS = ("kind", "gold", "predicted", "before", "words", "after", "score", "sentence")
_MOST_WRONG_SPANS = 1000


def report_final(
    tracked: TrackedRun,
    metrics: Mapping[str, Mapping[str, Any]],
    errors: Mapping[str, EntityErrors | TagErrors | None],
    *,
    step: int,
) -> None:
    """Reports what the best model makes of each split.

    Args:
        tracked: Where it is reported.
        metrics: The scores by split.
        errors: What was wrong, by split; None where it is not told apart.
        step: How many steps the training took.
    """
    values: dict[str, float] = {}
    for split, scores in metrics.items():
        others = {name: value for name, value in scores.items() if name != "errors"}
        counts = scores.get("errors", {}).get("counts", {})
        values |= scores_by_name({**others, "errors": counts}, prefix=f"{FINAL}/{split}")
    tracked.log(values, step=step, kind=FINAL)
    for split, found in errors.items():
        if found is None:
            continue
        rows = [(gold, said, num) for gold, row in found.confusion.items() for said, num in row.items()]
        tracked.log_table(f"{FINAL}/{split}/confusion", ("gold", "predicted", "count"), rows, step=step)
        if isinstance(found, EntityErrors):
            spans = list(map(_row, found.wrong[:_MOST_WRONG_SPANS]))
            tracked.log_table(f"{FINAL}/{split}/wrong_spans", _WRONG_SPANS, spans, step=step)


def _row(wrong: WrongSpan) -> tuple[Any, ...]:
    gold, predicted = (span.label if span else "" for span in (wrong.gold, wrong.predicted))
    score = None if wrong.score is None else round(wrong.score, 4)
    words = " / ".join(_distinct(wrong))
    return wrong.kind, gold, predicted, " ".join(wrong.before), words, " ".join(wrong.after), score, wrong.sentence


def _distinct(wrong: WrongSpan) -> Iterator[str]:
    """The words of the gold entity, and those of the predicted one where they are others."""
    yield from dict.fromkeys(" ".join(words) for words in (wrong.gold_words, wrong.predicted_words) if words)
