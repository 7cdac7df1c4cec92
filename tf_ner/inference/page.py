"""Answers as a page of HTML that needs nothing else. Nothing from data is markup in it."""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, TextIO

from tf_ner.corpus.tags import OUTSIDE
from tf_ner.tasks.text_classification import ClassifiedText
from tf_ner.tasks.token_classification import AnnotatedText, Entity, TaggedWords

_COLOURS = ("#0072b2", "#a34600", "#00664a", "#8a3a6e", "#5b4b00", "#5a3fa0")
"""Of labels, in the order in which they are first seen: told apart by the colour-blind too (after Okabe and Ito 2008),
with white letters on them at a contrast of at least 5."""

_HEAD = """<!doctype html>
<html lang="und">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Answers</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.9 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
p { overflow-wrap: anywhere; white-space: pre-wrap; }
mark { color: #fff; border-radius: .3em; padding: .1em .3em; }
mark small { margin-inline-start: .4em; }
"""


def write_page(file: TextIO, answers: Iterable[tuple[str, Any]]) -> None:
    """Writes answers as they come, each a paragraph, with the labels in colour and the scores where the pointer rests.

    Args:
        file: Where to.
        answers: Each line of input and its answer.
    """
    file.write(_HEAD)
    for number, colour in enumerate(_COLOURS):
        file.write(f".l{number} {{ background: {colour}; }}\n")
    file.write("</style>\n</head>\n<body>\n")
    classes: dict[str, int] = {}

    def marked(text: str, label: str, score: float | None) -> str:
        number = classes.setdefault(label, len(classes)) % len(_COLOURS)
        title = "" if score is None else f' title="{score:.3f}"'
        return f'<mark class="l{number}"{title}>{escape(text)}<small>{escape(label)}</small></mark>'

    for _, answer in answers:
        file.write(f'<p dir="auto">{"".join(_pieces(answer, marked))}</p>\n')
    file.write("</body>\n</html>\n")


def _pieces(answer: Any, marked: Any) -> Iterator[str]:
    if isinstance(answer, AnnotatedText):
        yield from _around(answer.text, answer.entities, marked)
    elif isinstance(answer, TaggedWords):
        for word, tag, score in zip(answer.words, answer.tags, answer.scores, strict=True):
            yield escape(word) if tag == OUTSIDE else marked(word, tag, score)
            yield " "
    else:
        assert isinstance(answer, ClassifiedText)
        yield escape(answer.text if answer.text_pair is None else f"{answer.text}\n{answer.text_pair}")
        yield " "
        # A number has no label.
        yield escape(f"{answer.score:.3f}") if answer.label is None else marked("", answer.label, answer.score)


def _around(text: str, entities: Iterable[Entity], marked: Any) -> Iterator[str]:
    end = 0
    for entity in entities:
        yield escape(text[end : entity.start])
        yield marked(entity.text, entity.label, entity.score)
        end = entity.end
    yield escape(text[end:])
