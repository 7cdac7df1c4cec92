"""Words as subwords with labels, in windows that fit the encoder; all sentences at once."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, DatasetDict, List
from numpy.typing import NDArray
from tokenizers import Encoding
from transformers import PreTrainedTokenizerFast

from tf_ner.corpus.loading.hub_sets import words_and_tags
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.tags import OUTSIDE, inside, is_iob
from tf_ner.errors import ConfigError, DataError, ModelError
from tf_ner.options.train import LabelAlignment, TaggingTask
from tf_ner.tables import Lists, dataset_of, numbers_of, ranges, stored
from tf_ner.tasks.task import IGNORED, EncodedRows, Ids, warn_of_unknown
from tf_ner.tasks.tokenizers import encode_texts, encode_words, joins_words, require_padding
from tf_ner.tasks.windows import NO_WORD, first_subwords, split_into_windows

_ANY_WORD = "a"
_SENTENCES_AT_A_TIME = 2**14
"""How many are encoded together: enough for most words to occur again, and few enough to fit in memory."""


@dataclass(frozen=True)
class EncodedSplit(EncodedRows):
    """A split as the encoder reads it.

    Attributes:
        windows: A row a window; most sentences have one. The tokenizer's columns (`input_ids`: list of int, …);
            `labels`: for each subword a label id or -100; `word_ids`: for each subword the word it belongs to,
            counted through the whole split, or -1; `sentence`: the row of the split it comes from.
        num_words: For each sentence of the split, how many words it has.
        num_words_without_subwords: How many words the tokenizer makes nothing of.
        num_words_lost: How many words have subwords and yet no window decides them; anything but 0 is a bug.
        missed: For each sentence the labels of its entities that end inside a word; nothing where there are none.
    """

    num_words: Ids
    num_words_without_subwords: int
    num_words_lost: int
    missed: Sequence[Sequence[str]] = ()

    @cached_property
    def word_ids(self) -> Ids:
        """The word ids of all windows, one window after the other."""
        return Lists.of(self.windows, "word_ids").numbers()

    @property
    def num_windows_by_sentence(self) -> Ids:
        """For each sentence, how many windows it takes."""
        return np.bincount(numbers_of(self.windows, "sentence"), minlength=len(self.num_words))

    def by_sentence(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Cuts an array with one value a word into one array a sentence."""
        return np.split(values, np.cumsum(self.num_words)[:-1])


