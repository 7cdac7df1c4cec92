"""Sentences that the caller has already: as `datasets` has them, in a table, or in lists."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset, DatasetDict, Value

from tf_ner.corpus.findings import raise_error
from tf_ner.corpus.formats.tables import sentences_of_words
from tf_ner.corpus.loading.hub_sets import with_usual_names
from tf_ner.corpus.sentences import Layout, find_columns
from tf_ner.errors import DataError

IN_MEMORY = "the data given"
"""What such data is called in messages."""


def splits_in_memory(data: Any, layout: Layout) -> DatasetDict:
    """What `load_corpus` is given instead of a name or a folder, with a sentence in each row.

    Args:
        data: A `DatasetDict` or a mapping of splits; or one split, which is `train`: a `Dataset`, a table of pandas,
            polars or pyarrow, a list of records, or a list of pairs of words and tags.
        layout: The columns of a table with one word a row, if they have no usual names.

    Raises:
        DataError: It is nothing of that.
    """
    splits = data if isinstance(data, Mapping) else {"train": data}
    read = {name: _by_sentence(_rows(part), layout) for name, part in splits.items()}
    names = {tuple(sorted(rows.column_names)) for rows in read.values()}
    if len(names) > 1:
        shown = "; ".join(f"{name}: {', '.join(rows.column_names)}" for name, rows in read.items())
        raise DataError(
            f"Received splits with other columns ({shown}); expected the same in all. Rename the columns of one."
        )
    return with_usual_names(DatasetDict(read))


def _rows(part: Any) -> Dataset:
    if isinstance(part, Dataset):
        return part
    try:
        if isinstance(part, pa.Table):
            return Dataset(part)
        # polars
        if hasattr(part, "to_arrow"):
            return Dataset(part.to_arrow())
        # pandas
        if hasattr(part, "columns"):
            return Dataset.from_pandas(part, preserve_index=False)
        if isinstance(part, Sequence) and part and all(isinstance(row, Mapping) for row in part):
            return Dataset.from_list([dict(row) for row in part])
        if isinstance(part, Sequence) and part and all(len(row) == 2 for row in part):
            words, tags = zip(*part, strict=True)
            return Dataset.from_dict({"words": list(map(list, words)), "tags": list(map(list, tags))})
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"Received data that makes no table ({reason}); expected rows with the same columns, of the same types. "
            "Fix the rows."
        ) from error
    raise DataError(
        f"Received data of type {type(part).__name__}; expected a DatasetDict, a Dataset, a table of pandas, polars or "
        "pyarrow, a list of records, or a list of pairs of words and tags. Convert it, or write it to a file."
    )


def _by_sentence(rows: Dataset, layout: Layout) -> Dataset:
    """The same with a sentence in each row, where there is one word."""
    columns = find_columns(rows.column_names, layout)
    if columns is None or not all(
        isinstance(rows.features[rows.column_names[place]], Value) for place in (columns.word, columns.tag)
    ):
        return rows
    cells = zip(*(rows.with_format(None)[name] for name in rows.column_names), strict=True)
    numbered = ((number, ["" if cell is None else str(cell) for cell in row]) for number, row in enumerate(cells, 1))
    sentences = list(sentences_of_words(Path(IN_MEMORY), numbered, columns, raise_error))
    return Dataset.from_dict(
        {"words": [sentence.words for sentence in sentences], "tags": [sentence.tags for sentence in sentences]}
    )
