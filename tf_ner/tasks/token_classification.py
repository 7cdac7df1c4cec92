"""One tag a word: entities, chunks and parts of speech."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TextIO

import numpy as np
from datasets import Dataset, DatasetDict, Features, List, Value
from numpy.typing import NDArray
from transformers import BatchEncoding, PretrainedConfig, PreTrainedTokenizerFast

from tf_ner.corpus.formats.conll import write_conll
from tf_ner.corpus.loading.sources import load_configured
from tf_ner.corpus.tags import OUTSIDE, inside, is_iob, split_tag, tags_to_spans
from tf_ner.corpus.words import Word, split_words, words_at_spaces
from tf_ner.errors import ConfigError, DataError, ModelError
from tf_ner.evaluation.intervals import bootstrap_interval
from tf_ner.evaluation.scores import Sentences, score_entities, score_tags
from tf_ner.options.kinds import Kind
from tf_ner.options.train import LabelAlignment, TaskConfig, TrainConfig
from tf_ner.tasks.card_words import TokenWords
from tf_ner.tasks.task import IGNORED, EncodedRows, Example, Ids, Outputs, SplitScores, Task, warn_of_unknown
from tf_ner.tasks.tokenizers import joins_words, require_padding
from tf_ner.tasks.windows import NO_WORD, first_subwords, merge_words, split_into_windows, word_ids_of


@dataclass(frozen=True)
class Entity:
    """An entity: `text[entity.start:entity.end] == entity.text`, in characters.

    Its score is the mean of its words', and a word's is the probability of the tag of its first subword.
    """

    label: str
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True)
class AnnotatedText:
    """A text and the entities found in it, from left to right."""

    text: str
    entities: list[Entity]


@dataclass(frozen=True)
class TaggedWords:
    """A sentence's words with a tag and a score each; a word the tokenizer makes nothing of is `O` with score 0."""

    words: list[str]
    tags: list[str]
    scores: list[float]


