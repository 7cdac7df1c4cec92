"""Parquet files: lists of words and tags, or one word per row."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tf_ner.corpus.findings import Report, raise_error
from tf_ner.corpus.formats.tables import sentences_of_words
from tf_ner.corpus.opened import open_corpus_file
from tf_ner.corpus.sentences import Columns, Layout, Sentence, names_of, require_columns, sentence_of_lists
from tf_ner.errors import DataError
from tf_ner.options.train import EmptyWords

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 1024

# In bytes, for the metadata of a file; a damaged file may ask for any amount.
_LARGEST_DESCRIPTION = 100_000_000


def read_parquet(path: Path, layout: Layout | None = None, *, report: Report = raise_error) -> Iterator[Sentence]:
    """Reads a Parquet file: one sentence per row, words and tags as lists of strings, or one word per row.

    Tags may be numbers where the file names them, as data sets saved by `datasets` do. One word per row is read as
    in `read_csv`. `Sentence.lines` are rows, from 1.

    Args:
        path: The file.
        layout: The columns of words and tags, by name or number, if they are called otherwise.
        report: What to do with a row that cannot be read, and with warnings.

    Raises:
        DataError: The file is missing, is damaged, or has no such columns.
    """
    layout = layout or Layout()
    with open_corpus_file(path):
        pass
    with _damage_told(path):
        file = _open(path)
        schema = file.schema_arrow
    columns = require_columns(schema.names, layout, path, are_in_line=False)
    word, tag = schema.field(columns.word), schema.field(columns.tag)
    class_names = _class_names(schema, tag.name) or list(layout.label_names)
    shapes = (_shape(word.type, may_be_numbers=False), _shape(tag.type, may_be_numbers=bool(class_names)))
    if shapes not in (("list", "list"), ("text", "text")):
        are_numbers = shapes[0] == "list" and _shape(tag.type, may_be_numbers=True) == "list"
        fix = "Name tags that are numbers with --label-names, or choose" if are_numbers else "Choose"
        raise DataError(
            f"Received {path} with {word.name!r} of type {word.type} and {tag.name!r} of type {tag.type}; expected two "
            f"lists of strings, or two strings. {fix} other columns with --word-column and --tag-column."
        )
    if shapes[0] == "list":
        rows = _rows(path, file, (word.name, tag.name))
        yield from _sentences_of_lists(path, rows, class_names, layout.empty_words, report)
        return
    chosen = [word.name, tag.name, *([] if columns.sentence is None else [schema.names[columns.sentence]])]
    places = Columns(0, 1, None if columns.sentence is None else 2)
    cells = ([_as_text(cell) for cell in row] for row in _rows(path, file, chosen))
    full = (row if any(row) else () for row in cells)
    numbered = enumerate(full, start=1)
    yield from sentences_of_words(path, numbered, places, report, empty_words=layout.empty_words)


def parquet_rows(path: Path, choose: Callable[[Sequence[str]], Sequence[str]]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The values of some columns, with the row, from 1; names for numbers where the file names them.

    Args:
        path: The file.
        choose: Given the names of all columns, those that are wanted.

    Raises:
        DataError: The file is missing or damaged, or a column holds lists or objects.
    """
    from pyarrow.types import is_nested

    with open_corpus_file(path):
        pass
    with _damage_told(path):
        file = _open(path)
        schema = file.schema_arrow
    columns = choose(schema.names)
    for column in columns:
        if is_nested(schema.field(column).type):
            raise DataError(
                f"Received {path} with {column!r} of type {schema.field(column).type}; expected text, numbers or "
                "labels. Choose other columns."
            )
    class_names = [_class_names(schema, column) for column in columns]
    for number, row in enumerate(_rows(path, file, columns), start=1):
        yield number, tuple(_named(value, names or []) for value, names in zip(row, class_names, strict=True))


def write_parquet(path: Path, sentences: Iterable[Sentence]) -> None:
    """Writes one sentence per row, with the columns `words` and `tags`, both lists of strings."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema({"words": pa.list_(pa.string()), "tags": pa.list_(pa.string())})
    remaining = iter(sentences)
    with pq.ParquetWriter(path, schema, write_page_checksum=True) as writer:
        while rows := list(islice(remaining, _ROWS_AT_ONCE * 16)):
            columns = {"words": [row.words for row in rows], "tags": [row.tags for row in rows]}
            writer.write_table(pa.table(columns, schema=schema))


def _open(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        path,
        page_checksum_verification=True,
        thrift_string_size_limit=_LARGEST_DESCRIPTION,
        thrift_container_size_limit=_LARGEST_DESCRIPTION,
    )


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Turns what pyarrow raises for damaged files into one line.

    Raises:
        DataError: The file is damaged.
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise DataError(
            f"Received {path}, which cannot be read ({reason}); expected a complete Parquet file. Write or copy it "
            "again."
        ) from None


def _class_names(schema: "pa.Schema", column: str) -> list[str] | None:
    """The names that `datasets` gives the numbers in a column, if it wrote the file."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        feature = features[column]
        names = feature.get("feature", feature)["names"]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _shape(kind: "pa.DataType", *, may_be_numbers: bool) -> Literal["text", "list"] | None:
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        is_fit = _shape(kind.value_type, may_be_numbers=False) == "text"
        return "list" if is_fit or (may_be_numbers and types.is_integer(kind.value_type)) else None
    if types.is_dictionary(kind):
        return "text" if _shape(kind.value_type, may_be_numbers=False) == "text" else None
    return "text" if _is_text(kind) else None


def _rows(path: Path, file: Any, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of each row."""
    batches = file.iter_batches(_ROWS_AT_ONCE, columns=list(columns))
    while True:
        with _damage_told(path):
            batch = next(batches, None)
            if batch is None:
                return
            batch.validate(full=True)
            values = [_values(batch.column(column)) for column in columns]
        yield from zip(*values, strict=True)


def _values(array: "pa.Array") -> list[Any]:
    """Values for Python; those of all lists at once, since one by one is slow."""
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not types.is_nested(array.type):
        return array.to_numpy(zero_copy_only=False).tolist() if _is_text(array.type) else array.to_pylist()
    items = iter(_values(pc.list_flatten(array)))
    lengths = pc.list_value_length(array).to_pylist()
    return [None if length is None else list(islice(items, length)) for length in lengths]


def _is_text(kind: "pa.DataType") -> bool:
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _as_text(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _sentences_of_lists(
    path: Path,
    rows: Iterable[tuple[Any, ...]],
    class_names: Sequence[str],
    empty_words: EmptyWords,
    report: Report,
) -> Iterator[Sentence]:
    for number, (words, tags) in enumerate(rows, start=1):
        tags = names_of(tags, class_names)
        yield from sentence_of_lists(path, number, words, tags, report, empty_words=empty_words)


def _named(tag: Any, class_names: list[str]) -> Any:
    return class_names[tag] if isinstance(tag, int) and 0 <= tag < len(class_names) else tag