@dataclass(frozen=True)
class WordEncoder:
    """How words become subwords with labels; its attributes are those of `TokenClassification`."""

    tokenizer: PreTrainedTokenizerFast
    tag_names: tuple[str, ...]
    max_length: int
    stride: int = 64
    label_alignment: LabelAlignment = "all"

    def __post_init__(self) -> None:
        if not getattr(self.tokenizer, "is_fast", False):
            raise ModelError(
                f"Received {type(self.tokenizer).__name__}, which has no word ids; expected a fast tokenizer. "
                "Use a model that comes with a tokenizer.json."
            )
        require_padding(self.tokenizer)
        if joins_words(self.tokenizer):
            raise ModelError(
                f"Received {type(self.tokenizer).__name__}, which joins words given one by one; expected one that "
                "reads each as if it followed a space. Load it with tf_ner.load_tokenizer, or choose another model."
            )
        if self.max_subwords < 1:
            raise ConfigError(
                f"Received --max-length {self.max_length}; expected more than the "
                f"{self.max_length - self.max_subwords} special subwords. Raise --max-length."
            )

    @property
    def max_subwords(self) -> int:
        """How many subwords fit a window beside the special ones."""
        return self.max_length - self.tokenizer.num_special_tokens_to_add()

    @cached_property
    def inside_ids(self) -> Ids:
        """For each label id the one of a later piece: B-X → I-X by name, wherever they stand."""
        ids = {name: number for number, name in enumerate(self.tag_names)}
        return np.array([ids.get(inside(name), number) for name, number in ids.items()], dtype=np.int64)

    def encode_split(self, sentences: Dataset) -> EncodedSplit:
        """Encodes a split.

        Args:
            sentences: `words` (list of str) and `tags` (list of `ClassLabel`), in any order of tags: they are told by
                name. A tag that the model does not have is ignored by the loss. As they come from the Hub, too, where
                columns have other names, such as `tokens` and `ner_tags`, and tags may be strings.

        Raises:
            DataError: There are no such columns, or a sentence does not have a tag for each word.
        """
        sentences = self.usual_rows(sentences)
        names = sentences.features["tags"].feature.names
        ids = {name: number for number, name in enumerate(self.tag_names)}
        model_ids = np.array([ids.get(name, IGNORED) for name in names], dtype=np.int64)
        lists = dict.fromkeys([*self.tokenizer.model_input_names, "labels", "word_ids"], pa.list_(pa.int32()))
        schema = pa.schema({**lists, "sentence": pa.int32()})
        parts = [_Part(np.zeros(0, np.int64), np.zeros(len(names), np.int64), 0, 0)]

        def windows() -> Iterator[pa.RecordBatch]:
            first_sentence = first_word = 0
            read = sentences.select_columns(["words", "tags"]).with_format("arrow")
            for rows in read.iter(_SENTENCES_AT_A_TIME):
                words, tags = Lists.of(rows, "words"), Lists.of(rows, "tags")
                tag_numbers = tags.numbers()
                _require_a_tag_each(
                    words.lengths, tags.lengths, tag_numbers, num_tags=len(names), first_sentence=first_sentence
                )
                found = words.values.combine_chunks().dictionary_encode()
                encoded = self._encode(found.dictionary.to_pylist(), found.indices.to_numpy(), words.lengths)
                word_ids = encoded.columns["word_ids"]
                columns = {
                    **encoded.columns,
                    "labels": self.align_labels(word_ids, model_ids[tag_numbers]),
                    "word_ids": np.where(word_ids == NO_WORD, NO_WORD, word_ids + first_word),
                }
                arrays = [Lists.array(columns[name], encoded.lengths) for name in lists]
                yield pa.record_batch(
                    [*arrays, pa.array(encoded.sentences + first_sentence, pa.int32())], schema=schema
                )
                counts = np.bincount(tag_numbers, minlength=len(names))
                lost = encoded.num_words_without_subwords, encoded.num_words_lost
                parts.append(_Part(words.lengths, counts, *lost))
                first_sentence += len(words.lengths)
                first_word += len(tag_numbers)

        table = stored(windows(), schema)
        num_words, counts, num_without_subwords, num_lost = zip(*parts, strict=True)
        counts_by_name = dict(zip(names, np.sum(counts, axis=0).tolist(), strict=True))
        unknown = {name: count for name, count in counts_by_name.items() if name not in ids}
        warn_of_unknown(unknown, total=sum(counts_by_name.values()), what="words")
        return EncodedSplit(
            windows=dataset_of(table),
            num_words=np.concatenate(num_words),
            num_words_without_subwords=sum(num_without_subwords),
            num_words_lost=sum(num_lost),
            missed=list(sentences["missed"]) if "missed" in sentences.column_names else (),
        )

    def usual_rows(self, rows: Dataset) -> Dataset:
        """The columns `words` and `tags` of rows, whatever they are called, tags with names.

        Raises:
            DataError: There are no such columns.
        """
        has_usual_names = {"words", "tags"} <= rows.features.keys()
        if has_usual_names and isinstance(getattr(rows.features["tags"], "feature", None), ClassLabel):
            return rows
        kinds: tuple[TaggingTask, ...] = ("ner", "chunk") if all(map(is_iob, self.tag_names)) else ("pos", "ner")
        found = []
        for kind in kinds:
            with contextlib.suppress(DataError):
                found.append(words_and_tags(DatasetDict({"rows": rows}), "given", Layout(task=kind))["rows"])
        found = list(map(_with_tag_names, found))
        own = {*self.tag_names} - {OUTSIDE}
        found.sort(key=lambda rows: own.isdisjoint(rows.features["tags"].feature.names))
        if not found:
            raise DataError(
                f"Received rows with the columns {', '.join(rows.column_names)}; expected words (list of strings) and "
                "tags (list of ClassLabel or strings). Rename the columns, or read the data with load_corpus."
            )
        return found[0]

    def remarks(self, encoded: EncodedRows) -> Iterator[str]:
        """How many sentences were split and how many words the tokenizer dropped, if any."""
        assert isinstance(encoded, EncodedSplit)
        num_windows = encoded.num_windows_by_sentence
        is_long = num_windows > 1
        if is_long.any():
            yield (
                f"{is_long.sum()} of {len(num_windows)} sentences exceed {self.max_length} subwords; split into "
                f"{num_windows[is_long].sum()} windows, {encoded.num_words_lost} words lost"
            )
        if encoded.num_words_without_subwords:
            yield (
                f"{encoded.num_words_without_subwords} of {encoded.num_words.sum()} words have no subword in this "
                "tokenizer; they are tagged O"
            )

    def encode(
        self, words: Sequence[Sequence[str]], tags: Sequence[Sequence[int]] | None = None
    ) -> dict[str, list[Any]]:
        """Encodes sentences.

        Args:
            words: Sentences of words.
            tags: A label id for each word; without them there is no column `labels`.

        Returns:
            The columns of `EncodedSplit.windows`: for each window the tokenizer's as lists, the others as arrays.
        """
        numbers: dict[str, int] = {}
        which = np.array([numbers.setdefault(word, len(numbers)) for row in words for word in row], dtype=np.int64)
        encoded = self._encode(list(numbers), which, np.array([len(row) for row in words], dtype=np.int64))
        columns = encoded.columns
        if tags is not None:
            gold = np.array([tag for row in tags for tag in row], dtype=np.int64)
            columns = {**columns, "labels": self.align_labels(columns["word_ids"], gold)}
        return self._rows(encoded, columns)

    def encode_texts(self, texts: Sequence[str]) -> tuple[dict[str, list[Any]], list[Encoding]]:
        """Encodes texts as they are, without splitting them into words.

        Returns:
            The columns of `encode`, in which the word ids number the subwords of all texts; and what the tokenizer made
            of each text, without special subwords.
        """
        read = encode_texts(self.tokenizer, texts)
        subwords = np.fromiter(chain.from_iterable(encoding.ids for encoding in read), dtype=np.int64)
        num_subwords = np.fromiter(map(len, read), dtype=np.int64, count=len(read))
        ones, places = np.ones_like(subwords), np.arange(len(subwords))
        encoded = self._laid_out(_Read(subwords, ones, places), places, num_subwords, _ANY_WORD)
        return self._rows(encoded, encoded.columns), read

    def _rows(self, encoded: "_Encoded", columns: Mapping[str, NDArray[Any]]) -> dict[str, list[Any]]:
        borders = np.cumsum(encoded.lengths)[:-1]
        rows = {name: np.split(values, borders) if len(encoded.lengths) else [] for name, values in columns.items()}
        inputs = {name: [row.tolist() for row in rows[name]] for name in self.tokenizer.model_input_names}
        return {**rows, **inputs, "sentence": encoded.sentences.tolist()}

    def align_labels(self, word_ids: Ids, word_labels: Ids) -> Ids:
        """Gives subwords the labels of their words, as `label_alignment` says.

        Args:
            word_ids: <int>[subwords], -1 where there is no word.
            word_labels: <int>[words], a label id or -100.

        Returns:
            <int>[subwords], a label id or -100.
        """
        labels = np.full(len(word_ids), IGNORED, dtype=np.int64)
        is_word = word_ids != NO_WORD
        labels[is_word] = word_labels[word_ids[is_word]]
        is_later = is_word & ~first_subwords(word_ids)
        if self.label_alignment == "first":
            labels[is_later] = IGNORED
        elif self.label_alignment == "all":
            is_later &= labels != IGNORED
            labels[is_later] = self.inside_ids[labels[is_later]]
        return labels

    def _encode(self, words: Sequence[str], which: Ids, num_words: Ids) -> "_Encoded":
        """Encodes sentences that follow one another.

        Given words one by one, a tokenizer reads each by itself. So each is read once, wherever it stands.

        Args:
            words: Different ones.
            which: For each word of the sentences its number among them <int>[words].
            num_words: Of each sentence <int>[sentences].
        """
        read = encode_words(self.tokenizer, words)
        subwords = np.fromiter(chain.from_iterable(encoding.ids for encoding in read), dtype=np.int64)
        sizes = np.fromiter(map(len, read), dtype=np.int64, count=len(read))
        example = next((word for word, size in zip(words, sizes, strict=True) if size), None)
        return self._laid_out(_Read(subwords, sizes, np.cumsum(sizes) - sizes), which, num_words, example)

    def _laid_out(self, read: "_Read", which: Ids, num_words: Ids, example_word: str | None) -> "_Encoded":
        """Lays words that have been read into windows.

        Args:
            read: What each of different words is.
            which: As for `_encode`.
            num_words: The same.
            example_word: One with subwords; None where there is none.
        """
        subwords, sizes, begins = read
        # A word that no window holds has one of its own, and loses its last subwords.
        num_subwords = np.minimum(sizes, self.max_subwords)[which]
        windows = self._windows(num_words, num_subwords)

        # The words of all windows, of which those between two windows of a sentence stand in both.
        num_read = windows.end - windows.start
        word_ids = ranges(windows.start, num_read)
        window = np.repeat(np.arange(len(num_read)), num_read)
        is_kept = (windows.keep_start[window] <= word_ids) & (word_ids < windows.keep_end[window])
        num_of_word = num_subwords[word_ids]
        num_inner = np.bincount(window, weights=num_of_word, minlength=len(num_read)).astype(np.int64)

        example = self._example(example_word)
        lengths = num_inner + example.num_before + example.num_after
        start = np.cumsum(lengths) - lengths
        inner = ranges(start + example.num_before, num_inner)
        columns = example.repeated(start, lengths)
        columns["input_ids"][inner] = subwords[ranges(begins[which[word_ids]], num_of_word)]
        columns["word_ids"] = np.full(len(columns["input_ids"]), NO_WORD)
        columns["word_ids"][inner] = np.repeat(np.where(is_kept, word_ids, NO_WORD), num_of_word)
        is_decided = np.zeros(len(which), dtype=bool)
        is_decided[word_ids[is_kept]] = True
        return _Encoded(
            columns=columns,
            lengths=lengths,
            sentences=windows.sentence,
            num_words_without_subwords=int((num_subwords == 0).sum()),
            num_words_lost=int((~is_decided & (num_subwords > 0)).sum()),
        )

    def _windows(self, num_words: Ids, num_subwords: Ids) -> "_Windows":
        """The windows of all sentences, in their order."""
        end = np.cumsum(num_words)
        start = end - num_words
        before = np.concatenate([[0], np.cumsum(num_subwords)])
        is_long = before[end] - before[start] > self.max_subwords
        short = np.flatnonzero(~is_long)
        columns = [short, start[short], end[short], start[short], end[short]]
        stride = min(self.stride, self.max_subwords // 2)
        divided = [
            (sentence, *(start[sentence] + place for place in window))
            for sentence in np.flatnonzero(is_long)
            for window in split_into_windows(
                num_subwords[start[sentence] : end[sentence]].tolist(), max_subwords=self.max_subwords, stride=stride
            )
        ]
        rows = np.concatenate([np.stack(columns, axis=1), np.array(divided, dtype=np.int64).reshape(-1, 5)])
        return _Windows(*rows[np.argsort(rows[:, 0], kind="stable")].T)

    def _example(self, word: str | None) -> "_Example":
        """What the tokenizer makes of a sentence of this word, which has subwords; of an empty sentence without."""
        encoding = self.tokenizer([[] if word is None else [word]], is_split_into_words=True, verbose=False)
        is_special = np.array([word_id is None for word_id in encoding.word_ids(0)], dtype=bool)
        num_before = len(is_special) if word is None else int(is_special.argmin())
        columns = {name: np.array(encoding[name][0], dtype=np.int64) for name in self.tokenizer.model_input_names}
        return _Example(columns, num_before, int(is_special[num_before:].sum()))


def _with_tag_names(rows: Dataset) -> Dataset:
    """Rows whose tags are numbers with names; strings become such.

    Raises:
        DataError: A word has no tag.
    """
    if isinstance(rows.features["tags"].feature, ClassLabel):
        return rows
    names = pc.unique(pc.list_flatten(rows.with_format("arrow")["tags"][:])).to_pylist()
    if None in names:
        raise DataError("Received rows with words without a tag; expected a tag for each. Correct the data.")
    return rows.cast_column("tags", List(ClassLabel(names=sorted(names))))


def _require_a_tag_each(
    num_words: Ids, num_tags_of: Ids, tag_numbers: Ids, *, num_tags: int, first_sentence: int
) -> None:
    """Makes sure that every word has a tag with a name.

    Args:
        num_words: Of some sentences <int64>[sentences].
        num_tags_of: The same.
        tag_numbers: Of all of them, one after the other <int64>[tags].
        num_tags: How many tags there are.
        first_sentence: The row of the first one.

    Raises:
        DataError: One has none; only rows that were not read by tf_ner can.
    """
    if (is_odd := num_words != num_tags_of).any():
        row = int(is_odd.argmax())
        raise DataError(
            f"Received {num_words[row]} words and {num_tags_of[row]} tags in sentence {first_sentence + row + 1}; "
            "expected a tag for each word. Correct the data."
        )
    if (is_unnamed := (tag_numbers < 0) | (tag_numbers >= num_tags)).any():
        row = int(np.searchsorted(np.cumsum(num_tags_of), is_unnamed.argmax(), side="right"))
        raise DataError(
            f"Received the tag number {tag_numbers[is_unnamed.argmax()]} in sentence {first_sentence + row + 1}; "
            f"expected 0 to {num_tags - 1}. Correct the data."
        )


class _Part(NamedTuple):
    """What is told of some sentences of a split.

    Attributes:
        num_words: Of each <int64>[sentences].
        counts: How many words have each tag of the data <int64>[tags].
        num_words_without_subwords, num_words_lost: As in `EncodedSplit`.
    """

    num_words: Ids
    counts: Ids
    num_words_without_subwords: int
    num_words_lost: int


class _Read(NamedTuple):
    """Words as the tokenizer reads them.

    Attributes:
        subwords: Of all words <int64>[subwords].
        sizes: How many each word has <int64>[words].
        begins: Where those of a word begin <int64>[words].
    """

    subwords: Ids
    sizes: Ids
    begins: Ids


class _Encoded(NamedTuple):
    """Sentences as the encoder reads them.

    Attributes:
        columns: The tokenizer's, and `word_ids`, of all windows one after the other <int64>[subwords].
        lengths: Of the windows <int64>[windows].
        sentences: To which each belongs <int64>[windows].
        num_words_without_subwords, num_words_lost: As in `EncodedSplit`.
    """

    columns: dict[str, Ids]
    lengths: Ids
    sentences: Ids
    num_words_without_subwords: int
    num_words_lost: int


class _Windows(NamedTuple):
    """What `Window` says, of many <int64>[windows], in words of all sentences; and the sentence of each."""

    sentence: Ids
    start: Ids
    end: Ids
    keep_start: Ids
    keep_end: Ids


class _Example(NamedTuple):
    """A sentence with the special subwords that stand around all others too.

    Attributes:
        columns: The tokenizer's <int64>[subwords].
        num_before, num_after: How many special subwords there are before and after the word.
    """

    columns: dict[str, Ids]
    num_before: int
    num_after: int

    def repeated(self, start: Ids, lengths: Ids) -> dict[str, Ids]:
        """The columns of windows that begin and end as this sentence does, with a subword of it at all other places.

        Args:
            start: Of the windows <int>[windows].
            lengths: With special subwords <int>[windows].
        """
        place_in_example = np.full(lengths.sum(), self.num_before)
        for place in range(self.num_before):
            place_in_example[start + place] = place
        for place in range(-self.num_after, 0):
            place_in_example[start + lengths + place] = place
        return {name: column[place_in_example] for name, column in self.columns.items()}
