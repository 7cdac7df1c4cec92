"""Batches as the replicas of a strategy read them."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import tensorflow as tf
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from tf_ner.batches.sampling import Batches, share_out
from tf_ner.batches.to_tf import batches_to_tf
from tf_ner.errors import ConfigError


class ReplicaBatches:
    """Batches of which each replica of a strategy reads its share; each process makes those of its own replicas.

    Args:
        windows: As for `make_dataset`.
        batches: The rows of each, over all replicas; none of it is lost, whatever their number.
        tokenizer: Pads.
        strategy: Whose replicas.
        num_rows: How many rows each share has, if need be some without labels; one at least if not given.
        num_subwords: To what length each share is padded, which must then have `num_rows` rows; to that of its longest
            row if not given.

    Attributes:
        dataset: For `fit` and for loops; with several replicas it does not end.
        shares: The rows that each replica of this process reads: of the first step, then of the second, and so on.
        num_steps: How many batches there are.
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
        num_rows: int | None = None,
        num_subwords: int | None = None,
    ):
        shares = share_out(batches, strategy.num_replicas_in_sync, num_rows=num_rows)

        def of_this_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
            num_processes, process = context.num_input_pipelines, context.input_pipeline_id
            if hasattr(self, "shares"):
                raise ConfigError(
                    "Received a TPU of several hosts; expected one host, or a process on each. Choose a smaller TPU."
                )
            num_own = context.num_replicas_in_sync // num_processes
            self.shares = [share for number, share in enumerate(shares) if number // num_own % num_processes == process]
            dataset = batches_to_tf(windows, self.shares, tokenizer=tokenizer, num_subwords=num_subwords)
            # Of a dataset that may end, the replicas would ask each other before each batch whether there is one.
            return dataset if context.num_replicas_in_sync == 1 else dataset.repeat()

        self.num_steps = len(batches)
        self.dataset = strategy.distribute_datasets_from_function(of_this_process)

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self.dataset), self.num_steps)
