"""A corpus to learn from, as `datasets` has it: from the Hub, a folder, files named one by one, or the package."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from tf_ner.corpus.loading.hub_sets import SPLIT_TEXTS
from tf_ner.corpus.loading.splits import Split, no_garbage_sought
from tf_ner.corpus.loading.tagged import (
    TaggedCorpus,
    read_configured,
    read_corpus,
    remarks,
    require_correct,
    training_tags,
    warn_of_unused_names,
)
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.stored import StoredSentences, stored_tags
from tf_ner.corpus.tags import iob2_tag_names, is_iob
from tf_ner.corpus.words import is_unspaced, split_words
from tf_ner.options.train import (
    BareLabels,
    EmptyWords,
    OffsetEnds,
    OffsetUnit,
    OverlapChoice,
    SchemeName,
    SeveralTags,
    TaggingTask,
    TaskConfig,
    WordRule,
)
from tf_ner.tables import dataset_of

logger = logging.getLogger(__name__)


def load_corpus(
    dataset: Any = "conll2003",
    *,
    task: TaggingTask = "ner",
    columns: Sequence[str] | None = None,
    word_column: int | str | None = None,
    tag_column: int | str | None = None,
    sentence_column: int | str | None = None,
    word_prefix: str = "",
    comments: bool = False,
    label_names: Sequence[str] = (),
    several_tags: SeveralTags = "error",
    bare_labels: BareLabels = "error",
    overlaps: OverlapChoice = "error",
    offset_unit: OffsetUnit | None = None,
    offset_ends: OffsetEnds | None = None,
    word_rule: WordRule | None = None,
    empty_words: EmptyWords = "error",
    encoding: str | None = None,
    scheme: SchemeName | None = None,
    new_labels: Mapping[str, str | None] | None = None,
    config_name: str | None = None,
    revision: str | None = None,
    files: Mapping[str, str | Path] | None = None,
    validation_share: float | None = None,
    validation_seed: int = 0,
) -> DatasetDict:
    """Loads words and one kind of tags.

    Args:
        dataset: A name on the Hub; `sample` for the corpus that comes with tf_ner; or a folder whose files are found
            by words such as `train`, `valid`, `dev` and `test` in their names, or which `datasets` has saved
            (`save_to_disk`); or what you have in memory: a `DatasetDict` or a mapping of splits, or one split, which is
            `train`: a `Dataset`, a table of pandas, polars or pyarrow, a list of records, or of pairs of words and
            tags. Not read if `files` are given.
        task: Which tags: `ner`, `pos` or `chunk`. The sample has one split, `train`, for the last two.
        columns: What each column of CoNLL files holds, such as `("word", "pos", "chunk", "ner")`. The first is the
            word, and for `ner` the last is the tag, if nothing is said.
        word_column: The column or key of the words, by name or by number (from 0, negative from the right).
        tag_column: The same for the tags.
        sentence_column: In a table with one word per row, the column whose next value begins a sentence; the same.
        word_prefix: What precedes every word and is not part of it, such as `en:`.
        comments: Lines of CoNLL files that begin with `#` are comments.
        label_names: The names of tags that are numbers in the data, from 0.
        several_tags: What becomes of several tags in a cell: `error`, the `first` counts, or `none` (the word is O).
        bare_labels: What labels without a prefix are, among tags with one: an `error`, `entity` (B- and then I-), or
            `outside` (O).
        overlaps: What becomes of spans of text that overlap or have gaps: `error`; of those that overlap the `longest`
            or the `first` is kept; or `drop` all of them.
        offset_unit: What offsets count: `characters`, `utf-16` or `bytes`. Told by the texts that spans quote if not
            given, and characters where there are none.
        offset_ends: Whether spans end behind their last character (`exclusive`) or at it (`inclusive`); told so too.
        word_rule: How text becomes words, here and where a model that learns from this gets new text: as in most tagged
            corpora (`corpus`), or finer (`text`). If not given, `text` where there is text with spans, or where words
            are single letters of scripts without spaces.
        empty_words: What becomes of words that are empty: an `error`; `keep` them; or `drop` them, and words that hold
            only white space or invisible characters.
        encoding: What the bytes of files of text are, such as `cp1252`; UTF-8 if not given.
        scheme: How the tags spell entities: `iob1`, `iob2`, `bioes`, `bilou`, `io` or `plain`. Told from the tags if
            not given.
        new_labels: New names of labels, such as `{"GPE": "LOC"}`; a label whose new name is None is dropped, and its
            words become `O`.
        config_name: Which configuration of a Hub data set.
        revision: Which branch, tag or commit of a Hub data set.
        files: Files by split (`train`, `validation`, `test`).
        validation_share: Which share of the training data is the split `validation` where there is none, such as 0.1:
            by document where there are documents, and no sentence in both.
        validation_seed: Another seed chooses others.

    Returns:
        For each split, the columns `words` (list of str) and `tags` (list of `ClassLabel`); the tag names are the
        same for all splits, of IOB2 tags `O` first. Where entities of any split end inside a word, also `missed` (list
        of str) with their labels. `word_rule_of` says how raw text was split.

    Raises:
        DataError: Nothing can be read, a split is empty, the columns cannot be told, a line is wrong, or there is no
            room for the rows, which lie in a file of the folder for temporary files rather than in memory.
    """
    layout = Layout(
        task=task,
        columns=None if columns is None else tuple(columns),
        word_column=word_column,
        tag_column=tag_column,
        sentence_column=sentence_column,
        word_prefix=word_prefix,
        comments=comments,
        label_names=tuple(label_names),
        several_tags=several_tags,
        bare_labels=bare_labels,
        overlaps=overlaps,
        offset_unit=offset_unit,
        offset_ends=offset_ends,
        encoding=encoding,
        word_rule=word_rule,
        empty_words=empty_words,
        renamed=tuple(new_labels or ()),
    )
    corpus = read_corpus(
        dataset,
        layout,
        scheme=scheme,
        config_name=config_name,
        revision=revision,
        files=files,
        validation_share=validation_share,
        validation_seed=validation_seed,
        keep=StoredSentences,
    )
    return _to_datasets(corpus, new_labels or {}, word_rule)


def load_configured(config: TaskConfig) -> DatasetDict:
    """Loads what the options say, the splits to be scored cut to `max_eval_examples`."""
    read = read_configured(config, config.dataset, config.files, keep=StoredSentences)
    return cut_evaluation(_to_datasets(read, config.new_labels, config.word_rule), config.max_eval_examples)


def cut_evaluation(corpus: DatasetDict, limit: int | None) -> DatasetDict:
    """The first `limit` rows of each split but `train`, or all."""
    return DatasetDict({split: rows if split == "train" else first_rows(rows, limit) for split, rows in corpus.items()})


def first_rows(rows: Dataset, limit: int | None) -> Dataset:
    """The first `limit` rows, or all."""
    return rows if limit is None else rows.select(range(min(limit, len(rows))))


@no_garbage_sought()
def _to_datasets(corpus: TaggedCorpus, new_labels: Mapping[str, str | None], word_rule: WordRule | None) -> DatasetDict:
    """What the model learns from, on disk; the words of a data set from the Hub stay where it keeps them.

    Raises:
        DataError: A line could not be read, or a tag is not of the scheme.
    """
    require_correct(corpus)
    splits, scheme, rows = corpus.splits, corpus.scheme, corpus.rows
    warn_of_unused_names(splits, scheme, new_labels)

    def tags_of(split: Split) -> Iterator[list[str]]:
        return training_tags(split.sentences, scheme=scheme, new_labels=new_labels)

    counts = {name: Counter(chain.from_iterable(tags_of(split))) for name, split in splits.items()}
    names = _tag_names(set(chain.from_iterable(counts.values())), rows, scheme)
    for remark in remarks(splits, counts, scheme):
        logger.info("%s", remark)
    ids = {name: number for number, name in enumerate(names)}
    missed = {name: _missed(split, new_labels) for name, split in splits.items()}
    has_missed = any(chain.from_iterable(missed.values()))
    features = Features({"words": List(Value("string")), "tags": List(ClassLabel(names=names))})
    loaded = DatasetDict()
    for name, split in splits.items():
        tags = stored_tags(tags_of(split), ids)["tags"]
        if name in rows:
            # Keeps what the library knows of it, by which it finds again what a user made of the rows.
            others = [column for column in rows[name].column_names if column != "words"]
            loaded[name] = rows[name].remove_columns(others).add_column("tags", tags, feature=features["tags"])
        else:
            assert isinstance(split.sentences, StoredSentences)
            words = split.sentences.table["words"]
            loaded[name] = dataset_of(pa.table({"words": words, "tags": tags}), features)
        if has_missed:
            column = pa.array(missed[name], pa.list_(pa.string()))
            loaded[name] = loaded[name].add_column("missed", column, feature=List(Value("string")))
    rule = word_rule or _word_rule(splits)
    for split_rows in loaded.values():
        # Where `datasets` keeps it, whatever is done to the rows.
        if rule == "text":
            split_rows.info.description = SPLIT_TEXTS
        elif split_rows.info.description == SPLIT_TEXTS:
            split_rows.info.description = ""
    return loaded


def _missed(split: Split, new_labels: Mapping[str, str | None]) -> list[list[str]]:
    """The labels of each sentence's entities that end inside a word, by their new names."""
    assert isinstance(split.sentences, StoredSentences)
    renamed = ([new_labels.get(label, label) for label in labels] for labels in split.sentences.missed)
    return [[label for label in labels if label is not None] for labels in renamed]


