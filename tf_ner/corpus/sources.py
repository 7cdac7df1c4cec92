"""Where a corpus comes from: the Hub, a folder, or files named one by one."""

import logging
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value, load_dataset
from datasets.exceptions import DatasetsError

from tf_ner.config import DataConfig
from tf_ner.corpus.formats import CONLL_EXTENSIONS, Sentence, read_conll
from tf_ner.corpus.tags import iob2_tag_names, is_iob
from tf_ner.errors import DataError

logger = logging.getLogger(__name__)

# The names of each split, as words of a file's name.
SPLIT_FILE_WORDS = {
    "train": {"train"},
    "validation": {"valid", "validation", "dev", "testa"},
    "test": {"test", "testb"},
}

# Data sets whose loading script `datasets` no longer runs: the same rows as Parquet.
_HUB_PARQUET = {
    name: (repository, "refs/convert/parquet")
    for repository in ("eriktks/conll2003", "leondz/wnut_17")
    for name in (repository, repository.partition("/")[2])
}

SAMPLE_DIR = Path(__file__).parent / "sample"
"""The corpus that comes with tf_ner; see its README."""

_WORD = "word"
_SAMPLE_WITH_POS_AND_CHUNKS = SAMPLE_DIR / "pos_chunk.conll"
_FOUR_COLUMNS = (_WORD, "pos", "chunk", "ner")
_SAMPLE_COLUMNS = {"ner": None, "pos": _FOUR_COLUMNS, "chunk": _FOUR_COLUMNS}

_COMMIT = re.compile("[0-9a-f]{40}")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_WORD_COLUMNS = ("words", "tokens")

TaggingTask = Literal["ner", "pos", "chunk"]
"""Which tags of a corpus: those of entities and of chunks are IOB, those of parts of speech any names."""

# What a task's column is called in data sets on the Hub.
_TAG_COLUMNS: dict[TaggingTask, tuple[str, ...]] = {
    "ner": ("ner_tags", "tags"),
    "pos": ("pos_tags", "upos"),
    "chunk": ("chunk_tags",),
}


def load_corpus(
    dataset: str | Path = "conll2003",
    *,
    task: TaggingTask = "ner",
    columns: Sequence[str] | None = None,
    config_name: str | None = None,
    revision: str | None = None,
    files: Mapping[str, str | Path] | None = None,
) -> DatasetDict:
    """Loads words and one kind of tags.

    Args:
        dataset: A name on the Hub; `sample` for the corpus that comes with tf_ner; or a folder whose CoNLL files are
            found by the words `train`, `valid`/`validation`/`dev`/`testa` and `test`/`testb` in their names. Not read
            if `files` are given.
        task: Which tags: `ner`, `pos` or `chunk`. The sample has one split, `train`, for the last two.
        columns: What each column of CoNLL files holds, such as `("word", "pos", "chunk", "ner")`. Needed for `pos` and
            `chunk`; for `ner` the first is the word and the last the tag if they are not given.
        config_name: Which configuration of a Hub data set.
        revision: Which branch, tag or commit of a Hub data set.
        files: CoNLL files by split (`train`, `validation`, `test`).

    Returns:
        For each split, the columns `words` (list of str) and `tags` (list of `ClassLabel`); the tag names are the
        same for all splits, of IOB tags `O` first.

    Raises:
        DataError: Nothing can be read, a split is empty, the task's column cannot be told, or entities or chunks have
            tags that are not IOB.
    """
    if task not in typing.get_args(TaggingTask):
        raise DataError(
            f"Received task {task!r}; expected one of {', '.join(typing.get_args(TaggingTask))}. Change the task."
        )
    if files:
        return _load_files({split: Path(file) for split, file in files.items()}, task, columns)
    if Path(dataset).is_dir():
        return _load_files(find_split_files(Path(dataset)), task, columns)
    if columns is not None:
        raise DataError(
            f"Received columns ({' '.join(columns)}) for {dataset}, which knows its own; expected them for CoNLL files "
            "only. Leave them out."
        )
    if is_sample(dataset):
        exercise = {"train": _SAMPLE_WITH_POS_AND_CHUNKS}
        return _load_files(find_split_files(SAMPLE_DIR) if task == "ner" else exercise, task, _SAMPLE_COLUMNS[task])
    if Path(dataset).is_file():
        raise DataError(
            f"Received the file {dataset} as a data set; expected a folder or a name on the Hub. "
            "Pass single files with --train-file, --validation-file and --test-file."
        )
    if not _HUB_NAME.fullmatch(str(dataset)):
        raise DataError(
            f"Received {dataset} as a data set, which is no folder and no name on the Hub; expected one of these. "
            "Check the path."
        )
    return _load_from_hub(str(dataset), task, config_name=config_name, revision=revision)


