"""Data sets on the Hub: words and one kind of tags, whatever their columns are called."""

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import datasets
from datasets import ClassLabel, Dataset, DatasetDict, LargeList, List, Value, load_dataset, load_from_disk
from datasets.exceptions import DatasetsError
from pyarrow import ArrowException

from tf_ner.corpus.characters import is_invisible
from tf_ner.corpus.empty_words import without_empty_words
from tf_ner.corpus.findings import Finding, Report
from tf_ner.corpus.loading.splits import SPLIT_FILE_WORDS, Keep, Split, no_garbage_sought
from tf_ner.corpus.sentences import ANY_TAG_NAMES, FIX_EMPTY, TAG_NAMES, WORD_NAMES, Layout, Sentence, names_of
from tf_ner.corpus.spelling import spelt
from tf_ner.errors import DataError, why_not_kept
from tf_ner.hub_client import let_client_give_up
from tf_ner.options.train import COMMIT, EmptyWords, WordRule
from tf_ner.tables import values_of

logger = logging.getLogger(__name__)

# Data sets whose loading script `datasets` no longer runs: the same rows as Parquet.
_HUB_PARQUET = {
    name: (repository, "refs/convert/parquet")
    for repository in ("eriktks/conll2003", "leondz/wnut_17")
    for name in (repository, repository.partition("/")[2])
}


SPLIT_TEXTS = "texts split into words by the rule text of tf_ner"
"""What the description of a data set says whose texts were split, here, and where `load_corpus` saved it."""


def hub_repository(dataset: str, revision: str | None = None) -> tuple[str, str | None]:
    """The repository, and the branch, tag or commit, that a data set on the Hub is loaded from."""
    repository, parquet_revision = _HUB_PARQUET.get(dataset, (dataset, None))
    return repository, revision or parquet_revision


def hub_commit(corpus: DatasetDict) -> str | None:
    """The commit on the Hub that a corpus was read from; None if it came from elsewhere."""
    # `datasets` keeps what it read from the Hub in a folder named after the commit.
    folders = (Path(file["filename"]).parent.name for rows in corpus.values() for file in rows.cache_files)
    return next((folder for folder in folders if COMMIT.fullmatch(folder)), None)


def load_from_hub(name: str, *, config_name: str | None, revision: str | None) -> DatasetDict:
    """Loads a data set as it is.

    Raises:
        DataError: It cannot be loaded; says why.
    """
    repository, revision = hub_repository(name, revision)
    let_client_give_up()
    try:
        loaded = load_dataset(repository, config_name, revision=revision)
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        # `datasets` and the Hub client raise these for: no network, no such repository, a script, a gate, a bad name.
        reason = " ".join(str(error).split())
        if (not_kept := why_not_kept(error)) is not None:
            raise DataError(f"Received data set {name!r} {not_kept} or HF_DATASETS_CACHE.") from error
        # `datasets` keeps only the kind of the original error.
        if isinstance(error, ConnectionError) and not datasets.config.HF_HUB_OFFLINE:
            raise DataError(
                f"Cannot reach the Hub for data set {name!r} ({reason}), and there is no folder of that name. Check "
                "the path and the network; `--dataset sample --model minilm` works without a network."
            ) from error
        if isinstance(error, ValueError) and "onfig" in reason:
            # It lists the configurations that there are.
            raise DataError(
                f"Received data set {name!r} with the configuration {config_name or 'not given'} ({reason}); expected "
                "one that the data set has. Choose it with --dataset-config."
            ) from error
        raise DataError(
            f"Received data set {name!r}, which is neither a folder here nor available from the Hub ({reason}); "
            "expected a data set that can be reached. Check the name and the network, or use local files: --dataset "
            "FOLDER, or --train-file, --validation-file and --test-file."
        ) from error
    return with_usual_names(loaded) if isinstance(loaded, DatasetDict) else DatasetDict({"train": loaded})


