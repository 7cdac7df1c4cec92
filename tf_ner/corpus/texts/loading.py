"""Data sets of texts with one label each: from the Hub, a folder, or files named one by one."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from tf_ner.corpus.findings import Finding, Report, raise_or_warn
from tf_ner.corpus.loading.hub_sets import load_from_hub, load_saved
from tf_ner.corpus.loading.sources import cut_evaluation
from tf_ner.corpus.loading.splits import SAMPLE_DIR, find_files, is_sample, is_saved, validation_split
from tf_ner.corpus.loading.validation import require_divisible, validation_rows
from tf_ner.corpus.texts.files import TEXT_EXTENSIONS, LabelledText, TextLayout, read_texts
from tf_ner.corpus.texts.labels import HIDDEN, Label, TextLabels, is_hidden, read_labels
from tf_ner.errors import DataError
from tf_ner.options.train import LabelType, Quoting, TaskConfig


class GlueTask(NamedTuple):
    """A task of GLUE.

    Attributes:
        text_columns: One column of text, or two of pairs.
        metrics: What it is scored by; the first says which epoch is the best.
    """

    text_columns: tuple[str, ...]
    metrics: tuple[str, ...] = ("accuracy",)


GLUE = {
    "cola": GlueTask(("sentence",), ("matthews_correlation",)),
    "sst2": GlueTask(("sentence",)),
    "mrpc": GlueTask(("sentence1", "sentence2"), ("accuracy", "f1")),
    "qqp": GlueTask(("question1", "question2"), ("accuracy", "f1")),
    "stsb": GlueTask(("sentence1", "sentence2"), ("pearson", "spearmanr")),
    "mnli": GlueTask(("premise", "hypothesis")),
    "qnli": GlueTask(("question", "sentence")),
    "rte": GlueTask(("sentence1", "sentence2")),
    "wnli": GlueTask(("sentence1", "sentence2")),
}


def glue_task(dataset: str, config_name: str | None) -> GlueTask | None:
    """The task that a data set on the Hub is; None if it is not one of GLUE's."""
    return GLUE.get(config_name or "") if dataset in ("glue", "nyu-mll/glue") else None


logger = logging.getLogger(__name__)

_TEXT_COLUMNS = ("text", "text_pair")
_CHECK = ": `tf-ner check-data --task text-classification` lists them."
_ARE_NUMBERS: dict[str, bool | None] = {"auto": None, "names": False, "numbers": True}


class TextSplit(NamedTuple):
    """The texts of a split.

    Attributes:
        path: The file, or the name of a data set on the Hub and its split.
        rows: The columns `text`, and `text_pair` where there are pairs.
        labels: As they were read.
        lines: Of the file, or the rows of a table without lines, from 1.
    """

    path: Path | str
    rows: Dataset
    labels: Sequence[Label]
    lines: Sequence[int]


class ReadTexts(NamedTuple):
    """What was read.

    Attributes:
        splits: By name.
        names: Those of the labels in their order, if the data set has them.
        are_numbers: Whether labels are numbers to be learnt as such; None where only they themselves say it.
    """

    splits: dict[str, TextSplit]
    names: list[str] | None
    are_numbers: bool | None

    def labels(self, new_names: Mapping[str, str | None] | None = None) -> TextLabels:
        """The labels of all splits, as `read_labels` tells them."""
        labels = {name: split.labels for name, split in self.splits.items()}
        return read_labels(labels, names=self.names, are_numbers=self.are_numbers, new_names=new_names)


def load_texts(
    dataset: str | Path = "glue",
    *,
    text_columns: str | Sequence[str] | None = None,
    label_column: str | None = None,
    label_type: LabelType = "auto",
    quoting: Quoting = "auto",
    encoding: str | None = None,
    new_labels: Mapping[str, str | None] | None = None,
    config_name: str | None = None,
    revision: str | None = None,
    files: Mapping[str, str | Path] | None = None,
    validation_share: float | None = None,
    validation_seed: int = 0,
) -> DatasetDict:
    """Loads texts, or pairs of texts, with a label each.

    Args:
        dataset: A name on the Hub, such as `glue`; `sample` for the pairs that come with tf_ner; or a folder with files
            whose names are those of their splits, as `load_corpus` finds them. Not read if `files` are given.
        text_columns: The column of the texts, or the two of pairs. Known for GLUE; otherwise found by usual names, such
            as `sentence1` and `sentence2`, `premise` and `hypothesis`, or `text`.
        label_column: The column of the labels; `label` if not given.
        label_type: Whether the labels are `names` or `numbers`; `auto` takes them for numbers where all are, and not
            all are whole.
        quoting: Whether quotes around a cell of a CSV or TSV file are no part of it: `on`, `off`, or `auto`, which is
            on for `.csv` and off for `.tsv`.
        encoding: What the bytes of files of text are, such as `cp1252`; UTF-8 if not given.
        new_labels: New names of labels, such as `{"0": "different", "1": "equal"}`.
        config_name: Which configuration of a Hub data set, such as `mrpc`.
        revision: Which branch, tag or commit of a Hub data set.
        files: Files by split (`train`, `validation`, `test`): CSV and TSV with a header, JSON lines, Parquet.
        validation_share: Which share of the training data is the split `validation` where there is none, such as 0.1;
            no text, or pair, in both.
        validation_seed: Another seed chooses others.

    Returns:
        For each split, the columns `text` (str), `text_pair` (str; only of pairs) and `label`: a `ClassLabel`, -1 where
        it is hidden; or <float32> where the labels are numbers, NaN where they are hidden. Rows of `train` without a
        label are left out.

    Raises:
        DataError: Nothing can be read, a split is empty, the columns cannot be told, or a row is wrong.
    """
    if text_columns is not None:
        text_columns = (text_columns,) if isinstance(text_columns, str) else tuple(text_columns)
    layout = TextLayout(text_columns=text_columns, label_column=label_column, quoting=quoting, encoding=encoding)
    findings: list[Finding] = []
    read = read_text_splits(
        dataset, layout, label_type, config_name=config_name, revision=revision, files=files, report=findings.append
    )
    corpus = _to_corpus(read, findings, new_labels)
    return corpus if validation_share is None else _with_validation(corpus, validation_share, validation_seed)


