"""Windows → what a model says of them: packed where its encoder can be computed so, or else padded."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from transformers import TFPreTrainedModel

from tf_ner.batches.packing import pack, packed_inputs
from tf_ner.models.packed import packed, why_not_packed
from tf_ner.tasks.outputs import logits_of, read_out, without_padding
from tf_ner.tasks.task import Ids, Outputs, Task
from tf_ner.tasks.token_classification import TokenClassification
from tf_ner.tasks.windows import first_subwords

ReadOut = Callable[[Task, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""Gives two tensors for logits <float>[…, labels], as `read_out` does."""

_USUAL_LENGTH = 64
_MOST_WINDOWS = 512
_BATCHES_AT_ONCE = 2
"""Where processors would wait for one batch, they compute the other."""


def read_probabilities(task: Task, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """As `read_out`, with the probabilities of all labels <float32>[…, labels] for scores."""
    return tf.argmax(logits, axis=-1), tf.nn.softmax(tf.cast(logits, tf.float32))


def word_probabilities(
    task: TokenClassification, columns: Mapping[str, Sequence[Any]], outputs: Outputs, *, num_words: int
) -> NDArray[np.float32]:
    """The probabilities of all tags of each word, those of its first subword.

    Args:
        task: The model's task.
        columns: As the task encodes sentences.
        outputs: With what `read_probabilities` gives for scores.
        num_words: Of all sentences together.

    Returns:
        <float32>[words, labels]; a word without subwords is outside of every entity.
    """
    word_ids = np.concatenate([np.zeros(0, np.int64), *columns["word_ids"]])
    first = first_subwords(word_ids)
    probabilities = np.concatenate(outputs.scores)
    outside = np.eye(probabilities.shape[-1], dtype=np.float32)[task.outside_id]
    of_words = np.tile(outside, (num_words, 1))
    of_words[word_ids[first]] = probabilities[first]
    return of_words


class Forward:
    """Computes windows in batches of similar length.

    Args:
        model: The fine-tuned model.
        task: The model's task.
        batch_size: How many windows of 64 subwords a batch has; of shorter ones it has more, of longer ones fewer.
        read: What is read off the logits.
    """

    def __init__(self, model: TFPreTrainedModel, task: Task, *, batch_size: int, read: ReadOut = read_out):
        self._task = task
        self._batch_size = batch_size
        # Kept, since TensorFlow keeps memory for each thread that ever calls it.
        self._pool = ThreadPoolExecutor(_BATCHES_AT_ONCE)
        self._has_lists = task.reads_words
        self._is_packed = why_not_packed(model) is None
        reader = packed(model) if self._is_packed else model
        names = [name for name in task.tokenizer.model_input_names if not (self._is_packed and name == _MASK)]
        self._names = names
        spec = {name: tf.TensorSpec([None, None], tf.int32) for name in names}
        if self._is_packed:
            spec |= {name: tf.TensorSpec([None, None], tf.int32) for name in ("position_ids", "segment_ids")}
            spec |= {} if self._has_lists else {"first_subwords": tf.TensorSpec([None], tf.int32)}

        @tf.function(input_signature=[spec])
        def step(inputs: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            return read(task, logits_of(reader, inputs, training=False))

        self._step = step

    def __call__(self, columns: Mapping[str, Sequence[Any]]) -> Outputs:
        """Gives what the model says of each window, in their order.

        Args:
            columns: The tokenizer's columns, a list of int for each window.
        """
        lengths = np.array([len(row) for row in columns["input_ids"]], dtype=np.int64)
        predictions: list[NDArray[Any]] = [np.empty(0)] * len(lengths)
        scores = predictions.copy()
        compute = self._packed if self._is_packed else self._padded

        def fill(rows: Ids) -> None:
            for row, of_row, scores_of_row in zip(rows, *compute(columns, rows, lengths[rows]), strict=True):
                predictions[row], scores[row] = of_row, scores_of_row

        # The first fault is raised here.
        deque(self._pool.map(fill, batches_of(lengths, self._batch_size)), maxlen=0)
        return Outputs(predictions, scores)

    def _packed(self, columns: Mapping[str, Sequence[Any]], rows: Ids, lengths: Ids) -> list[Any]:
        packing = pack(lengths)
        arrays = {name: [np.asarray(columns[name][row]) for row in rows] for name in self._names}
        inputs = packed_inputs(arrays, packing, padding_id=self._task.tokenizer.pad_token_id)
        if not self._has_lists:
            inputs["first_subwords"] = packing.starts.astype(np.int32)
        found = [array.numpy() for array in self._step({name: tf.constant(array) for name, array in inputs.items()})]
        if not self._has_lists:
            return found
        borders = np.cumsum(lengths)[:-1]
        return [np.split(array.reshape(-1, *array.shape[2:])[packing.positions], borders) for array in found]

    def _padded(self, columns: Mapping[str, Sequence[Any]], rows: Ids, lengths: Ids) -> list[Any]:
        tokenizer = self._task.tokenizer
        inputs = {name: [columns[name][row] for row in rows] for name in self._names}
        padded = tokenizer.pad(inputs, return_tensors="np", verbose=False)
        found = self._step({name: tf.constant(array, tf.int32) for name, array in padded.items()})
        return [
            [without_padding(self._task, *row) for row in zip(array.numpy(), lengths, strict=True)] for array in found
        ]


def batches_of(lengths: Ids, batch_size: int) -> Iterator[Ids]:
    """Windows of similar length, the longest first.

    Args:
        lengths: Of all windows <int>[windows], in subwords.
        batch_size: How many windows of 64 subwords fit into a batch.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        room = batch_size * _USUAL_LENGTH // max(int(lengths[order[start]]), 1)
        end = start + min(max(room, 1), _MOST_WINDOWS)
        yield order[start:end]
        start = end


_MASK = "attention_mask"
