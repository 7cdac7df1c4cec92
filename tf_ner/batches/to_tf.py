"""Batches through `Dataset.to_tf_dataset`: padded by the collators of transformers, or packed."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from datasets import Dataset, List
from numpy.typing import NDArray
from transformers import DataCollatorForTokenClassification, DataCollatorWithPadding, PreTrainedTokenizerFast

from tf_ner.batches.layouts import Layout, Packed, PackedFixed, Padded
from tf_ner.batches.packing import Packing, packed_inputs
from tf_ner.batches.sampling import (
    Batches,
    Ids,
    batches_of_epochs,
    evaluation_batches,
    is_filler,
    rows_behind,
)
from tf_ner.errors import ConfigError
from tf_ner.tables import Lists, dataset_of, numbers_of
from tf_ner.tasks.task import IGNORED

logger = logging.getLogger(__name__)


def make_dataset(
    windows: Dataset,
    *,
    tokenizer: PreTrainedTokenizerFast,
    batch_size: int,
    epochs: int = 1,
    shuffle: bool = False,
    group_by_length: bool = False,
    seed: int = 42,
    packing: bool = False,
) -> tf.data.Dataset:
    """Makes batches for Keras, padded or packed.

    Args:
        windows: Rows with the tokenizer's columns and `labels`, as a task's `encode_split` makes them.
        tokenizer: Pads the batches.
        batch_size: The number of rows per batch.
        epochs: The number of consecutive epochs, each in its own order; with more than one, pass
            `steps_per_epoch=num_batches(len(windows), batch_size)` to `fit`. A second pass over them logs a warning.
        shuffle: Whether to form random batches for training; otherwise the order is that of `evaluation_batches`.
            With one epoch, Keras repeats the same order in each of its own epochs.
        group_by_length: Whether to batch rows of similar length together at random; no effect without `shuffle`.
        seed: Seed of the order.
        packing: Whether the sentences of a batch lie one behind the other, for a model of `packed`, instead of each in
            a padded row: the same loss, with less to compute.

    Returns:
        Batches of ({`input_ids`: <int64>[batch, subwords], …}, labels <int64>[batch, subwords]), each padded to its
        longest row, labels with -100; or labels <int64>[batch] or <float32>[batch], if each row has one label. Packed,
        inputs and labels of subwords are <int64>[rows, subwords], as `tf_ner.batches.packing` says. The cardinality is
        the number of steps.
    """
    lengths = Lists.of(windows, "input_ids").lengths
    if shuffle:
        batches = batches_of_epochs(
            lengths, batch_size=batch_size, epochs=epochs, seed=seed, group_by_length=group_by_length
        )
    else:
        batches = evaluation_batches(lengths, batch_size=batch_size) * epochs
    layout = Packed() if packing else Padded()
    dataset = batches_to_tf(windows, batches, tokenizer=tokenizer, layout=layout)
    return dataset if epochs == 1 else _telling_of_second_pass(dataset, num_batches=len(batches), epochs=epochs)


def _telling_of_second_pass(dataset: tf.data.Dataset, *, num_batches: int, epochs: int) -> tf.data.Dataset:
    """Lets a data set warn when it is read again, as Keras does where nobody says how many batches an epoch has."""
    was_read = False

    def look(number: np.int64) -> np.int64:
        nonlocal was_read
        if number == 0 and was_read:
            logger.warning(
                "A second pass over the batches of all %d epochs is starting: `fit` reads all of them in each of its "
                "own epochs unless it is called with steps_per_epoch=%d",
                epochs, num_batches // epochs,
            )  # fmt: skip
        was_read = was_read or bool(number == num_batches - 1)
        return number

    # Behind all that reads ahead: what nobody asked for is not read.
    def looked_at(number: tf.Tensor, batch: Any) -> Any:
        with tf.control_dependencies([tf.numpy_function(look, [number], tf.int64)]):
            return tf.nest.map_structure(tf.identity, batch)

    return dataset.enumerate().map(looked_at)


def batches_to_tf(
    windows: Dataset, batches: Batches, *, tokenizer: PreTrainedTokenizerFast, layout: Layout
) -> tf.data.Dataset:
    """Makes batches of the given rows, in the given order.

    Args:
        windows: As for `make_dataset`.
        batches: The rows of each; fillers have no labels.
        tokenizer: Pads.
        layout: How the rows of a batch are laid out.
    """
    collate: _Collator
    if isinstance(layout, Padded):
        collate = _PaddedCollator(windows, tokenizer, layout.row_length)
    else:
        collate = _PackedCollator(windows, tokenizer, layout)
    # One row of this data set is one batch: so batches may be formed in any way, epoch after epoch.
    examples, sizes = np.concatenate([np.zeros(0, np.int64), *batches]), np.array([*map(len, batches)], np.int64)
    rows = dataset_of(pa.table({"rows": Lists.array(examples, sizes)}))
    dataset = rows.to_tf_dataset(batch_size=1, collate_fn=collate, num_test_batches=2, prefetch=False)
    collate.is_probed = False

    def features_and_labels(batch: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        batch = {name: tf.ensure_shape(values, layout.shape(values.shape.rank)) for name, values in batch.items()}
        return {name: values for name, values in batch.items() if name != "labels"}, batch["labels"]

    return dataset.map(features_and_labels).prefetch(tf.data.AUTOTUNE)


class _Collator(ABC):
    """Turns a row of row numbers into a batch."""

    def __init__(self) -> None:
        self.is_probed = True
        self._num_probes = 0

    def __call__(self, batch_rows: Sequence[dict[str, Any]]) -> dict[str, NDArray[Any]]:
        batch = self.collate(np.asarray(batch_rows[0]["rows"], dtype=np.int64))
        if self.is_probed:
            # A length that all its probes have in common `to_tf_dataset` takes for fixed: let every one differ.
            self._num_probes += 1
            return {name: np.zeros((self._num_probes,) * array.ndim, array.dtype) for name, array in batch.items()}
        return batch

    @abstractmethod
    def collate(self, rows: Ids) -> dict[str, NDArray[Any]]:
        """The inputs and the labels of these rows, of which fillers have no labels."""


class _PaddedCollator(_Collator):
    """Each row padded to the longest, by the collators of transformers."""

    def __init__(self, windows: Dataset, tokenizer: PreTrainedTokenizerFast, row_length: int | None):
        super().__init__()
        self._windows = windows.select_columns([*tokenizer.model_input_names, "labels"])
        has_lists = isinstance(windows.features["labels"], List)
        collator = DataCollatorForTokenClassification if has_lists else DataCollatorWithPadding
        padding = {"padding": "max_length", "max_length": row_length} if row_length else {}
        self._collate = collator(tokenizer, return_tensors="np", **padding)
        self._no_label = _no_label(windows)

    def collate(self, rows: Ids) -> dict[str, NDArray[Any]]:
        columns = self._windows[rows_behind(rows)]
        batch = dict(
            self._collate([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])
        )
        batch["labels"][is_filler(rows)] = self._no_label
        return batch


class _PackedCollator(_Collator):
    """The rows one behind the other, as `packed_inputs` lays them."""

    def __init__(self, windows: Dataset, tokenizer: PreTrainedTokenizerFast, layout: Packed | PackedFixed):
        super().__init__()
        names = [name for name in tokenizer.model_input_names if name != "attention_mask"]
        self._columns = {name: Lists.of(windows, name) for name in names}
        has_lists = isinstance(windows.features["labels"], List)
        self._labels = Lists.of(windows, "labels") if has_lists else numbers_of(windows, "labels")
        self._no_label = _no_label(windows)
        self._padding_id = tokenizer.pad_token_id
        self._layout = layout

    def collate(self, rows: Ids) -> dict[str, NDArray[Any]]:
        pieces = self._layout.pieces(self._columns["input_ids"].lengths[rows_behind(rows)])
        batches = [self._batch(rows[piece.sentences], piece.packing) for piece in pieces]
        if not self._layout.is_in_pieces:
            [batch] = batches
            return batch
        return {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}

    def _batch(self, rows: Ids, packing: Packing) -> dict[str, NDArray[Any]]:
        columns = {name: column.of_rows(rows_behind(rows)) for name, column in self._columns.items()}
        inputs = packed_inputs(columns, packing, padding_id=self._padding_id)
        has_label = ~is_filler(rows)
        if isinstance(self._labels, Lists):
            of_subwords = np.concatenate([_NO_LABELS, *self._labels.of_rows(rows_behind(rows))])
            labels = np.where(np.repeat(has_label, packing.lengths), of_subwords, IGNORED)
            return {**inputs, "labels": packing.spread(labels, IGNORED)}
        of_texts = np.where(has_label, self._labels[rows_behind(rows)], self._no_label).astype(self._labels.dtype)
        # All pieces have as many texts, if need be some subword again, without a label.
        num_missing = (self._layout.num_texts or len(rows)) - len(rows)
        return {
            **inputs,
            "first_subwords": np.pad(packing.starts.astype(np.int32), (0, num_missing)),
            "labels": np.pad(of_texts, (0, num_missing), constant_values=self._no_label),
        }


_NO_LABELS = np.zeros(0, np.int32)


def _no_label(windows: Dataset) -> float:
    """What stands for a label that no loss looks at."""
    labels = windows.features["labels"]
    return IGNORED if isinstance(labels, List) or labels.dtype.startswith("int") else np.nan


class ReplicaBatches:
    """Batches of which each replica of a strategy reads its share; each process makes those of its own replicas.

    Args:
        windows: As for `make_dataset`.
        batches: The rows of each, over all replicas; none of it is lost, whatever their number.
        tokenizer: Pads.
        strategy: Whose replicas.
        layout: Of what each replica reads.

    Attributes:
        dataset: For `fit` and for loops; with several replicas it does not end.
        shares: The rows that each replica of this process reads: of the first step, then of the second, and so on.
        num_steps: How many batches there are.
        layout: As given.
    """

    dataset: tf.data.Dataset | tf.distribute.DistributedDataset
    shares: Batches

    def __init__(
        self,
        windows: Dataset,
        batches: Batches,
        *,
        tokenizer: PreTrainedTokenizerFast,
        strategy: tf.distribute.Strategy,
        layout: Layout,
    ):
        lengths = Lists.of(windows, "input_ids").lengths
        shares = layout.share_out(batches, lengths, strategy.num_replicas_in_sync)

        def of_this_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
            num_processes, process = context.num_input_pipelines, context.input_pipeline_id
            if hasattr(self, "shares"):
                raise ConfigError(
                    "Received a TPU with several hosts; expected one host, or one process per host. Choose a smaller "
                    "TPU."
                )
            num_own = context.num_replicas_in_sync // num_processes
            self.shares = [share for number, share in enumerate(shares) if number // num_own % num_processes == process]
            dataset = batches_to_tf(windows, self.shares, tokenizer=tokenizer, layout=layout)
            # Of a dataset that may end, the replicas would ask each other before each batch whether there is one.
            return dataset if context.num_replicas_in_sync == 1 else dataset.repeat()

        self.num_steps = len(batches)
        self.layout = layout
        self.dataset = strategy.distribute_datasets_from_function(of_this_process)

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self.dataset), self.num_steps)
