"""What is reported of a finished training: the scores of its best model, and what it mistakes for what."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tf_ner.corpus.tags import OUTSIDE, split_tag
from tf_ner.tasks.task import SplitScores, Task
from tf_ner.tasks.token_classification import TokenClassification
from tf_ner.training.trackers.callback import FINAL, scores_by_name
from tf_ner.training.trackers.tracked_run import TrackedRun


def report_final(tracked: TrackedRun, task: Task, scored: Mapping[str, SplitScores], *, step: int) -> None:
    """Reports what the best model makes of each split.

    Args:
        tracked: Where it is reported.
        task: Of the model.
        scored: By split.
        step: How many steps the training took.
    """
    values: dict[str, float] = {}
    for split, scores in scored.items():
        values |= scores_by_name(scores.metrics, prefix=f"{FINAL}/{split}")
    tracked.log(values, step=step, kind=FINAL)
    # Of other tasks there is no table yet.
    if not isinstance(task, TokenClassification):
        return
    for split, scores in scored.items():
        if scores.metrics:
            rows = confusion(scores.gold, scores.predicted, has_entities=task.has_entities)
            tracked.log_table(f"{FINAL}/{split}/confusion", ("gold", "predicted", "words"), rows, step=step)


def confusion(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], *, has_entities: bool
) -> list[tuple[str, str, int]]:
    """Which label words have, which the model gives them, and how many do; the most frequent first.

    Args:
        gold: The right tags of each sentence.
        predicted: The model's, of the same words.
        has_entities: Whether tags are a prefix and a label.
    """
    counts = Counter(
        (_label_of(right, has_entities), _label_of(said, has_entities))
        for row, said_row in zip(gold, predicted, strict=True)
        for right, said in zip(row, said_row, strict=True)
    )
    return [(right, said, count) for (right, said), count in sorted(counts.items(), key=lambda item: -item[1])]


def _label_of(tag: str, has_entities: bool) -> str:
    return split_tag(tag)[1] or OUTSIDE if has_entities else tag
