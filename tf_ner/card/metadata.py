"""The front matter of a model card: what the Hub reads to find, show and try a model."""

from collections.abc import Iterator

from huggingface_hub import EvalResult, ModelCardData

from tf_ner.card.facts import CardFacts
from tf_ner.card.markdown import plain
from tf_ner.evaluation.measures import MEASURES

_TAGS = ("tensorflow", "tf", "keras", "tf_ner")

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
        pipeline_tag=facts.task.pipeline_tag,
        tags=[facts.task.pipeline_tag, *_TAGS],
        base_model=plain(facts.base_model.name) if facts.base_model.is_on_hub else None,
        datasets=[plain(facts.data.name)] if facts.data.is_on_hub else None,
        metrics=[metric for metric in MEASURES if metric in measured],
        widget=[
            {"text": plain(example.text), "example_title": plain(example.title)}
            for example in facts.widget
            if not example.text_pair
        ]
        or None,
        model_name=plain(facts.name),
        eval_results=results,
    )


def _results(facts: CardFacts) -> Iterator[EvalResult]:
    data = facts.data
    for split, scores in facts.splits.items():
        for metric, name in MEASURES.items():
            if metric not in scores:
                continue
            yield EvalResult(
                task_type=facts.task.pipeline_tag,
                task_name=facts.task.pipeline_tag.replace("-", " ").title(),
                dataset_type=plain(data.name) if data.is_on_hub else _NOT_ON_HUB,
                dataset_name=plain(data.name),
                dataset_config=data.config and plain(data.config),
                dataset_split=_split_that_was_scored(split, scores[facts.task.example_word], facts.max_eval_examples),
                dataset_revision=data.revision and plain(data.revision),
                metric_type=metric,
                metric_name=name[0].upper() + name[1:],
                metric_value=float(scores[metric]),
            )


def _split_that_was_scored(split: str, num_examples: int, limit: int | None) -> str:
    """The split, or in the notation of `datasets` the part of it that was scored."""
    return f"{split}[:{limit}]" if num_examples == limit else split
