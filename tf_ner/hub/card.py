"""The README.md of a run: a model card."""

import json
from collections.abc import Iterable
from typing import Any

from huggingface_hub import ModelCard

from tf_ner.hub.card_facts import CardFacts, Origin
from tf_ner.hub.card_metadata import card_data
from tf_ner.hub.markdown import fenced, literal, plain, table

_RATIOS = {"precision": "precision", "recall": "recall", "f1": "F1", "accuracy": "accuracy"}

_HISTORY = {
    "epoch": "epoch",
    "step": "step",
    "loss": "loss",
    "val_loss": "validation loss",
    **{f"val_{name}": f"validation {title}" for name, title in _RATIOS.items()},
}

_HOW_ENTITIES_ARE_SCORED = (
    "An entity counts as found where all its words and its label are right. Scores are on words, sentence by "
    "sentence, as seqeval computes them by default: lenient, an `I-` may begin an entity. Accuracy is that of all "
    "words' tags."
)
_HOW_TAGS_ARE_SCORED = "Scores are on words; accuracy is that of all words' tags."

_PIPELINE = """\
# {framework}
from transformers import pipeline

find_entities = pipeline(
    "token-classification", model={model}{options}, aggregation_strategy="first"
)
print(find_entities({text}))"""

_TF_NER = """\
# TensorFlow, texts of any length
from tf_ner import Predictor

predictor = Predictor.from_pretrained({model})
for annotated in predictor.find_entities([{text}]):
    print(annotated.entities)"""


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
        f"# {literal(base.name)} for token classification, trained on {literal(data.name)}\n\n"
        f"Gives each word of a text a tag and so finds {_join(facts.labels)}. It is {_origin(base)}, fine-tuned on "
        f"{facts.num_train_sentences} sentences of {_origin(data)} with tf_ner, TensorFlow and Keras."
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
    ratios = [name for name in _RATIOS if all(name in scores for scores in facts.splits.values())]
    rows = [
        [
            split,
            *(_decimals(scores[name]) for name in ratios),
            str(scores["support"]),
            str(scores["sentences"]),
            f"{scores['words_scored']} of {scores['words']}",
        ]
        for split, scores in facts.splits.items()
    ]
    has_entities = "f1" in ratios
    counted = "entities" if has_entities else "tags"
    parts = [
        "## Scores",
        table(["split", *(_RATIOS[name] for name in ratios), counted, "sentences", "words scored"], rows),
        _HOW_ENTITIES_ARE_SCORED if has_entities else _HOW_TAGS_ARE_SCORED,
        _words_scored(facts),
        "These are single figures of one run with one seed, given without intervals; another seed gives somewhat "
        f"different ones. The saved weights are those of epoch {facts.metrics['training']['best_epoch']}, the best on "
        "validation, so that the validation scores are slightly too good.",
        _strict_scores(facts),
    ]
    return "\n\n".join(part for part in parts if part)


def _words_scored(facts: CardFacts) -> str:
    """Says what the column of that name means, and what the figures do not cover."""
    meaning = "*Words scored* are the words of which the model was asked for a tag"
    missing = sum(scores["words"] - scores["words_scored"] for scores in facts.splits.values())
    if missing:
        return f"{meaning}; {missing} could not be reached and count as `O`."
    note = (
        f"{meaning}: all of them, also in sentences of more than {facts.max_length} subwords. A word that the "
        "tokenizer makes nothing of counts as `O`."
    )
    if facts.max_eval_examples is not None:
        note += f" Of each split no more than the first {facts.max_eval_examples} sentences were taken."
    return note


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
        for label, row in scores["per_label"].items()
    ]
    return "## Scores by label\n\n" + table(["split", "label", "precision", "recall", "F1", "support"], rows)


def _usage(facts: CardFacts) -> str:
    model = _python_string(facts.hub_id or "PATH_OF_THIS_FOLDER")
    text = _python_string(facts.widget[0].text if facts.widget else "YOUR TEXT")
    in_tensorflow = _PIPELINE.format(
        framework="TensorFlow, transformers 4", model=model, options=', framework="tf"', text=text
    )
    in_pytorch = _PIPELINE.format(framework="PyTorch", model=model, options="", text=text)
    codes = (in_tensorflow, in_pytorch, _TF_NER.format(model=model, text=text))
    note = (
        "`pipeline` cuts off what is longer than the encoder reads at once; tf_ner splits such texts into windows and "
        "drops nothing."
    )
    return "\n\n".join(["## How to use it", *(fenced(code, "python") for code in codes), note])


def _python_string(text: str) -> str:
    # Escaped, an angle bracket is the same to Python and no tag to a reader that does not know code blocks.
    return json.dumps(plain(text), ensure_ascii=False).replace("<", r"\x3c").replace(">", r"\x3e")


def _limits(facts: CardFacts) -> str:
    languages = f"language: {_join(facts.languages)}" if facts.languages else "its language was not stated"
    points = [
        f"It is meant for text like that of its training data ({languages}). Other languages, other genres and other "
        "times were not examined; expect lower scores there, and measure them before you rely on it.",
        f"It knows {_join(facts.labels)} and nothing else. What is annotated, and where an entity ends, is as in the "
        "training data.",
        "It makes mistakes; the scores say how many on data of the same kind. Whether they fall on some people's or "
        "some places' names more than on others' was not examined: do not decide on people by its output alone.",
    ]
    if facts.is_uncased:
        points.append(
            "It is uncased: the tokenizer makes capitals small, so `US` and `us` are the same to it, and it may drop "
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
        "windows a second": f"{training['examples_per_second']:.1f}",
        "padding": f"{training['padding_ratio']:.1%}",
        "peak memory (MB)": training["peak_memory_mb"] or "not known",
        "replicas": training["replicas"],
        "precision": training["precision"],
    }
    return "\n\n".join(
        [
            "## Training",
            "AdamW, its learning rate falling to 0 in a straight line. This repeats the run; folders and files are "
            "given by their last name only:",
            fenced(plain(facts.command), "bash"),
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
    return "## Epoch by epoch\n\n" + table([_HISTORY[name] for name in names], rows) if rows else ""


def _environment(facts: CardFacts) -> str:
    rows = [[literal(name), literal(version)] for name, version in facts.versions.items()]
    return f"## Versions and hardware\n\n{table(['library', 'version'], rows)}\n\nTrained on {literal(facts.hardware)}."


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else _decimals(value)


def _decimals(value: float) -> str:
    return f"{value:.4f}"


def _join(names: Iterable[str]) -> str:
    return ", ".join(map(literal, names))
