"""The model card: its metadata for the Hub, what fills its template, and Markdown that no data can break out of."""

import json
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from tf_ner.card.facts import CardFacts
from tf_ner.card.merge import is_as_sealed, sealed
from tf_ner.errors import printable
from tf_ner.evaluation.scores import MEASURES
from tf_ner.files import write_text
from tf_ner.options.train import RUN_CONFIG

logger = logging.getLogger(__name__)

# Control characters, lone surrogates, and marks that turn the direction of the text around them.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

# What ends a code span or a table's cell, or would be markup to a reader that does not know code spans.
_UNSAFE_IN_CODE = re.compile(r"[`|<>&\\]")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def plain(text: str) -> str:
    """One line of text that can be printed: white space becomes a space, what cannot be shown a mark."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))


def literal(text: str) -> str:
    """Markdown that shows `text` as it is: as code, or with its punctuation as entities where code would not hold it.

    Source: CommonMark 0.31.2, sections 2.5 and 6.1; GitHub Flavored Markdown, section 4.10.
    """
    text = plain(text)
    if text and not _UNSAFE_IN_CODE.search(text):
        return f"`{text}`"
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found[0])};", text)


def fenced(code: str, language: str) -> str:
    """A code block that no line of `code` can close."""
    longest = max(map(len, re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


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


_EPOCH_COLUMNS = {
    "epoch": "epoch",
    "step": "step",
    "loss": "loss",
    "val_loss": "validation loss",
    **{f"val_{name}": f"validation {title}" for name, title in MEASURES.items()},
}
_TEMPLATE = Path(__file__).with_name("card.md.jinja")


def model_card(facts: CardFacts) -> ModelCard:
    """Makes the card of a model: metadata for the Hub and text for people."""
    return ModelCard.from_template(
        card_data(facts),
        # By its path, the library would read it in the encoding of the machine.
        template_str=_TEMPLATE.read_text(encoding="utf-8"),
        facts=facts,
        measures=MEASURES,
        score_columns=_common(MEASURES, facts.splits.values()),
        epoch_columns=_common(_EPOCH_COLUMNS, facts.history),
        literal=literal,
        fenced=fenced,
        python_string=_python_string,
        printable=printable,
    )


def _common(titles: Mapping[str, str], rows: Collection[Mapping[str, Any]]) -> dict[str, str]:
    """The columns that each row has, with their titles."""
    return {name: title for name, title in titles.items() if all(name in row for row in rows)}


def name_in_card(folder: Path, repo_id: str) -> None:
    """Lets the programs in the card of a run load the model from where it is pushed to, if the owner is known."""
    path = folder / "README.md"
    if "/" not in repo_id or not (folder / RUN_CONFIG).is_file() or not path.is_file():
        return
    try:
        card = path.read_text(encoding="utf-8")
        named = _with_model_name(card, repo_id)
        if named != card:
            write_text(path, sealed(named) if is_as_sealed(card) else named)
    except (OSError, UnicodeDecodeError) as error:
        logger.warning("%s was left as it is (%s): the code in it may load the model from elsewhere", path, error)


def _with_model_name(card: str, repo_id: str) -> str:
    before, heading, usage = card.partition(_USAGE)
    named = _MODEL_IN_PIPELINE.search(usage)
    if named is None:
        return card
    new = _python_string(repo_id)
    for place in ("model=", "from_pretrained("):
        usage = usage.replace(place + named[1], place + new)
    return before + heading + usage


# As in the template, and in the programs of the tasks.
_USAGE = "## How to use it\n"
_MODEL_IN_PIPELINE = re.compile(r'pipeline\(\s*"[a-z-]+", model=("[^"\n]*")')


def _python_string(text: str) -> str:
    # Escaped, an angle bracket is the same to Python and no tag to a reader that does not know code blocks.
    return json.dumps(plain(text), ensure_ascii=False).replace("<", r"\x3c").replace(">", r"\x3e")
