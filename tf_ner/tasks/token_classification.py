"""One tag a word: entities, chunks and parts of speech."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Self, TextIO

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, List
from numpy.typing import NDArray
from transformers import PretrainedConfig, PreTrainedTokenizerFast

from tf_ner.corpus.formats.conll import write_conll
from tf_ner.corpus.loading.places import read_places
from tf_ner.corpus.loading.sources import load_configured, word_rule_of
from tf_ner.corpus.schemes import from_iob2, scheme_of_names, to_iob2
from tf_ner.corpus.tags import OUTSIDE, inside, is_iob, split_tag, tags_to_spans
from tf_ner.corpus.words import Word
from tf_ner.errors import DataError
from tf_ner.evaluation.errors import EntityErrors, TagErrors, analyze_entities, analyze_tags
from tf_ner.evaluation.intervals import bootstrap_interval
from tf_ner.evaluation.scores import Sentences, score_entities, score_tags
from tf_ner.options.kinds import Kind
from tf_ner.options.train import SchemeName, TaskConfig, TrainConfig, WordRule
from tf_ner.tables import numbers_of, values_of
from tf_ner.tasks.card_words import TokenWords
from tf_ner.tasks.records import Wrong, words_of
from tf_ner.tasks.task import EncodedRows, Example, Ids, Outputs, SplitScores, Task
from tf_ner.tasks.windows import NO_WORD, first_subwords, merge_words
from tf_ner.tasks.word_encoder import EncodedSplit, WordEncoder

logger = logging.getLogger(__name__)


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
class TokenClassification(WordEncoder, Task):
    """Tokenizes words, aligns their labels with subwords, and turns predictions for subwords back into tags of words.

    Attributes:
        tokenizer: A fast tokenizer, which knows the word of each subword.
        tag_names: The tags by label id.
        max_length: The longest input in subwords, special ones included; longer sentences are split into windows.
        stride: The most subwords that two windows of a sentence share, and never more than half a window.
        label_alignment: How the later subwords of a word are labelled: `all`, with the word's tag, I- in place of B-;
            `first`, not at all; `repeat`, with the word's tag unchanged.
        word_rule: By which rule raw text is split, as that of the training data was.
    """

    word_rule: WordRule = "corpus"

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
        return values_of(rows, "words")

    @staticmethod
    def config_of(corpus: DatasetDict) -> dict[str, Any]:
        return {"word_rule": word_rule_of(corpus)}

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
            word_rule="text" if getattr(model_config, "word_rule", None) == "text" else "corpus",
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

    @cached_property
    def scheme(self) -> SchemeName | None:
        """How the tags spell entities; None if they stand for themselves, as parts of speech do."""
        return scheme_of_names(self.tag_names)

    @property
    def has_entities(self) -> bool:
        """Whether the tags spell entities."""
        return self.scheme is not None

    def usual_rows(self, rows: Dataset) -> Dataset:
        """As in `WordEncoder`, and with tags in the scheme of the model."""
        rows = super().usual_rows(rows)
        names = rows.features["tags"].feature.names
        if self.scheme is None or self.scheme == "iob2" or scheme_of_names(names) != "iob2":
            return rows
        tags = [from_iob2(row, self.scheme) for row in self.references(rows)]
        known = list(dict.fromkeys([*self.tag_names, *chain.from_iterable(tags)]))
        ids = {name: number for number, name in enumerate(known)}
        numbers = [[ids[tag] for tag in row] for row in tags]
        return rows.remove_columns("tags").add_column("tags", numbers, feature=List(ClassLabel(names=known)))

    def as_iob2(self, tags: Sequence[str]) -> list[str]:
        """The tags of a sentence in IOB2, in which entities are read and scored; those that spell none stay."""
        return to_iob2(tags, self.scheme) if self.scheme not in (None, "iob2") else list(tags)

    def compare_outputs(self, of_data: Sequence[str]) -> None:
        if self.scheme not in (None, "iob2") and {split_tag(name)[1] for name in of_data if is_iob(name)} & {
            *self.labels
        }:
            # By label, since the spelling differs.
            return
        super().compare_outputs(of_data)

    @property
    def outside_id(self) -> int:
        """The label id of a word about which nothing is known."""
        return self.tag_names.index(OUTSIDE) if OUTSIDE in self.tag_names else 0

    @property
    def words(self) -> TokenWords:
        return TokenWords(has_entities=self.has_entities, max_length=self.max_length)

    def references(self, rows: Dataset) -> Sentences:
        return list(self._tags_of(rows))

    def _tags_of(self, rows: Dataset) -> Iterator[list[str]]:
        names = rows.features["tags"].feature.names
        tags = ([names[tag] for tag in row] for row in values_of(rows, "tags"))
        return map(self.as_iob2, tags) if scheme_of_names(names) == self.scheme else tags

    def score(self, encoded: EncodedRows, references: Sentences, outputs: Outputs) -> SplitScores:
        assert isinstance(encoded, EncodedSplit)
        return _score_words(self, encoded, references, outputs)

    def interval(self, scored: SplitScores, *, num_resamples: int) -> dict[str, Any]:
        return bootstrap_interval(
            scored.gold,
            scored.predicted,
            missed=scored.missed,
            entities=self.has_entities,
            num_resamples=num_resamples,
        )

    def compare_words(self, corpus: DatasetDict) -> None:
        if (of_data := word_rule_of(corpus)) != self.word_rule:
            logger.info(
                "The words of this data are those of the rule %r, and the model splits new text by %r: scores may "
                "differ from what it finds there.",
                of_data, self.word_rule,
            )  # fmt: skip

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

    def errors(
        self, encoded: EncodedRows, scored: SplitScores, corpus: DatasetDict, split: str, *, config: TaskConfig
    ) -> EntityErrors | TagErrors:
        """By entity where the tags spell them, otherwise by tag."""
        assert isinstance(encoded, EncodedSplit)
        words = list(values_of(corpus[split], "words"))
        if not self.has_entities:
            return analyze_tags(scored.gold, scored.predicted, words=words)
        num_words = int(encoded.num_words.sum())
        scores = merge_words(encoded.word_ids, np.concatenate(scored.outputs.scores), num_words=num_words, missing=0.0)
        train = corpus.get("train")
        return analyze_entities(
            scored.gold,
            scored.predicted,
            words=words,
            train=None if train is None else zip(values_of(train, "words"), self._tags_of(train), strict=True),
            scores=[row.tolist() for row in encoded.by_sentence(scores)],
            places=read_places(config, split, words),
            missed=list(chain.from_iterable(scored.missed)),
        )

    def results(self, inputs: Sequence[Any], columns: Mapping[str, list[Any]], outputs: Outputs) -> list[TaggedWords]:
        """Each sentence's words with their tags and scores."""
        num_words = np.array([len(row) for row in inputs])
        word_ids, total = np.concatenate(columns["word_ids"]), int(num_words.sum())
        tags = merge_words(word_ids, np.concatenate(outputs.predictions), num_words=total, missing=self.outside_id)
        scores = merge_words(word_ids, np.concatenate(outputs.scores), num_words=total, missing=0.0)
        names = np.array(self.tag_names, dtype=object)[tags]
        borders = np.cumsum(num_words)[:-1]
        return [
            TaggedWords(list(words), self.as_iob2(row_tags.tolist()), row_scores.tolist())
            for words, row_tags, row_scores in zip(
                inputs, np.split(names, borders), np.split(scores, borders), strict=True
            )
        ]

    def answer_lines(
        self,
        lines: Sequence[str | Mapping[str, Any]],
        answer: Callable[[Sequence[Any]], list[Any]],
        *,
        words: bool,
        as_words: bool = False,
        first_line: int = 1,
    ) -> Iterator[AnnotatedText | TaggedWords]:
        """Entities where the tags spell them, otherwise words with tags; a record may have `words` too."""
        read: list[tuple[str, list[Word]]] = []
        for number, line in enumerate(lines, start=first_line):
            found = words_of(line, self.word_rule, at_spaces=words)
            if isinstance(found, Wrong):
                # What stands before is answered first.
                yield from self._answers(read, answer, as_words=as_words)
                raise DataError(f"line {number}: received {str(line)[:60]!r}, {found.problem}. Fix the line.")
            read.append(found)
        yield from self._answers(read, answer, as_words=as_words)

    def _answers(
        self,
        read: Sequence[tuple[str, list[Word]]],
        answer: Callable[[Sequence[Any]], list[Any]],
        *,
        as_words: bool,
    ) -> Iterator[AnnotatedText | TaggedWords]:
        tagged = answer([[word.text for word in row] for _, row in read])
        if as_words or not self.has_entities:
            yield from tagged
            return
        for (text, row), result in zip(read, tagged, strict=True):
            yield AnnotatedText(text, list(entities_of(text, row, result)))

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
        The metrics are what `score_entities` gives (`score_tags` if the tags are not IOB), `missed`, how many of the
        gold entities end inside a word, if any do; `words`, `words_scored`,
        `sentences`, and under `subword` the same scores of all subwords; gold and predicted are tags by sentence.
    """
    subword_ids: Ids = np.concatenate(outputs.predictions)
    num_words = int(encoded.num_words.sum())
    word_ids = merge_words(encoded.word_ids, subword_ids, num_words=num_words, missing=task.outside_id)
    names = np.array(task.tag_names, dtype=object)
    predicted = [task.as_iob2(names[row].tolist()) for row in encoded.by_sentence(word_ids)]
    missed = encoded.missed if task.has_entities else ()
    num_missed = sum(map(len, missed))
    if task.has_entities:
        scores = score_entities(gold, predicted, chain.from_iterable(missed))
    else:
        scores = score_tags(gold, predicted)
    metrics = {
        **scores,
        **({"missed": num_missed} if num_missed else {}),
        "words": num_words,
        "words_scored": num_words - encoded.num_words_lost,
        "sentences": len(gold),
        "subword": score_subwords(task, encoded, gold, _spelt_alone(task)[subword_ids]),
    }
    return SplitScores(metrics=metrics, gold=gold, predicted=predicted, outputs=outputs, missed=missed)


def _spelt_alone(task: TokenClassification) -> NDArray[Any]:
    """The tags by label id, each spelt in IOB2 by itself."""
    names = [_IOB2.get(tag[:2], tag[:2]) + tag[2:] if task.has_entities else tag for tag in task.tag_names]
    return np.array(names, dtype=object)


_IOB2 = {"S-": "B-", "U-": "B-", "E-": "I-", "L-": "I-"}


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
    sentences = np.repeat(numbers_of(encoded.windows, "sentence"), encoded.lengths)[is_word]
    borders = np.cumsum(np.bincount(sentences, minlength=len(gold)))[:-1]
    score_rows = score_entities if task.has_entities else score_tags
    scores = score_rows(
        [row.tolist() for row in np.split(gold_of_subwords, borders)],
        [row.tolist() for row in np.split(predicted[is_word], borders)],
    )
    return {name: scores[name] for name in ("precision", "recall", "f1", "accuracy") if name in scores}
