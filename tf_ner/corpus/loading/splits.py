"""The files of a corpus: which file is which split, and all their sentences."""

import gc
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from tf_ner.corpus.empty_words import without_empty_words
from tf_ner.corpus.findings import Finding, Report, raise_error
from tf_ner.corpus.formats import EXTENSIONS, name_of_all, read_corpus_file
from tf_ner.corpus.formats.brat import ANNOTATIONS, has_brat_files
from tf_ner.corpus.opened import suffix_of
from tf_ner.corpus.sentences import WORD, Layout, Sentence
from tf_ner.corpus.spelling import spelt
from tf_ner.errors import DataError

logger = logging.getLogger(__name__)

# The names of each split, as words of a file's name.
SPLIT_FILE_WORDS = {
    "train": {"train", "training"},
    "validation": {"valid", "validation", "val", "dev", "devel", "development", "testa"},
    "test": {"test", "testb", "testset"},
}
_ALL_SPLIT_WORDS = set().union(*SPLIT_FILE_WORDS.values())

SAMPLE_DIR = Path(__file__).parents[1] / "sample"
"""The corpus that comes with tf_ner; see its README."""

_SAMPLE_WITH_POS_AND_CHUNKS = SAMPLE_DIR / "pos_chunk.conll"
_SAMPLE_COLUMNS = (WORD, "pos", "chunk", "ner")

# To `convert`, which has no such options, it is the input.
_ALL_FILES = "each split's with --train-file, --validation-file and --test-file (`convert` takes one at a time)"

_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


class Split(NamedTuple):
    """The sentences of a split, and the file (or data set on the Hub) they were read from."""

    path: Path | str
    sentences: Collection[Sentence]


Keep = Callable[[Iterable[Sentence]], Collection[Sentence]]
"""Keeps the sentences of a split as they are read: `list` in memory, `StoredSentences` on disk."""


class CorpusFiles(NamedTuple):
    """A file for each split, and which columns they have."""

    files: dict[str, Path]
    layout: Layout


def is_sample(dataset: str | Path) -> bool:
    """Whether `dataset` is the corpus that comes with tf_ner, and not a folder of that name."""
    return dataset == "sample" and not Path(dataset).exists()


def find_corpus_files(
    dataset: str | Path, layout: Layout, files: Mapping[str, str | Path] | None = None
) -> CorpusFiles | None:
    """Finds the files of a corpus; None if it is on the Hub.

    Args:
        dataset: A name on the Hub, `sample`, or a folder. Not read if `files` are given.
        layout: Which columns the files have.
        files: The files by split, if they are known.

    Raises:
        DataError: `dataset` is nothing of this, or a folder without such files.
    """
    found = find_files(dataset, files)
    if found is not None:
        return CorpusFiles(found, layout)
    _refuse_columns(dataset, layout)
    if not is_sample(dataset):
        return None
    if layout.task == "ner":
        return CorpusFiles(find_split_files(SAMPLE_DIR), layout)
    return CorpusFiles({"train": _SAMPLE_WITH_POS_AND_CHUNKS}, replace(layout, columns=_SAMPLE_COLUMNS))


def is_saved(dataset: str | Path, files: Mapping[str, str | Path] | None = None) -> bool:
    """Whether `dataset` is a folder that `datasets` has saved (`save_to_disk`), and no `files` are given instead."""
    names = ("dataset_dict.json", "dataset_info.json")
    return not files and any((Path(dataset) / name).is_file() for name in names)


def find_files(
    dataset: str | Path, files: Mapping[str, str | Path] | None = None, *, extensions: frozenset[str] = EXTENSIONS
) -> dict[str, Path] | None:
    """Finds the files of a data set by split; None if `dataset` is a name.

    Args:
        dataset: A name, or a folder. Not read if `files` are given.
        files: The files by split, if they are known.
        extensions: What the names of files in a folder end in.

    Raises:
        DataError: `dataset` is nothing of this, or a folder without such files.
    """
    if files:
        return {split: Path(file) for split, file in files.items()}
    if Path(dataset).is_dir():
        return find_split_files(Path(dataset), extensions=extensions)
    if Path(dataset).is_file() and Path(dataset).suffix.lower() == ".zip":
        raise DataError(
            f"Received the archive {dataset} as a data set; expected a folder or a name on the Hub. Unpack it, and "
            "pass the folder."
        )
    if Path(dataset).is_file():
        raise DataError(
            f"Received the file {dataset} as a data set; expected a folder or a name on the Hub. "
            "Pass single files with --train-file, --validation-file and --test-file."
        )
    if not _HUB_NAME.fullmatch(str(dataset)):
        raise DataError(
            f"Received {dataset} as a data set, which is neither a folder nor a name on the Hub; expected one of "
            "these. Check the path."
        )
    return None


def evaluation_splits(names: Iterable[str]) -> list[str]:
    """The splits to score: those called validation or test, and parts of these, such as `validation_matched`."""
    return [name for name in names if name.partition("_")[0] in ("validation", "test")]


def validation_split(names: Iterable[str]) -> str | None:
    """The split that says which epoch is the best: the first for validation."""
    return next((name for name in evaluation_splits(names) if name.startswith("validation")), None)


def _refuse_columns(dataset: str | Path, layout: Layout) -> None:
    if layout.columns is not None:
        raise DataError(
            f"Received columns ({' '.join(layout.columns)}) for {dataset}, which has its own; expected them only "
            "for files. Leave them out."
        )