def word_rule_of(corpus: DatasetDict) -> WordRule:
    """By which rule the texts of a corpus were split; `corpus` where it came as words."""
    return "text" if any(rows.info.description == SPLIT_TEXTS for rows in corpus.values()) else "corpus"


def _word_rule(splits: Mapping[str, Split]) -> WordRule:
    """How the texts of a corpus were split, or else how its words look."""
    rules: set[str | None] = set()
    for split in splits.values():
        assert isinstance(split.sentences, StoredSentences)
        rules |= split.sentences.word_rules
    if "text" in rules:
        if None in rules:
            logger.info("some sentences came as words, others as text: a model splits new text as these were split")
        return "text"
    sentences = next(iter(splits.values())).sentences
    words = [word for row in islice(sentences, _LOOKED_AT) for word in row.words if word and is_unspaced(word[0])]
    if len(words) < _FEWEST_LETTERS or any(len(split_words(word, "text")) > 1 for word in words):
        return "corpus"
    logger.info(
        "words are single letters of a script without spaces, and so the model splits new text (--word-rule text)"
    )
    return "text"


_LOOKED_AT = 1000
"""How many sentences are looked at to see how they were split."""
_FEWEST_LETTERS = 20


def _tag_names(used: set[str], rows: Mapping[str, Dataset], scheme: SchemeName | None) -> list[str]:
    """The tags by label id: in the order of the data set, if it has one and nothing was converted."""
    names = sorted(used) if scheme is None else list(iob2_tag_names(used))
    for split in rows.values():
        if isinstance(split.features["tags"].feature, ClassLabel):
            own = split.features["tags"].feature.names
            return own if used <= set(own) and (scheme is None or all(map(is_iob, own))) else names
    return names
