"""A fine-tuned model on new text."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from transformers import TFPreTrainedModel

from tf_ner.errors import ConfigError, ModelError
from tf_ner.models.loading import load_trained
from tf_ner.tasks.outputs import logits_of, read_out, without_padding
from tf_ner.tasks.task import Outputs, Task
from tf_ner.tasks.text_classification import ClassifiedText
from tf_ner.tasks.token_classification import AnnotatedText, Entity, TaggedWords

__all__ = ["AnnotatedText", "ClassifiedText", "Entity", "Predictor", "TaggedWords"]

# Texts read ahead, so that a batch can be made of windows of similar length; bounds the memory.
_TEXTS_AT_ONCE = 1024


class Predictor:
    """Finds entities, tags words, or classifies texts with a fine-tuned model.

    Args:
        model: The fine-tuned model.
        task: The model's task, which encodes input as in training.
        batch_size: The number of windows per batch; affects the speed, not the predictions.
    """

    def __init__(self, model: TFPreTrainedModel, task: Task, *, batch_size: int = 32):
        if batch_size < 1:
            raise ConfigError(f"Received batch_size {batch_size}; expected 1 or more. Change it.")
        self._task = task
        self._batch_size = batch_size
        spec = {name: tf.TensorSpec([None, None], tf.int32) for name in task.tokenizer.model_input_names}

        @tf.function(input_signature=[spec])
        def predict_batch(inputs: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            return read_out(task, logits_of(model, inputs, training=False))

        self._predict_batch = predict_batch

    @classmethod
    def from_pretrained(cls, model: str, *, revision: str | None = None, batch_size: int = 32) -> "Predictor":
        """Loads a model from a run's output folder or from the Hub.

        Raises:
            ModelError: There is no such model, or it was not fine-tuned for a task that tf_ner knows.
        """
        return cls(*load_trained(model, revision=revision), batch_size=batch_size)

    @property
    def has_entities(self) -> bool:
        """Whether the model's tags spell entities, so that `find_entities` works."""
        return getattr(self._task, "has_entities", False)

    def find_entities(self, texts: Iterable[str], *, split_at_spaces: bool = False) -> Iterator[AnnotatedText]:
        """Finds the entities of each text, in constant memory however many there are.

        Args:
            texts: Texts, one sentence each.
            split_at_spaces: Whether the texts are already split into words, separated by spaces.

        Raises:
            ModelError: The model's tags do not spell entities; use `tag_words`.
        """
        self._require("token-classification")
        if not self.has_entities:
            raise ModelError(
                f"Received a model with the tags {', '.join(self._task.output_names[:5])} …; expected one for "
                "entities. Use Predictor.tag_words."
            )
        return self.answer_lines(texts, words=split_at_spaces)

    def tag_words(self, sentences: Iterable[Sequence[str]]) -> Iterator[TaggedWords]:
        """Tags each word of each sentence, in constant memory however many there are."""
        self._require("token-classification")
        return self._answer_all(_refuse_text(sentence, "sentence", "words") for sentence in _several(sentences))

    def classify(self, texts: Iterable[str | tuple[str, str]]) -> Iterator[ClassifiedText]:
        """Predicts a label (or a number) for each text or pair of texts, in constant memory however many there are.

        Raises:
            ModelError: The model is for token classification.
        """
        self._require("text-classification")
        return self._answer_all(_several(texts))

    def answer_lines(self, lines: Iterable[str], *, words: bool = False) -> Iterator[Any]:
        """Answers each line of text as `tf-ner predict` does, in constant memory however many there are.

        Args:
            lines: Lines of text, without line ends.
            words: Whether the lines are already split into words, separated by spaces.
        """
        first_line = 1
        for chunk in _chunks(_several(lines)):
            yield from self._task.answer_lines(chunk, self._answer, words=words, first_line=first_line)
            first_line += len(chunk)

    def _require(self, pipeline_tag: str) -> None:
        if self._task.pipeline_tag != pipeline_tag:
            raise ModelError(
                f"Received a model for {self._task.pipeline_tag.replace('-', ' ')}; expected one for "
                f"{pipeline_tag.replace('-', ' ')}. Use Predictor.answer_lines, or another model."
            )

    def _answer_all(self, inputs: Iterable[Any]) -> Iterator[Any]:
        for chunk in _chunks(inputs):
            yield from self._answer(chunk)

    def _answer(self, inputs: Sequence[Any]) -> list[Any]:
        columns = self._task.encode(inputs)
        return self._task.results(inputs, columns, self._predict(columns))

    def _predict(self, columns: dict[str, list[Any]]) -> Outputs:
        lengths = np.array([len(row) for row in columns["input_ids"]])
        predictions: list[NDArray[Any]] = [np.empty(0)] * len(lengths)
        scores = predictions.copy()
        longest_first = np.argsort(-lengths, kind="stable")
        for start in range(0, len(lengths), self._batch_size):
            rows = longest_first[start : start + self._batch_size]
            of_batch, scores_of_batch = self._predict_batch(self._pad(columns, rows))
            for row, padded, padded_scores in zip(rows, of_batch.numpy(), scores_of_batch.numpy(), strict=True):
                predictions[row] = without_padding(self._task, padded, lengths[row])
                scores[row] = without_padding(self._task, padded_scores, lengths[row])
        return Outputs(predictions, scores)

    def _pad(self, columns: dict[str, list[Any]], rows: NDArray[np.int64]) -> dict[str, tf.Tensor]:
        tokenizer = self._task.tokenizer
        inputs = {name: [columns[name][row] for row in rows] for name in tokenizer.model_input_names}
        padded = tokenizer.pad(inputs, return_tensors="np", verbose=False)
        return {name: tf.constant(array, tf.int32) for name, array in padded.items()}


def _several(texts: Any) -> Any:
    return _refuse_text(texts, "text", "texts")


def _refuse_text(value: Any, name: str, several: str) -> Any:
    """Stops where one text is given for several: its letters would be taken for them.

    Raises:
        ConfigError: It is one.
    """
    if isinstance(value, str):
        raise ConfigError(f"Received one {name} ({value[:40]!r}); expected a list of {several}. Pass [{name}].")
    return value


def _chunks(inputs: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(inputs)
    while chunk := list(islice(iterator, _TEXTS_AT_ONCE)):
        yield chunk