def load_saved(folder: Path) -> DatasetDict:
    """Loads what `save_to_disk` of `datasets` left in a folder; a data set without splits is `train`.

    Raises:
        DataError: It cannot be read.
    """
    try:
        loaded = load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, IndexError, TypeError, ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        # It saves splits without rows, and cannot read them.
        raise DataError(
            f"Received the saved data set {folder}, which cannot be read ({reason}); expected all its files, and rows "
            "in each split. Copy or save it again."
        ) from error
    return with_usual_names(loaded if isinstance(loaded, DatasetDict) else DatasetDict({"train": loaded}))


def with_usual_names(loaded: DatasetDict) -> DatasetDict:
    """The splits as tf_ner calls them: `validation` for `dev`, and so on, where there is none of that name."""
    names = {}
    for split, words in SPLIT_FILE_WORDS.items():
        others = sorted(words & loaded.keys())
        if others and split not in loaded:
            names[others[0]] = split
            logger.info("the split %r is read as %s", others[0], split)
    return DatasetDict({names.get(name, name): rows for name, rows in loaded.items()})


def words_and_tags(loaded: DatasetDict, name: str, layout: Layout) -> DatasetDict:
    """Finds the columns of words and of the task's tags, and calls them `words` and `tags`.

    Columns are found by `layout`, by their usual names, or by their type: a list of strings, and a list of `ClassLabel`
    (or a second one of strings), if there is only one, and its name is not usual for another task. A name that any
    tags may have, such as `labels`, tells less than the type.

    Args:
        loaded: As it comes from the Hub.
        name: What to call the data set in errors.
        layout: The task, and names of columns.

    Raises:
        DataError: There are no such columns, or there is a choice.
    """
    columns = next(iter(loaded.values())).features
    strings = [column for column, feature in columns.items() if _is_list_of(feature, _is_string)]
    is_id = _is_class_label if not layout.label_names else _is_class_label_or_number
    ids = [column for column, feature in columns.items() if _is_list_of(feature, is_id)]
    word_column = _choose(layout.word_column, WORD_NAMES, strings)
    tag_names = TAG_NAMES[layout.task]
    not_these = {word_column} | (set(chain.from_iterable(TAG_NAMES.values())) - set(tag_names))
    tag_ids = [column for column in ids if column not in not_these]
    tag_strings = [column for column in strings if column not in not_these]
    named = [column for column in tag_strings if column in tag_names and column not in ANY_TAG_NAMES]
    has_named_ids = not set(tag_ids).isdisjoint(tag_names)
    fitting = tag_ids if has_named_ids else named or tag_ids or tag_strings
    tag_column = _choose(layout.tag_column, tag_names, fitting)
    if word_column not in strings or tag_column not in {*ids, *strings} - {word_column}:
        numbers = [column for column, feature in columns.items() if _is_list_of(feature, _is_number)]
        unnamed = f" Tags that are numbers ({', '.join(numbers)}) are named with --label-names." if numbers else ""
        raise DataError(
            f"Received data set {name!r} with the columns {', '.join(columns)}; expected words "
            f"({' or '.join(WORD_NAMES)}) and tags ({' or '.join(tag_names)}). "
            f"Use a token-classification set, or name its columns with --word-column and --tag-column.{unnamed}"
        )
    if layout.tag_column is None and tag_column not in tag_names:
        logger.info("the tags are those of the column %r of %s", tag_column, name)
    missed = ["missed"] if _is_list_of(columns.get("missed"), _is_string) and tag_column != "missed" else []
    chosen = loaded.select_columns([word_column, tag_column, *missed])
    return chosen.rename_columns({word_column: "words", tag_column: "tags"})