def entities_of(text: str, words: Sequence[Word], tagged: TaggedWords) -> Iterator[Entity]:
    """The entities that the tags of a text's words spell."""
    for span in tags_to_spans(tagged.tags):
        start, end = words[span.start].start, words[span.end - 1].end
        score = float(np.mean(tagged.scores[span.start : span.end]))
        yield Entity(span.label, start, end, text[start:end], score)


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
    """

    num_words: Ids
    num_words_without_subwords: int
    num_words_lost: int

    @cached_property
    def word_ids(self) -> Ids:
        """The word ids of all windows, one window after the other."""
        return np.concatenate([np.asarray(row, dtype=np.int64) for row in self.windows["word_ids"]])

    @property
    def num_windows_by_sentence(self) -> Ids:
        """For each sentence, how many windows it takes."""
        return np.bincount(self.windows["sentence"], minlength=len(self.num_words))

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
                name. A tag that the model does not have is ignored by the loss.
        """
        ids = {name: number for number, name in enumerate(self.tag_names)}
        names = sentences.features["tags"].feature.names
        model_ids = [ids.get(name, IGNORED) for name in names]
        if IGNORED in model_ids:
            used = Counter(names[tag] for row in sentences["tags"] for tag in row)
            unknown = {name: used[name] for name in names if name not in ids}
            warn_of_unknown(unknown, total=used.total(), what="words")
        num_words = np.array([len(words) for words in sentences["words"]], dtype=np.int64)
        first_words = np.cumsum(num_words) - num_words

        def encode_batch(batch: dict[str, list[Any]], rows: list[int]) -> dict[str, list[Any]]:
            tags = [[model_ids[tag] for tag in row] for row in batch["tags"]]
            return self.encode(batch["words"], tags, first_sentence=rows[0], first_word=int(first_words[rows[0]]))

        integers = List(Value("int32"))
        features = dict.fromkeys((*self.tokenizer.model_input_names, "labels", "word_ids"), integers)
        windows = sentences.map(
            encode_batch,
            batched=True,
            with_indices=True,
            remove_columns=sentences.column_names,
            features=Features({**features, "sentence": Value("int32")}),
        )
        undecided = set(range(int(num_words.sum()))).difference(*windows["word_ids"])
        words = [word for row in sentences["words"] for word in row] if undecided else []
        without_subwords = sum(not self._has_subwords(words[number]) for number in undecided)
        return EncodedSplit(
            windows=windows,
            num_words=num_words,
            num_words_without_subwords=without_subwords,
            num_words_lost=len(undecided) - without_subwords,
        )

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

    def _has_subwords(self, word: str) -> bool:
        return any(number is not None for number in self.tokenizer([word], is_split_into_words=True).word_ids())

    def encode(
        self,
        words: Sequence[Sequence[str]],
        tags: Sequence[Sequence[int]] | None = None,
        *,
        first_sentence: int = 0,
        first_word: int = 0,
    ) -> dict[str, list[Any]]:
        """Encodes sentences.

        Args:
            words: Sentences of words.
            tags: A label id for each word; without them there is no column `labels`.
            first_sentence: Where the count of sentences begins.
            first_word: Where the count of words begins.

        Returns:
            The columns of `EncodedSplit.windows`.
        """
        columns: dict[str, list[Any]] = {name: [] for name in (*self.tokenizer.model_input_names, "word_ids")}
        columns["sentence"] = []
        encodings = self.tokenizer([list(row) for row in words], is_split_into_words=True, verbose=False)
        for number, row in enumerate(words):
            for inputs, word_ids in self._windows(row, encodings, number):
                for name in self.tokenizer.model_input_names:
                    columns[name].append(inputs[name])
                columns["word_ids"].append(np.where(word_ids == NO_WORD, NO_WORD, word_ids + first_word))
                columns["sentence"].append(first_sentence + number)
            first_word += len(row)
        if tags is not None:
            gold = np.array([tag for row in tags for tag in row], dtype=np.int64)
            base = first_word - len(gold)
            columns["labels"] = [self.align_labels(ids, gold, first_word=base) for ids in columns["word_ids"]]
        return columns

    def align_labels(self, word_ids: Ids, word_labels: Ids, *, first_word: int = 0) -> Ids:
        """Gives subwords the labels of their words, as `label_alignment` says.

        Args:
            word_ids: <int>[subwords], -1 where there is no word.
            word_labels: <int>[words], a label id or -100.
            first_word: The word id that `word_labels` begins with.

        Returns:
            <int>[subwords], a label id or -100.
        """
        labels = np.full(len(word_ids), IGNORED, dtype=np.int64)
        is_word = word_ids != NO_WORD
        labels[is_word] = word_labels[word_ids[is_word] - first_word]
        is_later = is_word & ~first_subwords(word_ids)
        if self.label_alignment == "first":
            labels[is_later] = IGNORED
        elif self.label_alignment == "all":
            is_later &= labels != IGNORED
            labels[is_later] = self.inside_ids[labels[is_later]]
        return labels

    def _windows(
        self, words: Sequence[str], encodings: BatchEncoding, number: int
    ) -> Iterator[tuple[Mapping[str, list[int]], Ids]]:
        """For one sentence, each window's inputs and the words it decides, counted in the sentence."""
        word_ids = word_ids_of(encodings, number)
        if len(word_ids) <= self.max_length:
            yield {name: encodings[name][number] for name in self.tokenizer.model_input_names}, word_ids
            return
        num_subwords = np.bincount(word_ids[word_ids != NO_WORD], minlength=len(words)).tolist()
        stride = min(self.stride, self.max_subwords // 2)
        for window in split_into_windows(num_subwords, max_subwords=self.max_subwords, stride=stride):
            part = [list(words[window.start : window.end])]
            encoding = self.tokenizer(part, is_split_into_words=True, verbose=False)
            ids = word_ids_of(encoding, 0)
            fitting = self._fitting(ids)
            ids[ids != NO_WORD] += window.start
            ids[(ids < window.keep_start) | (ids >= window.keep_end)] = NO_WORD
            names = self.tokenizer.model_input_names
            yield {name: np.asarray(encoding[name][0])[fitting].tolist() for name in names}, ids[fitting]

    def _fitting(self, word_ids: Ids) -> Ids:
        """Which positions of a window to keep: all, unless its one word is too long and loses its last subwords.

        Not left to the tokenizer, which would remember the limit and be saved with it.
        """
        positions = np.arange(len(word_ids))
        excess = len(word_ids) - self.max_length
        if excess <= 0:
            return positions
        end_of_word = np.flatnonzero(word_ids != NO_WORD)[-1] + 1
        return np.delete(positions, slice(end_of_word - excess, end_of_word))


@dataclass(frozen=True)
class TokenClassification(WordEncoder, Task):
    """Tokenizes words, aligns their labels with subwords, and turns predictions for subwords back into tags of words.

    Attributes:
        tokenizer: A fast tokenizer, which knows the word of each subword.
        tag_names: The tags by label id.
        max_length: The longest input in subwords, special ones included; longer sentences are split into windows.
        stride: The most subwords that two windows of a sentence share, and never more than half a window.
        label_alignment: How the later subwords of a word are labelled: `all`, with the word's tag, I- in place of B-;
            `first`, not at all; `repeat`, with the word's tag unchanged.
    """

    pipeline_tag = "token-classification"
    model_class = "TFAutoModelForTokenClassification"
    predictions_suffix = "conll"
    reads_words = True
    own_options = Kind.OF_TAGS
    outputs_word = "tags"
    says_nothing = frozenset({OUTSIDE})

    @staticmethod
    def load_corpus(config: TaskConfig) -> DatasetDict:
        return load_configured(config)

    @staticmethod
    def output_names_of(corpus: DatasetDict) -> tuple[str, ...]:
        return tuple(next(iter(corpus.values())).features["tags"].feature.names)

    @staticmethod
    def words_of(rows: Dataset) -> Iterable[Sequence[str]]:
        return rows["words"]

    @classmethod
    def model_settings(cls, output_names: Sequence[str]) -> dict[str, Any]:
        if len(output_names) == 1:
            raise DataError(
                f"Received data whose only tag is {output_names[0]!r}; expected at least two tags, or there is "
                "nothing to learn. Choose another column with --tag-column, or ignore fewer labels."
            )
        return super().model_settings(output_names)

    @classmethod
    def of_model(
        cls, tokenizer: PreTrainedTokenizerFast, model_config: PretrainedConfig, *, max_length: int, config: TrainConfig
    ) -> Self:
        return cls(
            tokenizer,
            cls.output_names_in(model_config),
            max_length=max_length,
            stride=config.stride,
            label_alignment=config.label_alignment,
        )

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.tag_names

    @property
    def labels(self) -> list[str]:
        """What the tags stand for, in their order: the kinds of entity, or the tags themselves."""
        if not self.has_entities:
            return list(self.tag_names)
        return list(dict.fromkeys(split_tag(tag)[1] for tag in self.tag_names if tag != OUTSIDE))

    @property
    def headline(self) -> str:
        return self.words.headline

    @property
    def has_entities(self) -> bool:
        """Whether the tags spell entities; otherwise they stand for themselves, as parts of speech do."""
        return all(map(is_iob, self.tag_names))

    @property
    def outside_id(self) -> int:
        """The label id of a word about which nothing is known."""
        return self.tag_names.index(OUTSIDE) if OUTSIDE in self.tag_names else 0

    @property
    def words(self) -> TokenWords:
        return TokenWords(has_entities=self.has_entities, max_length=self.max_length)

    def references(self, rows: Dataset) -> Sentences:
        names = rows.features["tags"].feature.names
        return [[names[tag] for tag in row] for row in rows["tags"]]

    def score(self, encoded: EncodedRows, references: Sentences, outputs: Outputs) -> SplitScores:
        assert isinstance(encoded, EncodedSplit)
        return _score_words(self, encoded, references, outputs)

    def interval(self, scored: SplitScores, *, num_resamples: int) -> dict[str, Any]:
        return bootstrap_interval(
            scored.gold, scored.predicted, entities=self.has_entities, num_resamples=num_resamples
        )

    @property
    def log_names(self) -> tuple[str, ...]:
        """Ratios, and F1 by label where the tags spell entities."""
        if not self.has_entities:
            return ("loss", "accuracy")
        labels = (f"f1_{label}" for label in sorted(self.labels))
        return ("loss", "precision", "recall", "f1", "strict_f1", "accuracy", *labels)

    def write_predictions(self, file: TextIO, rows: Dataset, scored: SplitScores) -> None:
        """Writes every word with its gold and its predicted tag."""
        write_conll(file, zip(rows["words"], scored.gold, scored.predicted, strict=True))

    def results(self, inputs: Sequence[Any], columns: Mapping[str, list[Any]], outputs: Outputs) -> list[TaggedWords]:
        """Each sentence's words with their tags and scores."""
        num_words = np.array([len(row) for row in inputs])
        word_ids, total = np.concatenate(columns["word_ids"]), int(num_words.sum())
        tags = merge_words(word_ids, np.concatenate(outputs.predictions), num_words=total, missing=self.outside_id)
        scores = merge_words(word_ids, np.concatenate(outputs.scores), num_words=total, missing=0.0)
        names = np.array(self.tag_names, dtype=object)[tags]
        borders = np.cumsum(num_words)[:-1]
        return [
            TaggedWords(list(words), row_tags.tolist(), row_scores.tolist())
            for words, row_tags, row_scores in zip(
                inputs, np.split(names, borders), np.split(scores, borders), strict=True
            )
        ]

    def answer_lines(
        self, lines: Sequence[str], answer: Callable[[Sequence[Any]], list[Any]], *, words: bool, first_line: int = 1
    ) -> Iterator[AnnotatedText | TaggedWords]:
        """Entities where the tags spell them, otherwise words with tags."""
        split = [words_at_spaces(line) if words else split_words(line) for line in lines]
        tagged = answer([[word.text for word in row] for row in split])
        if not self.has_entities:
            return iter(tagged)
        return (
            AnnotatedText(line, list(entities_of(line, row, result)))
            for line, row, result in zip(lines, split, tagged, strict=True)
        )

    def examples(self, rows: Dataset) -> list[Example]:
        """The sentences, their words joined by spaces; good ones have an entity by their gold tags."""
        return [
            Example(" ".join(words), is_good=any(tag != OUTSIDE for tag in tags))
            for words, tags in zip(rows["words"], self.references(rows), strict=True)
            if words
        ]


def _score_words(task: TokenClassification, encoded: EncodedSplit, gold: Sentences, outputs: Outputs) -> SplitScores:
    """Scores every word, and every subword.

    Returns:
        The metrics are what `score_entities` gives (`score_tags` if the tags are not IOB), `words`, `words_scored`,
        `sentences`, and under `subword` the same scores of all subwords; gold and predicted are tags by sentence.
    """
    subword_ids: Ids = np.concatenate(outputs.predictions)
    num_words = int(encoded.num_words.sum())
    word_ids = merge_words(encoded.word_ids, subword_ids, num_words=num_words, missing=task.outside_id)
    names = np.array(task.tag_names, dtype=object)
    predicted = [names[row].tolist() for row in encoded.by_sentence(word_ids)]
    score_rows = score_entities if task.has_entities else score_tags
    metrics = {
        **score_rows(gold, predicted),
        "words": num_words,
        "words_scored": num_words - encoded.num_words_lost,
        "sentences": len(gold),
        "subword": score_subwords(task, encoded, gold, names[subword_ids]),
    }
    return SplitScores(metrics=metrics, gold=gold, predicted=predicted, outputs=outputs)


def score_subwords(
    task: TokenClassification, encoded: EncodedSplit, gold: Sentences, predicted: NDArray[Any]
) -> dict[str, float]:
    """Scores every subword as if it were a word, as the published course does; for comparison only."""
    word_ids = encoded.word_ids
    gold_of_words = np.array([tag for row in gold for tag in row], dtype=object)
    is_word = word_ids != NO_WORD
    gold_of_subwords = gold_of_words[word_ids[is_word]]
    is_later = ~first_subwords(word_ids)[is_word]
    gold_of_subwords[is_later] = [inside(tag) for tag in gold_of_subwords[is_later]]
    sentences = np.repeat(np.asarray(encoded.windows["sentence"]), encoded.lengths)[is_word]
    borders = np.cumsum(np.bincount(sentences, minlength=len(gold)))[:-1]
    score_rows = score_entities if task.has_entities else score_tags
    scores = score_rows(
        [row.tolist() for row in np.split(gold_of_subwords, borders)],
        [row.tolist() for row in np.split(predicted[is_word], borders)],
    )
    return {name: scores[name] for name in ("precision", "recall", "f1", "accuracy") if name in scores}
