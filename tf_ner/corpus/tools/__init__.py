"""What annotation tools export as JSON: a module for each, which knows its records when it sees them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.tools import argilla, azure, dataturks, gate, label_studio, lighttag, spacy_json, word_spans
from tf_ner.corpus.tools.marks import Read

RECORDS: tuple[Callable[[Any, Layout], Iterator[Read] | None], ...] = (
    label_studio.read,
    lighttag.read,
    dataturks.read,
    argilla.read,
    gate.read,
    word_spans.read,
    spacy_json.read,
)
"""Readers of one record of a list or of a file of lines: what it holds, or None if it is none of their tool's.

They raise SpanError where it is of their tool and cannot be read.
"""

DOCUMENTS: tuple[Callable[[Any, Path], Iterator[Any] | None], ...] = (
    azure.records,
    lighttag.records,
    spacy_json.records,
)
"""The same for files that are one object: its records, which the readers of records take."""
