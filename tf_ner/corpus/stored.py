"""Sentences on disk, so that a corpus need not fit in memory."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from tf_ner.corpus.sentences import Sentence
from tf_ner.tables import stored

_T = TypeVar("_T")

_BATCH = 4096
"""How many sentences are held in memory at a time."""


class StoredSentences(Collection[Sentence]):
    """Sentences on disk, in the order in which they came.

    Args:
        sentences: Of any number.

    Attributes:
        table: `words` (list of string), `tags` (list of int32), `lines` (list of int64) and `begins_document` (bool)
            of each, `missed` (list of string) and `word_rule` (string).
        tag_names: What the numbers of the tags stand for, in the order of their first use.

    Raises:
        DataError: There is no room for them.
    """

    table: pa.Table
    tag_names: list[str]

    def __init__(self, sentences: Iterable[Sentence]):
        numbers: dict[str, int] = {}

        def as_rows(chunk: list[Sentence]) -> pa.RecordBatch:
            words, tags, *others = zip(*chunk, strict=True)
            numbered = [[numbers.setdefault(tag, len(numbers)) for tag in row] for row in tags]
            columns = zip((words, numbered, *others), _SCHEMA.types, strict=True)
            return pa.record_batch([pa.array(column, kind) for column, kind in columns], schema=_SCHEMA)

        self.table = stored(map(as_rows, _chunks(sentences)), _SCHEMA)
        self.tag_names = list(numbers)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[Sentence]:
        for batch in self.table.to_batches():
            columns = (column.to_pylist() for column in batch.columns)
            for words, tags, lines, begins, missed, rule in zip(*columns, strict=True):
                named = [self.tag_names[number] for number in tags]
                yield Sentence(words, named, lines, begins, tuple(missed), rule)

    @property
    def word_rules(self) -> set[str | None]:
        """By which rules texts were split; None of what came as words."""
        return set(pc.unique(self.table["word_rule"]).to_pylist())

    @property
    def missed(self) -> list[list[str]]:
        """The labels of each sentence's entities that end inside a word."""
        missed: list[list[str]] = self.table["missed"].to_pylist()
        return missed

    def __contains__(self, sentence: object) -> bool:
        return any(sentence == other for other in self)


_SCHEMA = pa.schema(
    {
        "words": pa.list_(pa.string()),
        "tags": pa.list_(pa.int32()),
        "lines": pa.list_(pa.int64()),
        "begins_document": pa.bool_(),
        "missed": pa.list_(pa.string()),
        "word_rule": pa.string(),
    }
)


def stored_tags(sentences: Iterable[list[str]], ids: Mapping[str, int]) -> pa.Table:
    """The tags of sentences as label ids, on disk: the column `tags` (list of int64).

    Args:
        sentences: The tags of each.
        ids: The label ids by tag.

    Raises:
        DataError: There is no room for them.
    """
    schema = pa.schema({"tags": pa.list_(pa.int64())})
    chunks = ([[ids[tag] for tag in tags] for tags in chunk] for chunk in _chunks(sentences))
    return stored((pa.record_batch([pa.array(chunk, schema.types[0])], schema=schema) for chunk in chunks), schema)


def _chunks(items: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, _BATCH)):
        yield chunk
