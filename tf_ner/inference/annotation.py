"""A table of text or words, and the same table with answers: what engines for many machines call."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from tf_ner.errors import DataError
from tf_ner.tasks.task import Task

_ENTITY = pa.struct(
    {"label": pa.string(), "start": pa.int64(), "end": pa.int64(), "text": pa.string(), "score": pa.float64()}
)
_ANSWERS: dict[str, dict[str, pa.DataType]] = {
    "entities": {"entities": pa.list_(_ENTITY)},
    "tags": {"tags": pa.list_(pa.string()), "scores": pa.list_(pa.float64())},
    "texts": {"label": pa.string(), "score": pa.float64()},
}
_INPUTS = ("words", "text", "text_pair")


def annotated_table(
    table: pa.Table, task: Task, answer: Callable[[Iterable[Mapping[str, Any]]], Iterator[Any]]
) -> pa.Table:
    """As `Predictor.annotate`.

    Args:
        table: As it is there.
        task: What the answers are of.
        answer: Answers records.
    """
    columns = [name for name in _INPUTS if name in table.column_names]
    kind = "texts" if not task.reads_words else "entities" if getattr(task, "has_entities", False) else "tags"
    added = _ANSWERS[kind]
    if "text" not in columns and ("words" not in columns or kind == "texts"):
        raise DataError(
            f"Received a table with the columns {', '.join(table.column_names) or 'none'}; expected text (string)"
            + ("" if kind == "texts" else " or words (list of string)")
            + ". Rename the column."
        )
    if taken := [name for name in added if name in table.column_names]:
        raise DataError(
            f"Received a table with the column {taken[0]}, which answers have too; expected another name. Rename it."
        )
    answers: dict[str, list[Any]] = {name: [] for name in added}
    for answered in answer(_rows(table, columns)):
        for name, values in answers.items():
            value = getattr(answered, name)
            values.append([vars(entity) for entity in value] if name == "entities" else value)
    for name, kind_of_column in added.items():
        table = table.append_column(name, pa.array(answers[name], kind_of_column))
    return table


def _rows(table: pa.Table, columns: list[str]) -> Any:
    for batch in table.select(columns).to_batches(max_chunksize=1024):
        yield from batch.to_pylist()