def read_text_splits(
    dataset: str | Path,
    layout: TextLayout,
    label_type: LabelType = "auto",
    *,
    config_name: str | None = None,
    revision: str | None = None,
    files: Mapping[str, str | Path] | None = None,
    report: Report,
) -> ReadTexts:
    """Reads every split of what `load_texts` takes.

    Args:
        dataset: As for `load_texts`, and so are the others but those below.
        layout: The columns, and how cells are quoted.
        report: What to do with rows that cannot be read, and with warnings.

    Raises:
        DataError: There is no such data, or its columns cannot be told.
    """
    if glue := glue_task(str(dataset), config_name):
        layout = replace(
            layout,
            text_columns=layout.text_columns or glue.text_columns,
            label_column=layout.label_column or "label",
        )
    folder = SAMPLE_DIR / "pairs" if is_sample(dataset) else dataset
    is_on_disk = is_saved(folder, files)
    found = None if is_on_disk else find_files(folder, files, extensions=TEXT_EXTENSIONS)
    if found is not None:
        splits = {split: _read_file(path, split, layout, report) for split, path in found.items()}
        return ReadTexts(splits, None, _ARE_NUMBERS[label_type])
    loaded = (
        load_saved(Path(folder))
        if is_on_disk
        else load_from_hub(str(dataset), config_name=config_name, revision=revision)
    )
    return _choose(loaded, str(dataset), layout, label_type, report)


def _with_validation(corpus: DatasetDict, share: float, seed: int) -> DatasetDict:
    """The data with a part of the training rows as the split `validation`."""
    require_divisible(corpus)
    train = corpus["train"]
    texts = zip(*(train[name] for name in _TEXT_COLUMNS if name in train.column_names), strict=True)
    chosen = validation_rows(texts, share, seed=seed)
    left = sorted(set(range(len(train))).difference(chosen))
    return DatasetDict({**corpus, "train": train.select(left), "validation": train.select(chosen)})


def choose_texts(
    loaded: DatasetDict,
    name: str,
    layout: TextLayout,
    *,
    label_type: LabelType = "auto",
    new_labels: Mapping[str, str | None] | None = None,
) -> DatasetDict:
    """Finds the columns of texts and labels, and gives what `load_texts` gives.

    Args:
        loaded: As it comes from the Hub.
        name: What to call the data set in errors.
        layout: Names of columns, if they are not the usual ones.
        label_type: As for `load_texts`; `auto` takes floating-point numbers for numbers.
        new_labels: New names of labels.

    Raises:
        DataError: There are no such columns, or they hold something else.
    """
    findings: list[Finding] = []
    return _to_corpus(_choose(loaded, name, layout, label_type, findings.append), findings, new_labels)


def _choose(loaded: DatasetDict, name: str, layout: TextLayout, label_type: LabelType, report: Report) -> ReadTexts:
    """The columns of texts and labels."""
    features = next(iter(loaded.values())).features
    columns = layout.choose(list(features), f"data set {name!r}")
    label = features[columns.label]
    if not isinstance(label, ClassLabel | Value):
        raise DataError(
            f"Received data set {name!r} with {columns.label!r} of type {type(label).__name__}; expected one label per "
            "row. Choose another column with --label-column."
        )
    names = list(label.names) if isinstance(label, ClassLabel) else None
    splits = {}
    for split, rows in loaded.items():
        path = f"{name}[{split}]"
        texts = rows.select_columns(list(columns.texts))
        texts = texts.rename_columns(dict(zip(columns.texts, _TEXT_COLUMNS, strict=False)))
        _report_missing(texts, path, report)
        ids = rows[columns.label][:]
        of_split = ids if names is None else [names[number] if number not in (None, -1) else None for number in ids]
        splits[split] = TextSplit(path, texts, of_split, range(1, len(texts) + 1))
    are_numbers = _ARE_NUMBERS[label_type]
    if are_numbers is None and label.dtype.startswith("float"):
        are_numbers = True
    return ReadTexts(splits, names, are_numbers)