def find_split_files(folder: Path, *, extensions: frozenset[str] = EXTENSIONS) -> dict[str, Path]:
    """Finds a folder's corpus files by name.

    Raises:
        DataError: No file carries a split's name, two files carry that of one split, or one file those of two.
    """
    files = sorted(file for file in folder.iterdir() if _is_corpus(file, extensions))
    # The text of brat's annotations is no file of its own.
    texts = {file.with_suffix(".txt") for file in files if file.suffix.lower() == ANNOTATIONS}
    files = [file for file in files if file not in texts]
    found: dict[str, Path] = {}
    for split, split_words in SPLIT_FILE_WORDS.items():
        candidates = [file for file in files if split_words & set(re.findall("[a-z]+", file.name.lower()))]
        candidates = [next(of_all) for _, of_all in groupby(candidates, key=name_of_all)]
        if len(candidates) > 1:
            raise DataError(
                f"Received {len(candidates)} files for the {split} split ({', '.join(map(str, candidates))}); "
                f"expected one. Move the others elsewhere, or name the files: {_ALL_FILES}."
            )
        if candidates:
            found[split] = candidates[0]
    if not found and (folder / _DATA).is_dir():
        # A data set on the Hub, cloned.
        return find_split_files(folder / _DATA, extensions=extensions)
    if found:
        _name_others(folder, found, files)
        _warn_of_files_passed_over(folder, found, extensions)
    for split, file in found.items():
        if others := [other for other, found_there in found.items() if found_there == file and other != split]:
            raise DataError(
                f"Received {file}, whose name says {split} and {' and '.join(others)}; expected one of them, or "
                f"scores would measure memorization, not generalization. Rename it, or name the files: {_ALL_FILES}."
            )
    if not found:
        names = ", ".join(sorted(file.name for file in folder.iterdir())[:10]) or "nothing"
        raise DataError(
            f"Received the folder {folder} with {names}; expected files such as {_examples_of(extensions)}. "
            f"Rename them, or name them (of brat, the folder): {_ALL_FILES}."
        )
    return found


def _name_others(folder: Path, found: Mapping[str, Path], files: Sequence[Path]) -> None:
    """Says which files of a corpus's formats are not read."""
    read = {name_of_all(file) for file in found.values()}
    others = [file.name for file in files if name_of_all(file) not in read]
    if others:
        more = f" and {len(others) - _MOST_NAMES} more" if len(others) > _MOST_NAMES else ""
        shown = f"{', '.join(others[:_MOST_NAMES])}{more}"
        logger.info("not read of %s, since their names say no split: %s", folder, shown)


_MOST_NAMES = 10
_DATA = "data"


def _is_corpus(path: Path, extensions: frozenset[str]) -> bool:
    """Whether a path in a folder is a file of a corpus, or a folder that stands for one."""
    if path.is_dir():
        return ANNOTATIONS in extensions and has_brat_files(path)
    suffix = suffix_of(path)
    # Some have no ending, or the split as one: `train`, `demo.test`.
    is_split = ANNOTATIONS in extensions and (suffix.removeprefix(".") or path.name.lower()) in _ALL_SPLIT_WORDS
    return path.is_file() and (suffix in extensions or is_split)


def _warn_of_files_passed_over(folder: Path, found: Mapping[str, Path], extensions: frozenset[str]) -> None:
    """Says which files are not read as splits, though a word in their names begins like a split that is missing."""
    for split in SPLIT_FILE_WORDS.keys() - found.keys():
        begins = tuple(SPLIT_FILE_WORDS[split])
        for file in sorted(folder.iterdir()):
            words = re.findall("[a-z]+", file.name.lower())
            if file.is_file() and file not in found.values() and any(word.startswith(begins) for word in words):
                logger.warning(
                    "Received %s, which is not read; expected a name such as %s for the %s split. If it is that split, "
                    "rename it, or name the files: %s.",
                    file, f"{split}{_extension_of(extensions)}", split, _ALL_FILES,
                )  # fmt: skip


def _examples_of(extensions: frozenset[str]) -> str:
    extension = _extension_of(extensions)
    return f"train{extension}, valid{extension} and test{extension}"


def _extension_of(extensions: frozenset[str]) -> str:
    return ".conll" if ".conll" in extensions else min(extensions)


@contextmanager
def no_garbage_sought() -> Iterator[None]:
    """Stops the search for reference cycles, of which sentences have none: it would take as long as to read them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@no_garbage_sought()
def read_splits(
    files: Mapping[str, Path], layout: Layout, *, keep: Keep = list, report: Report = raise_error
) -> dict[str, Split]:
    """Reads a file for each split.

    Raises:
        DataError: A file is missing, its columns cannot be told, or what `report` raises.
    """
    return {split: _read_split(path, layout, keep, report) for split, path in files.items()}


def _read_split(path: Path, layout: Layout, keep: Keep, report: Report) -> Split:
    has_errors = False

    def tell(finding: Finding) -> None:
        nonlocal has_errors
        has_errors |= finding.is_error
        report(finding)

    name = name_of_all(path)
    read = without_empty_words(read_corpus_file(path, layout, report=tell), name, layout, tell)
    read = spelt(read, name, layout, tell)
    sentences = keep(read)
    if not sentences and not has_errors:
        report(Finding("no-sentence", path, 1, _NO_SENTENCE))
    return Split(name, sentences)


_NO_SENTENCE = "received no sentence; expected at least one. Check that it is the right file."
