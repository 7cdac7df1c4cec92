"""A fine-tuned model on new text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from transformers import TFPreTrainedModel

from tf_ner.corpus.tags import tags_to_spans
from tf_ner.corpus.words import Word, split_words, words_at_spaces
from tf_ner.tasks.token_classification import TokenClassification, merge_words
from tf_ner.training.models import load_trained

# Texts read ahead, so that a batch can be made of windows of similar length; bounds the memory.
_TEXTS_AT_ONCE = 1024


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


class Predictor:
    """Finds entities with a fine-tuned model.

    Args:
        model: The model.
        task: How it was trained to read words.
        batch_size: Windows a batch; changes the speed and no prediction.
    """

    def __init__(self, model: TFPreTrainedModel, task: TokenClassification, *, batch_size: int = 32):
        self._task = task
        self._batch_size = batch_size
        spec = {name: tf.TensorSpec([None, None], tf.int32) for name in task.tokenizer.model_input_names}

        @tf.function(input_signature=[spec])
        def tag_subwords(inputs: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            logits = tf.cast(model(inputs, training=False).logits, tf.float32)
            return tf.argmax(logits, axis=-1), tf.reduce_max(tf.nn.softmax(logits), axis=-1)

        self._tag_subwords = tag_subwords

    @classmethod
    def from_pretrained(cls, model: str, *, revision: str | None = None, batch_size: int = 32) -> "Predictor":
        """Loads a run's output folder or a model from the Hub.

        Raises:
            ModelError: There is none, or it was not fine-tuned for entities.
        """
        return cls(*load_trained(model, revision=revision), batch_size=batch_size)

    def find_entities(self, texts: Iterable[str], *, split_at_spaces: bool = False) -> Iterator[AnnotatedText]:
        """Finds the entities of each text, in constant memory however many there are.

        Args:
            texts: A sentence each.
            split_at_spaces: The texts are already split into words, with spaces between.
        """
        split = words_at_spaces if split_at_spaces else split_words
        texts = iter(texts)
        while chunk := list(islice(texts, _TEXTS_AT_ONCE)):
            words = [split(text) for text in chunk]
            tagged = self._tag([[word.text for word in row] for row in words])
            for text, row, result in zip(chunk, words, tagged, strict=True):
                yield AnnotatedText(text, list(_entities(text, row, result)))

    def tag_words(self, sentences: Iterable[Sequence[str]]) -> Iterator[TaggedWords]:
        """Tags each word of each sentence, in constant memory however many there are."""
        sentences = iter(sentences)
        while chunk := list(islice(sentences, _TEXTS_AT_ONCE)):
            yield from self._tag(chunk)

    def _tag(self, sentences: Sequence[Sequence[str]]) -> list[TaggedWords]:
        columns = self._task.encode(sentences)
        lengths = np.array([len(row) for row in columns["input_ids"]])
        subword_ids: list[NDArray[Any]] = [np.empty(0)] * len(lengths)
        subword_scores = subword_ids.copy()
        longest_first = np.argsort(-lengths, kind="stable")
        for start in range(0, len(lengths), self._batch_size):
            rows = longest_first[start : start + self._batch_size]
            ids, scores = self._tag_subwords(self._pad(columns, rows))
            for row, row_ids, row_scores in zip(rows, ids.numpy(), scores.numpy(), strict=True):
                subword_ids[row], subword_scores[row] = self._unpad(row_ids, row_scores, lengths[row])
        num_words = np.array([len(row) for row in sentences])
        word_ids = np.concatenate(columns["word_ids"])
        total = int(num_words.sum())
        tags = merge_words(word_ids, np.concatenate(subword_ids), num_words=total, missing=self._task.outside_id)
        scores = merge_words(word_ids, np.concatenate(subword_scores), num_words=total, missing=0.0)
        names = np.array(self._task.tag_names, dtype=object)[tags]
        borders = np.cumsum(num_words)[:-1]
        return [
            TaggedWords(list(words), row_tags.tolist(), row_scores.tolist())
            for words, row_tags, row_scores in zip(
                sentences, np.split(names, borders), np.split(scores, borders), strict=True
            )
        ]

    def _pad(self, columns: dict[str, list[Any]], rows: NDArray[np.int64]) -> dict[str, tf.Tensor]:
        tokenizer = self._task.tokenizer
        inputs = {name: [columns[name][row] for row in rows] for name in tokenizer.model_input_names}
        padded = tokenizer.pad(inputs, return_tensors="np", verbose=False)
        return {name: tf.constant(array, tf.int32) for name, array in padded.items()}

    def _unpad(self, ids: NDArray[Any], scores: NDArray[Any], length: int) -> tuple[NDArray[Any], NDArray[Any]]:
        if self._task.tokenizer.padding_side == "left":
            return ids[-length:], scores[-length:]
        return ids[:length], scores[:length]


def _entities(text: str, words: Sequence[Word], tagged: TaggedWords) -> Iterator[Entity]:
    for span in tags_to_spans(tagged.tags):
        start, end = words[span.start].start, words[span.end - 1].end
        score = float(np.mean(tagged.scores[span.start : span.end]))
        yield Entity(span.label, start, end, text[start:end], score)