def load_configured_texts(config: TaskConfig) -> DatasetDict:
    """Loads what the options say, the splits to be scored cut to `max_eval_examples`."""
    corpus = load_texts(
        config.dataset,
        files=config.files,
        config_name=config.dataset_config,
        revision=config.dataset_revision,
        text_columns=config.text_columns,
        label_column=config.label_column,
        label_type=config.label_type,
        quoting=config.quoting,
        encoding=config.encoding,
        new_labels=config.new_labels,
        validation_share=config.validation_share,
        validation_seed=config.validation_seed,
    )
    return cut_evaluation(corpus, config.max_eval_examples)


def _to_corpus(
    read: ReadTexts, findings: Sequence[Finding], new_labels: Mapping[str, str | None] | None
) -> DatasetDict:
    """What a model learns from.

    Raises:
        DataError: A row could not be read, or the labels are none.
    """
    raise_or_warn(findings, advice=_CHECK)
    splits, labels = read.splits, read.labels(new_labels)
    require_alike(splits)
    if labels.names is None:
        logger.info("The labels are numbers, which are learnt as such (regression).")
    else:
        _tell_unseen(labels.names, labels.splits)
    feature = Value("float32") if labels.names is None else ClassLabel(names=labels.names)
    needed = {"train", validation_split(splits)} if "train" in splits else set()
    corpus = DatasetDict()
    for name, split in splits.items():
        rows = split.rows.add_column("label", labels.splits[name], feature=feature)
        corpus[name] = _without_unlabelled(name, rows, is_needed=name in needed)
    return corpus


def _tell_unseen(names: Sequence[str], splits: Mapping[str, Sequence[int | float]]) -> None:
    """Says which labels the other splits have and train has not."""
    if "train" not in splits:
        return
    known = {HIDDEN, *splits["train"]}
    for split, ids in splits.items():
        for number, count in sorted(Counter(ids).items()):
            if number not in known:
                logger.info(
                    "%s: %d examples are labelled %s, which never occurs in train and cannot be learnt.",
                    split,
                    count,
                    names[int(number)],
                )


def _read_file(path: Path, split: str, layout: TextLayout, report: Report) -> TextSplit:
    layout = replace(layout, may_lack_labels=split == "test")
    found: list[LabelledText] = list(read_texts(path, layout, report=report))
    if not found:
        report(Finding("no-text", path, 1, "received no row; expected at least one. Check that it is the right file."))
        return TextSplit(path, Dataset.from_dict({"text": []}), [], [])
    columns = dict(zip(_TEXT_COLUMNS, zip(*(row.texts for row in found), strict=True), strict=False))
    features = Features(dict.fromkeys(columns, Value("string")))
    rows = Dataset.from_dict({name: list(column) for name, column in columns.items()}, features=features)
    return TextSplit(path, rows, [row.label for row in found], [row.line for row in found])


def _report_missing(texts: Dataset, place: str, report: Report) -> None:
    if not len(texts):
        report(Finding("no-text", place, 1, "received an empty split; expected rows. Use another data set."))
    for column in texts.column_names:
        if texts.features[column].dtype not in ("string", "large_string"):
            raise DataError(
                f"Received {place} with {column!r} of type {texts.features[column].dtype}; expected text. Choose other "
                "columns with --text-columns."
            )
        is_missing = pc.is_null(texts.with_format("arrow")[:][column])
        for row in pc.indices_nonzero(is_missing).to_pylist():
            report(Finding("bad-record", place, row + 1, "received no text; expected a string. Use another data set."))


def require_alike(splits: Mapping[str, TextSplit]) -> None:
    """Makes sure that there are texts in all splits, or pairs.

    Raises:
        DataError: There are both.
    """
    columns = {name: split.rows.column_names for name, split in splits.items()}
    if len(set(map(tuple, columns.values()))) > 1:
        kinds = ", ".join(f"{'pairs' if 'text_pair' in row else 'texts'} in {name}" for name, row in columns.items())
        raise DataError(f"Received {kinds}; expected the same in all splits. Name the columns with --text-columns.")


def _without_unlabelled(split: str, rows: Dataset, *, is_needed: bool) -> Dataset:
    """Says which labels are hidden; rows to learn from must have one."""
    labelled = [row for row, label in enumerate(rows["label"]) if not is_hidden(label)]
    if len(labelled) == len(rows):
        return rows
    if not labelled and is_needed:
        raise DataError(
            f"Received {split}, whose labels are all hidden; expected labels to learn from and to select the best "
            "epoch. Use another data set, or name other files with --train-file and --validation-file."
        )
    if split != "train":
        logger.info(
            "%s: %d of %d labels are hidden; predicted, not scored", split, len(rows) - len(labelled), len(rows)
        )
        return rows
    logger.warning("train: %d of %d rows have no label; they are left out", len(rows) - len(labelled), len(rows))
    return rows.select(labelled)