def is_sample(dataset: str | Path) -> bool:
    """Whether `dataset` is the corpus that comes with tf_ner, and not a folder of that name."""
    return dataset == "sample" and not Path(dataset).exists()


def hub_commit(corpus: DatasetDict) -> str | None:
    """The commit on the Hub that a corpus was read from; None if it came from elsewhere."""
    # `datasets` keeps what it read from the Hub in a folder named after the commit.
    folders = (Path(file["filename"]).parent.name for rows in corpus.values() for file in rows.cache_files)
    return next((folder for folder in folders if _COMMIT.fullmatch(folder)), None)


def hub_repository(dataset: str, revision: str | None = None) -> tuple[str, str | None]:
    """The repository, and the branch, tag or commit, that a data set on the Hub is loaded from."""
    repository, parquet_revision = _HUB_PARQUET.get(dataset, (dataset, None))
    return repository, revision or parquet_revision


def load_configured(config: DataConfig) -> DatasetDict:
    """Loads what the options say, the splits to be scored cut to `max_eval_examples`."""
    corpus = load_corpus(
        config.dataset,
        config_name=config.dataset_config,
        revision=config.dataset_revision,
        files=config.files,
    )
    limit = config.max_eval_examples
    return DatasetDict({split: rows if split == "train" else first_rows(rows, limit) for split, rows in corpus.items()})


def first_rows(rows: Dataset, limit: int | None) -> Dataset:
    """The first `limit` rows, or all."""
    return rows if limit is None else rows.select(range(min(limit, len(rows))))


def find_split_files(folder: Path) -> dict[str, Path]:
    """Finds a folder's CoNLL files by name.

    Raises:
        DataError: No file carries a split's name, or two files carry that of one split.
    """
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in CONLL_EXTENSIONS and file.is_file())
    found: dict[str, Path] = {}
    for split, split_words in SPLIT_FILE_WORDS.items():
        candidates = [file for file in files if split_words & set(re.findall("[a-z]+", file.name.lower()))]
        if len(candidates) > 1:
            raise DataError(
                f"Received {len(candidates)} files for the {split} split ({', '.join(map(str, candidates))}); "
                f"expected one. Name it with --{split}-file."
            )
        if candidates:
            found[split] = candidates[0]
    if not found:
        names = ", ".join(sorted(file.name for file in folder.iterdir())[:10]) or "nothing"
        raise DataError(
            f"Received the folder {folder} with {names}; expected files such as train.conll, valid.conll and "
            "test.conll. Rename them or name them with --train-file, --validation-file and --test-file."
        )
    return found


def _load_files(files: Mapping[str, Path], task: TaggingTask, columns: Sequence[str] | None) -> DatasetDict:
    layout = {} if columns is None and task == "ner" else _find_columns(columns or (), task)

    def read(path: Path) -> list[Sentence]:
        sentences = list(read_conll(path, **layout, check_tag=None if task == "pos" else _what_is_not_iob))
        if not sentences:
            raise DataError(
                f"Received {path} without a sentence; expected at least one. Check that it is the right file."
            )
        return sentences

    sentences = {split: read(path) for split, path in files.items()}
    names = _tag_names(task, {tag for split in sentences.values() for sentence in split for tag in sentence.tags})
    return DatasetDict({split: _to_dataset(rows, names) for split, rows in sentences.items()})


def _find_columns(columns: Sequence[str], task: TaggingTask) -> dict[str, int]:
    """Where the word and the task's tag stand, as `read_conll` takes it."""
    for name in (_WORD, task):
        if list(columns).count(name) != 1:
            raise DataError(
                f"Received the columns {' '.join(columns) or 'without names'} for the task {task!r}; expected one "
                f"named {name!r}. Name each column of the file, such as columns=({_WORD!r}, {task!r})."
            )
    return {"word_column": columns.index(_WORD), "tag_column": columns.index(task), "num_columns": len(columns)}


