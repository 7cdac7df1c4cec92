"""What the commands show: tables and colours. Nothing that comes from data is read as markup."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from tf_ner.inference.predictor import AnnotatedText

_STYLE_OF_LABEL = {
    "PER": "black on bright_cyan",
    "ORG": "black on bright_magenta",
    "LOC": "black on bright_green",
    "MISC": "black on bright_yellow",
}
_STYLE_OF_OTHERS = "reverse"


def print_scores(metrics: Mapping[str, Any]) -> None:
    """Prints a row a label for each split of what `metrics.json` holds."""
    table = Table("split", "label")
    for name in ("precision", "recall", "F1", "entities"):
        table.add_column(name, min_width=6)
    for split, scores in metrics.items():
        if "per_label" not in scores:
            continue
        for label, row in [*scores["per_label"].items(), ("all", scores)]:
            ratios = [f"{row[name]:.4f}" for name in ("precision", "recall", "f1")]
            names = (Text(_plain(split)), Text(_plain(label)))
            table.add_row(*names, *ratios, str(row["support"]), end_section=row is scores)
    Console().print(table)


def print_entities(texts: Iterable["AnnotatedText"]) -> None:
    """Prints each text with its entities in brackets and in the colour of their label."""
    console = Console()
    for annotated in texts:
        line, end = Text(), 0
        for entity in annotated.entities:
            line.append(_plain(annotated.text[end : entity.start]))
            style = _STYLE_OF_LABEL.get(entity.label, _STYLE_OF_OTHERS)
            line.append(_plain(f"[{entity.text}]{entity.label}"), style=style)
            end = entity.end
        line.append(_plain(annotated.text[end:]))
        console.print(line, soft_wrap=True)


def _plain(text: str) -> str:
    """Text whose control characters and changes of direction, which could steer the terminal, are replaced."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "\N{REPLACEMENT CHARACTER}", text)