@no_garbage_sought()
def read_hub_splits(
    loaded: DatasetDict, name: str, layout: Layout, *, keep: Keep = list, report: Report
) -> dict[str, Split]:
    """The sentences of what `words_and_tags` gives, tags by their names.

    Raises:
        DataError: What `report` raises for an empty split or words without a tag.
    """
    splits = {}
    for split, rows in loaded.items():
        path = f"{name}[{split}]"
        if not len(rows):
            report(
                Finding("no-sentence", path, 1, "received an empty split; expected sentences. Use another data set.")
            )
        read = without_empty_words(_sentences_of(rows, path, layout, report), path, layout, report)
        read = spelt(read, path, layout, report)
        splits[split] = Split(path, keep(read))
    return splits


def without_empty_rows(rows: DatasetDict) -> DatasetDict:
    """What `words_and_tags` gives, without the words that `--empty-words drop` leaves out."""
    return rows.map(_visible).filter(_has_words)


def _visible(row: dict[str, Any]) -> dict[str, Any]:
    pairs = zip(row["words"] or (), row["tags"] or (), strict=False)
    left = [(word, tag) for word, tag in pairs if word is None or not is_invisible(word)]
    return {"words": [word for word, _ in left], "tags": [tag for _, tag in left]}


def _has_words(row: dict[str, Any]) -> bool:
    return bool(row["words"])


def _sentences_of(rows: Dataset, path: str, layout: Layout, report: Report) -> Iterator[Sentence]:
    feature = rows.features["tags"].feature
    names = feature.names if isinstance(feature, ClassLabel) else layout.label_names or None
    rule: WordRule | None = "text" if rows.info.description == SPLIT_TEXTS else None
    missed = rows["missed"] if "missed" in rows.column_names else repeat(None, len(rows))
    columns = zip(values_of(rows, "words"), values_of(rows, "tags"), missed, strict=True)
    for row, (words, tags, labels) in enumerate(columns, start=1):
        tags = names_of(tags, names or ())
        if problem := _what_is_wrong(words, tags, layout.empty_words):
            report(Finding("bad-record", path, row, problem))
        else:
            yield Sentence(words, tags, [row] * len(words), missed=tuple(labels or ()), word_rule=rule)


def _what_is_wrong(
    words: Sequence[str | None] | None, tags: Sequence[int | str | None] | None, empty_words: EmptyWords
) -> str | None:
    if words is None or tags is None:
        missing = "words" if words is None else "tags"
        return f"received no {missing}; expected a list of {missing}. Fix the row."
    if len(words) != len(tags):
        return f"received {len(words)} words and {len(tags)} tags; expected a tag for each word. Fix the row."
    if any(tag in (None, -1, "") for tag in tags):
        return (
            "received words without a tag; expected a tag for each. Save the splits that have tags with `datasets` "
            "(save_to_disk), and pass that folder."
        )
    if (number := next((tag for tag in tags if isinstance(tag, int)), None)) is not None:
        return f"received the tag {number}; expected one that has a name. Name all of them with --label-names."
    if None in words:
        return "received null among the words; expected text. Fix the row."
    if empty_words == "error" and not all(words):
        return f"received an empty word; expected none. {FIX_EMPTY}"
    return None


def _choose(named: int | str | None, usual: Sequence[str], fitting: Sequence[str]) -> str | None:
    """The column that was named, or has a usual name, or is the only fitting one."""
    if named is not None:
        return str(named)
    by_name = next((column for column in usual if column in fitting), None)
    return by_name or (fitting[0] if len(fitting) == 1 else None)


def _is_list_of(feature: Any, is_kind: Callable[[Any], bool]) -> bool:
    return isinstance(feature, List | LargeList) and is_kind(feature.feature)


def _is_string(feature: Any) -> bool:
    return isinstance(feature, Value) and feature.dtype in ("string", "large_string")


def _is_class_label_or_number(feature: Any) -> bool:
    return _is_class_label(feature) or _is_number(feature)


def _is_number(feature: Any) -> bool:
    return isinstance(feature, Value) and "int" in feature.dtype


def _is_class_label(feature: Any) -> bool:
    return isinstance(feature, ClassLabel)
