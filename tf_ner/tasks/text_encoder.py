"""Texts, or pairs of texts → subwords with a label, cut where they are longer than the encoder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from datasets import ClassLabel, Dataset, Features, List, Value
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from tf_ner.corpus.texts.labels import HIDDEN
from tf_ner.errors import ConfigError, DataError, ModelError
from tf_ner.tasks.task import IGNORED, EncodedRows, warn_of_unknown
from tf_ner.tasks.tokenizers import require_padding

Texts = str | tuple[str, str]
"""A text, or a pair of texts."""


_KINDS = {1: "single texts", 2: "pairs of texts"}


class References(NamedTuple):
    """The right labels of a split.

    Attributes:
        values: Label ids, -100 where they are hidden; or numbers, NaN where they are hidden.
        names: The labels by id: the model's, and after them those of the data that it does not have.
    """

    values: NDArray[Any]
    names: list[str]


@dataclass(frozen=True)
class EncodedTexts(EncodedRows):
    """A split as the encoder reads it.

    Attributes:
        windows: A row a text or pair: the tokenizer's columns, `labels` (a label id, -100 where there is none; or a
            number, NaN where there is none), and `num_subwords`, before anything was cut.
    """

    def num_longer(self, max_length: int) -> int:
        """How many texts or pairs have more subwords."""
        return int((np.asarray(self.windows["num_subwords"]) > max_length).sum())


@dataclass(frozen=True)
class TextEncoder:
    """How texts, or pairs of texts, become subwords; its attributes are those of `TextClassification`."""

    tokenizer: PreTrainedTokenizerFast
    label_names: tuple[str, ...]
    max_length: int
    num_texts: int | None = None

    def __post_init__(self) -> None:
        if not getattr(self.tokenizer, "is_fast", False):
            raise ModelError(
                f"Received {type(self.tokenizer).__name__}; expected a fast tokenizer. "
                "Use a model that comes with a tokenizer.json."
            )
        require_padding(self.tokenizer)
        num_special = self.tokenizer.num_special_tokens_to_add(pair=self.num_texts == 2)
        if self.max_length < num_special + (self.num_texts or 1):
            raise ConfigError(
                f"Received --max-length {self.max_length}; expected more than the {num_special} special subwords and "
                "one of each text. Raise --max-length."
            )

    def encode_split(self, rows: Dataset) -> EncodedTexts:
        """Encodes a split.

        Args:
            rows: `text`, `text_pair` if there are pairs, and `label`, as `load_texts` gives them; labels are told by
                name, and one that the model does not have is ignored by the loss.
        """
        columns = text_columns_of(rows)
        values, names = self.references(rows)
        if self.label_names:
            unknown = {name: int((values == names.index(name)).sum()) for name in names[len(self.label_names) :]}
            warn_of_unknown(unknown, total=len(values), what="texts")
            values = np.where(values < len(self.label_names), values, IGNORED)

        def encode_batch(batch: dict[str, list[Any]], numbers: list[int]) -> dict[str, list[Any]]:
            texts = batch["text"] if len(columns) == 1 else list(zip(*(batch[name] for name in columns), strict=True))
            return {**self.encode(texts), "labels": values[numbers].tolist()}

        features = dict.fromkeys(self.tokenizer.model_input_names, List(Value("int32")))
        label = Value("int32" if self.label_names else "float32")
        windows = rows.map(
            encode_batch,
            batched=True,
            with_indices=True,
            remove_columns=rows.column_names,
            features=Features({**features, "labels": label, "num_subwords": Value("int32")}),
        )
        return EncodedTexts(windows)

    def encode(self, inputs: Sequence[Texts]) -> dict[str, list[Any]]:
        """Encodes texts, or pairs of texts; their token types are 0, and 1 from the second text on.

        Raises:
            DataError: There are both, or not what the model was trained on.
        """
        kinds = {1 if isinstance(texts, str) else len(texts) for texts in inputs}
        if len(kinds | ({self.num_texts} - {None})) > 1 or not kinds <= _KINDS.keys():
            received = " and ".join(_KINDS.get(kind, f"{kind} texts in one") for kind in sorted(kinds))
            expected = f"{_KINDS[self.num_texts]}, as the model was trained on" if self.num_texts else "all alike"
            raise DataError(f"Received {received}; expected {expected}. Change the input, or its columns.")
        parts: list[list[Any]] = [list(part) for part in zip(*inputs, strict=True)] if 2 in kinds else [list(inputs)]
        encodings = self.tokenizer(*parts, verbose=False) if inputs else {}
        names = self.tokenizer.model_input_names
        columns: dict[str, list[Any]] = {name: list(encodings.get(name, [])) for name in names}
        columns["num_subwords"] = [len(row) for row in columns["input_ids"]]
        long = [row for row, length in enumerate(columns["num_subwords"]) if length > self.max_length]
        if long:
            cut = self._cut([[part[row] for row in long] for part in parts])
            for name in names:
                for row, values in zip(long, cut[name], strict=True):
                    columns[name][row] = values
        return columns

    def _cut(self, parts: list[list[str]]) -> Mapping[str, list[Any]]:
        try:
            return self.tokenizer(*parts, truncation="longest_first", max_length=self.max_length, verbose=False)
        finally:
            # It would remember the limit and be saved with it.
            self.tokenizer.backend_tokenizer.no_truncation()

    def remarks(self, encoded: EncodedRows) -> Iterator[str]:
        assert isinstance(encoded, EncodedTexts)
        if num_long := encoded.num_longer(self.max_length):
            yield f"{num_long} of {len(encoded.windows)} examples exceed {self.max_length} subwords and are cut"

    def references(self, rows: Dataset) -> References:
        """The right labels by the model's ids; data and model may have them in another order."""
        values = np.asarray(rows["label"])
        feature = rows.features["label"]
        if not isinstance(feature, ClassLabel):
            return References(values.astype(np.float32), [])
        names = list(dict.fromkeys([*self.label_names, *feature.names]))
        ids = np.array([*map(names.index, feature.names), IGNORED], dtype=np.int64)
        return References(ids[np.where(values == HIDDEN, len(feature.names), values)], names)


def text_columns_of(rows: Dataset) -> list[str]:
    return [name for name in ("text", "text_pair") if name in rows.column_names]
