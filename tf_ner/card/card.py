"""The model card: its metadata for the Hub, its text, and Markdown that nothing from the data can break out of."""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from tf_ner.card.facts import CardFacts, Origin, WidgetExample
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


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


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


_HISTORY = {
    "epoch": "epoch",
    "step": "step",
    "loss": "loss",
    "val_loss": "validation loss",
    **{f"val_{name}": f"validation {title}" for name, title in MEASURES.items()},
}


def model_card(facts: CardFacts) -> ModelCard:
    """Makes the card of a model: metadata for the Hub and text for people."""
    sections = (
        _summary(facts),
        _scores(facts),
        _scores_by_label(facts),
        _usage(facts),
        _limits(facts),
        _training(facts),
        _epochs(facts),
        _environment(facts),
    )
    body = "\n\n".join(section for section in sections if section)
    return ModelCard(f"---\n{card_data(facts).to_yaml()}\n---\n\n{body}\n")


def _summary(facts: CardFacts) -> str:
    base, data = facts.base_model, facts.data
    return (
        f"# {literal(base.name)} for {facts.task.pipeline_tag.replace('-', ' ')}, trained on {literal(data.name)}\n\n"
        f"{facts.task.what_it_gives(_join(facts.labels))} It is {_origin(base)}, fine-tuned on "
        f"{facts.num_train_examples} {facts.task.example_word} of {_origin(data)} with tf_ner, TensorFlow and Keras."
    )


def _origin(origin: Origin) -> str:
    """Names an encoder or a corpus, and says where it is from."""
    details = ["on the Hub" if origin.is_on_hub else origin.kind]
    if origin.config:
        details.append(f"configuration {literal(origin.config)}")
    if origin.revision:
        details.append(f"revision {literal(origin.revision)}")
    return f"{literal(origin.name)} ({', '.join(details)})"


def _scores(facts: CardFacts) -> str:
    measures = [name for name in MEASURES if all(name in scores for scores in facts.splits.values())]
    counts = [facts.task.counts(scores) for scores in facts.splits.values()]
    rows = [
        [split, *(_decimals(scores[name]) for name in measures), *of_split.values()]
        for (split, scores), of_split in zip(facts.splits.items(), counts, strict=True)
    ]
    parts = [
        "## Scores",
        table(["split", *(MEASURES[name] for name in measures), *counts[0]], rows),
        *facts.task.how_it_was_scored(list(facts.splits.values()), facts.max_eval_examples),
        _how_sure(facts),
        _strict_scores(facts),
    ]
    return "\n\n".join(part for part in parts if part)


def _how_sure(facts: CardFacts) -> str:
    """Says what one run's figures are worth, with the intervals where they were computed."""
    intervals = {split: scores["interval"] for split, scores in facts.splits.items() if "interval" in scores}
    ranges = "; ".join(_range(split, interval, facts.task.headline) for split, interval in intervals.items())
    given = f"On other {facts.task.example_word} of the same kind: {ranges}. " if ranges else ""
    training = facts.metrics["training"]
    return (
        f"These are single figures of one run with one seed{'' if ranges else ', given without intervals'}; another "
        f"seed gives somewhat different ones. {given}The saved weights are those of epoch {training['best_epoch']}, "
        f"step {training['best_step']}, the best on validation, so that the validation scores are slightly optimistic."
    )


def _range(split: str, interval: Mapping[str, Any], headline: str) -> str:
    # Not every metric has an interval.
    measure = headline if headline in interval else "accuracy"
    low, high = map(_decimals, interval[measure])
    return f"{split} {MEASURES[measure]} {low} to {high} ({interval['level']:.0%}, {interval['resamples']} resamples)"


def _strict_scores(facts: CardFacts) -> str:
    rows = [
        [split, *(_decimals(scores["strict"][name]) for name in ("precision", "recall", "f1"))]
        for split, scores in facts.splits.items()
        if "strict" in scores
    ]
    if not rows:
        return ""
    return "Strict (IOB2), only a `B-` begins an entity:\n\n" + table(["split", "precision", "recall", "F1"], rows)


