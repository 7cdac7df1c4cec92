"""A model over a whole split: every word's tag, and the scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from datasets import Dataset
from transformers import TFPreTrainedModel

from tf_ner.corpus.tags import inside, is_iob
from tf_ner.evaluation.scores import Sentences, score_entities, score_tags
from tf_ner.pipeline.sampling import evaluation_batches
from tf_ner.pipeline.to_tf import batches_to_tf
from tf_ner.tasks.token_classification import NO_WORD, Ids, TokenClassification, first_subwords, merge_words
from tf_ner.training.losses import sum_of_losses


@dataclass(frozen=True)
class SplitScores:
    """What a model made of a split.

    Attributes:
        metrics: As in `metrics.json`: `loss`, what `score_entities` gives (`score_tags` if the tags are not IOB),
            `words`, `words_scored`, `sentences`, and under `subword` the same scores of all subwords.
        gold: The split's tags by sentence.
        predicted: The model's tags by sentence.
    """

    metrics: dict[str, Any]
    gold: Sentences
    predicted: Sentences


class Scorer:
    """Scores models on one split, again and again; the split is encoded once.

    Args:
        sentences: `words` and `tags`, as `load_corpus` gives them.
        task: How words become subwords.
        batch_size: Windows a batch.
    """

    def __init__(self, sentences: Dataset, task: TokenClassification, *, batch_size: int = 32):
        names = sentences.features["tags"].feature.names
        self.gold = [[names[tag] for tag in row] for row in sentences["tags"]]
        self.encoded = task.encode_split(sentences)
        self._task = task
        self._score_rows = score_entities if all(map(is_iob, task.tag_names)) else score_tags
        self._batches = evaluation_batches(self.encoded.lengths, batch_size=batch_size)
        self._dataset = batches_to_tf(self.encoded.windows, self._batches, tokenizer=task.tokenizer)
        self._model: TFPreTrainedModel | None = None

    def score(self, model: TFPreTrainedModel) -> SplitScores:
        """Predicts the tag of every word and scores it."""
        subword_ids, loss = self._predict(model)
        num_words = int(self.encoded.num_words.sum())
        word_ids = merge_words(self.encoded.word_ids, subword_ids, num_words=num_words, missing=self._task.outside_id)
        names = np.array(self._task.tag_names, dtype=object)
        predicted = [names[row].tolist() for row in self.encoded.by_sentence(word_ids)]
        metrics = {
            "loss": loss,
            **self._score_rows(self.gold, predicted),
            "words": num_words,
            "words_scored": num_words - self.encoded.num_words_lost,
            "sentences": len(self.gold),
            "subword": self._score_subwords(names[subword_ids]),
        }
        return SplitScores(metrics=metrics, gold=self.gold, predicted=predicted)

    def _predict(self, model: TFPreTrainedModel) -> tuple[Ids, float]:
        """The arg-max of every subword, one window after the other, and the mean loss of a label."""
        if model is not self._model:
            self._model, self._step = model, _make_step(model, self._dataset.element_spec)
        rows: list[Ids] = [np.empty(0, np.int64)] * len(self.encoded.lengths)
        loss = num_labels = 0.0
        pads_left = self._task.tokenizer.padding_side == "left"
        for batch, (inputs, labels) in zip(self._batches, self._dataset, strict=True):
            ids, batch_loss, batch_labels = self._step(inputs, labels)
            loss, num_labels = loss + float(batch_loss), num_labels + float(batch_labels)
            for row, padded in zip(batch, ids.numpy(), strict=True):
                length = self.encoded.lengths[row]
                rows[row] = padded[-length:] if pads_left else padded[:length]
        return np.concatenate(rows), loss / num_labels if num_labels else 0.0

    def _score_subwords(self, predicted: np.ndarray) -> dict[str, float]:
        """Scores every subword as if it were a word, as the published course does; for comparison only."""
        word_ids = self.encoded.word_ids
        gold_of_words = np.array([tag for row in self.gold for tag in row], dtype=object)
        is_word = word_ids != NO_WORD
        gold = gold_of_words[word_ids[is_word]]
        is_later = ~first_subwords(word_ids)[is_word]
        gold[is_later] = [inside(tag) for tag in gold[is_later]]
        sentences = np.repeat(np.asarray(self.encoded.windows["sentence"]), self.encoded.lengths)[is_word]
        borders = np.cumsum(np.bincount(sentences, minlength=len(self.gold)))[:-1]
        scores = self._score_rows(
            [row.tolist() for row in np.split(gold, borders)],
            [row.tolist() for row in np.split(predicted[is_word], borders)],
        )
        return {name: scores[name] for name in ("precision", "recall", "f1", "accuracy") if name in scores}


def _make_step(model: TFPreTrainedModel, element_spec: Any) -> Any:
    @tf.function(input_signature=element_spec)
    def step(inputs: dict[str, tf.Tensor], labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        logits = model(inputs, training=False).logits
        return tf.argmax(logits, axis=-1), *sum_of_losses(labels, logits)

    return step
