"""The nine tasks of GLUE: their columns on the Hub, and what their scores are called.

Source: Wang et al. 2019, table 1; https://gluebenchmark.com.
"""

from typing import NamedTuple


class GlueTask(NamedTuple):
    """A task of GLUE.

    Attributes:
        text_columns: One column of text, or two of pairs.
        metrics: What it is scored by; the first says which epoch is the best.
    """

    text_columns: tuple[str, ...]
    metrics: tuple[str, ...] = ("accuracy",)


GLUE = {
    "cola": GlueTask(("sentence",), ("matthews_correlation",)),
    "sst2": GlueTask(("sentence",)),
    "mrpc": GlueTask(("sentence1", "sentence2"), ("accuracy", "f1")),
    "qqp": GlueTask(("question1", "question2"), ("accuracy", "f1")),
    "stsb": GlueTask(("sentence1", "sentence2"), ("pearson", "spearmanr")),
    "mnli": GlueTask(("premise", "hypothesis")),
    "qnli": GlueTask(("question", "sentence")),
    "rte": GlueTask(("sentence1", "sentence2")),
    "wnli": GlueTask(("sentence1", "sentence2")),
}


def glue_task(dataset: str, config_name: str | None) -> GlueTask | None:
    """The task that a data set on the Hub is; None if it is none of GLUE's."""
    return GLUE.get(config_name or "") if dataset in ("glue", "nyu-mll/glue") else None