def _scores_by_label(facts: CardFacts) -> str:
    rows = [
        [split, literal(label), *(_decimals(row[name]) for name in ("precision", "recall", "f1")), str(row["support"])]
        for split, scores in facts.splits.items()
        for label, row in scores.get("per_label", {}).items()
    ]
    if not rows:
        return ""
    return "## Scores by label\n\n" + table(["split", "label", "precision", "recall", "F1", "support"], rows)


def _usage(facts: CardFacts) -> str:
    model = _python_string(facts.hub_id or "PATH_OF_THIS_FOLDER")
    example = facts.widget[0] if facts.widget else WidgetExample(title="", text="YOUR TEXT", text_pair="ITS PAIR")
    texts = map(_python_string, (example.text, example.text_pair))
    codes = (fenced(code, "python") for code in facts.task.codes(model, *texts))
    return "\n\n".join([_USAGE.rstrip(), *codes, facts.task.note])


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


_USAGE = "## How to use it\n"
_MODEL_IN_PIPELINE = re.compile(r'pipeline\(\s*"[a-z-]+", model=("[^"\n]*")')


def _python_string(text: str) -> str:
    # Escaped, an angle bracket is the same to Python and no tag to a reader that does not know code blocks.
    return json.dumps(plain(text), ensure_ascii=False).replace("<", r"\x3c").replace(">", r"\x3e")


def _limits(facts: CardFacts) -> str:
    languages = f"language: {_join(facts.languages)}" if facts.languages else "its language was not stated"
    points = [
        f"It is meant for text like that of its training data ({languages}). Other languages, genres and time "
        "periods were not examined; expect lower scores there, and measure them before you rely on it.",
        facts.task.what_it_knows(_join(facts.labels)),
        "It makes mistakes; the scores say how many on data of the same kind. Whether they fall on some people's or "
        "some places' names more than on others' was not examined: do not make decisions about people from its output "
        "alone.",
    ]
    if facts.is_uncased:
        points.append(
            "It is uncased: the tokenizer lowercases everything, so `US` and `us` are the same to it, and it may drop "
            "accents and vowel signs too."
        )
    licence = f"Its licence is {literal(facts.license)}" if facts.license else "No licence was stated"
    points.append(f"{licence}; the encoder and the training data have terms of their own.")
    return "## Intended use and limits\n\n" + "\n".join(f"- {point}" for point in points)


def _training(facts: CardFacts) -> str:
    options = [
        [literal("--" + name.replace("_", "-")), literal(_value(value))]
        for name, value in facts.hyper_parameters.items()
        if value is not None
    ]
    training = facts.metrics["training"]
    measured = {
        "epochs": training["epochs"],
        "steps": training["steps"],
        "seconds": f"{training['seconds']:.0f}",
        f"{facts.task.input_word} a second": f"{training['examples_per_second']:.1f}",
        "padding": f"{training['padding_ratio']:.1%}",
        "peak memory (MB)": training["peak_memory_mb"] or "not known",
        "replicas": training["replicas"],
        "precision": training["precision"],
    }
    return "\n\n".join(
        [
            "## Training",
            "With AdamW. This command repeats the run; folders and files are given by their last name only:",
            fenced(printable(facts.command), "bash"),
            table(["option", "value"], options),
            "How it went:",
            table(["measure", "value"], [[name, str(value)] for name, value in measured.items()]),
        ]
    )


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _epochs(facts: CardFacts) -> str:
    names = [name for name in _HISTORY if all(name in row for row in facts.history)]
    rows = [[_cell(row[name]) for name in names] for row in facts.history]
    return "## From evaluation to evaluation\n\n" + table([_HISTORY[name] for name in names], rows) if rows else ""


def _environment(facts: CardFacts) -> str:
    rows = [[literal(name), literal(version)] for name, version in facts.versions.items()]
    return f"## Versions and hardware\n\n{table(['library', 'version'], rows)}\n\nTrained on {literal(facts.hardware)}."


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else _decimals(value)


def _decimals(value: float) -> str:
    return f"{value:.4f}"


def _join(names: Iterable[str]) -> str:
    return ", ".join(map(literal, names))
