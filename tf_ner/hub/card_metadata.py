"""The front matter of a model card: what the Hub reads to find, show and try a model."""

from collections.abc import Iterator, Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from tf_ner.hub.card_facts import CardFacts
from tf_ner.hub.markdown import plain

_TASK = "token-classification"
_TAGS = (_TASK, "tensorflow", "tf", "keras", "tf_ner")

_METRICS = {"precision": "Precision", "recall": "Recall", "f1": "F1", "accuracy": "Accuracy"}

# A result must name a data set. A name without an owner belongs on the Hub to a few old data sets only, and this is
# none of them.
_NOT_ON_HUB = "local"


def card_data(facts: CardFacts) -> ModelCardData:
    """Makes the metadata of a card.

    Source: https://github.com/huggingface/hub-docs/blob/main/modelcard.md
    """
    results = list(_results(facts))
    measured = {result.metric_type for result in results}
    # Lists and strings only: the library dumps other types in a way that no YAML reader of the Hub takes.
    return ModelCardData(
        language=[plain(code) for code in facts.languages] or None,
        license=plain(facts.license) if facts.license else None,
        library_name="transformers",
        pipeline_tag=_TASK,
        tags=list(_TAGS),
        base_model=plain(facts.base_model.name) if facts.base_model.is_on_hub else None,
        datasets=[plain(facts.data.name)] if facts.data.is_on_hub else None,
        metrics=[metric for metric in _METRICS if metric in measured],
        widget=[{"text": plain(example.text), "example_title": plain(example.title)} for example in facts.widget]
        or None,
        model_name=plain(facts.name),
        eval_results=results,
    )


def _results(facts: CardFacts) -> Iterator[EvalResult]:
    data = facts.data
    for split, scores in facts.splits.items():
        for metric, name in _METRICS.items():
            if metric not in scores:
                continue
            yield EvalResult(
                task_type=_TASK,
                task_name="Token Classification",
                dataset_type=plain(data.name) if data.is_on_hub else _NOT_ON_HUB,
                dataset_name=plain(data.name),
                dataset_config=data.config and plain(data.config),
                dataset_split=_split_that_was_scored(split, scores, facts.max_eval_examples),
                dataset_revision=data.revision and plain(data.revision),
                metric_type=metric,
                metric_name=name,
                metric_value=float(scores[metric]),
            )


def _split_that_was_scored(split: str, scores: Mapping[str, Any], limit: int | None) -> str:
    """The split, or in the notation of `datasets` the part of it that was scored."""
    return f"{split}[:{limit}]" if scores["sentences"] == limit else split