def _tag_names(task: TaggingTask, tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(tags)) if task == "pos" else iob2_tag_names(tags)


def _what_is_not_iob(tag: str) -> str | None:
    if is_iob(tag):
        return None
    return (
        f"received tag {tag!r}; expected O, B-LABEL or I-LABEL. Tags of entities and chunks must be IOB; convert them."
    )


def _to_dataset(sentences: Iterable[Sentence], tag_names: tuple[str, ...]) -> Dataset:
    ids = {name: number for number, name in enumerate(tag_names)}
    columns = {
        "words": [sentence.words for sentence in sentences],
        "tags": [[ids[tag] for tag in sentence.tags] for sentence in sentences],
    }
    return Dataset.from_dict(columns, features=_features(tag_names))


def _features(tag_names: Sequence[str]) -> Features:
    return Features({"words": List(Value("string")), "tags": List(ClassLabel(names=list(tag_names)))})


def _load_from_hub(name: str, task: TaggingTask, *, config_name: str | None, revision: str | None) -> DatasetDict:
    repository, revision = hub_repository(name, revision)
    try:
        loaded = load_dataset(repository, config_name, revision=revision)
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        # What `datasets` and the Hub client raise for: no network, no such repository, a script, a gate, a bad name.
        reason = str(error).strip().partition("\n")[0]
        raise DataError(
            f"Received data set {name!r}, which cannot be loaded from the Hub ({reason}); expected a data set that "
            "can be reached. Check the name and the network, or use local files: --dataset FOLDER, or --train-file, "
            "--validation-file and --test-file."
        ) from error
    if not isinstance(loaded, DatasetDict):
        loaded = DatasetDict({"train": loaded})
    return words_and_tags(loaded, name, task)


def words_and_tags(loaded: DatasetDict, name: str, task: TaggingTask = "ner") -> DatasetDict:
    """Brings a Hub data set's columns to `words` and `tags`.

    Args:
        loaded: Splits with `tokens` or `words`, and `tags` or, by the task, `ner_tags`, `pos_tags` or `chunk_tags` as
            a list of `ClassLabel` or of strings.
        name: What to call the data set in errors.
        task: Which tags.

    Raises:
        DataError: There are no such columns, the tags are not IOB, or a split is empty.
    """
    for split, rows in loaded.items():
        if len(rows) == 0:
            raise DataError(f"Received data set {name!r} with an empty {split} split; expected sentences.")
    columns = next(iter(loaded.values())).features
    word_column = next((column for column in _WORD_COLUMNS if column in columns), None)
    tag_column = next((column for column in _TAG_COLUMNS[task] if column in columns), None)
    if word_column is None or tag_column is None or not isinstance(columns[tag_column], List):
        raise DataError(
            f"Received data set {name!r} with the columns {', '.join(columns)}; expected words "
            f"({' or '.join(_WORD_COLUMNS)}) and tags ({' or '.join(_TAG_COLUMNS[task])}). "
            "Use a token-classification set."
        )
    for split, rows in loaded.items():
        if any(tag is None or tag == -1 for row in rows[tag_column] for tag in row):
            raise DataError(
                f"Received data set {name!r} whose {split} split has words without a tag; expected a tag for each. "
                "Use splits whose tags are not hidden."
            )
    chosen = loaded.select_columns([word_column, tag_column])
    chosen = chosen.rename_columns({word_column: "words", tag_column: "tags"})
    feature = columns[tag_column].feature
    has_ids = isinstance(feature, ClassLabel)
    used = set(feature.names) if has_ids else {tag for rows in chosen.values() for tags in rows["tags"] for tag in tags}
    for tag in sorted(used) if task != "pos" else ():
        if problem := _what_is_not_iob(tag):
            raise DataError(f"Data set {name!r}, column {tag_column}: {problem}")
    if has_ids:
        return chosen.cast(_features(feature.names))
    names = _tag_names(task, used)
    ids = {tag: number for number, tag in enumerate(names)}
    return chosen.map(lambda row: {"tags": [ids[tag] for tag in row["tags"]]}, features=_features(names))
