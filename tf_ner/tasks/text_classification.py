"""One label a text, or a pair of texts; or a number."""

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TextIO

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from numpy.typing import NDArray
from transformers import PretrainedConfig, PreTrainedTokenizerFast

from tf_ner.corpus.sentences import what_is_no_text
from tf_ner.corpus.texts.labels import HIDDEN
from tf_ner.corpus.texts.loading import glue_task, load_configured_texts
from tf_ner.errors import ConfigError, DataError, ModelError
from tf_ner.evaluation.intervals import bootstrap_interval
from tf_ner.evaluation.texts import bootstrap_numbers, score_labels, score_numbers
from tf_ner.options.commands import EvaluateConfig
from tf_ner.options.kinds import Kind
from tf_ner.options.train import TaskConfig, TrainConfig
from tf_ner.tables import numbers_of
from tf_ner.tasks.card_words import TextWords
from tf_ner.tasks.records import record_of
from tf_ner.tasks.task import IGNORED, EncodedRows, Example, Outputs, SplitScores, Task, warn_of_unknown
from tf_ner.tasks.tokenizers import require_padding

logger = logging.getLogger(__name__)

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
        return int((numbers_of(self.windows, "num_subwords") > max_length).sum())


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
                f"Received --max-length {self.max_length}; expected room for the {num_special} special subwords "
                "and at least one of each text. Raise --max-length."
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
            received = " and ".join(_KINDS.get(kind, f"{kind} texts per example") for kind in sorted(kinds))
            expected = f"{_KINDS[self.num_texts]}, as the model was trained on" if self.num_texts else "all of one kind"
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


@dataclass(frozen=True)
class ClassifiedText:
    """A text, or a pair, with its label and how probable that is; of a model for numbers, the number is the score."""

    text: str
    text_pair: str | None
    label: str | None
    score: float


@dataclass(frozen=True)
class TextClassification(TextEncoder, Task):
    """Tokenizes texts, or pairs of texts, for classification or regression, and reads labels and scores off outputs.

    Inputs longer than `max_length` are cut; in a pair, the longer text first.

    Attributes:
        tokenizer: A fast tokenizer.
        label_names: The labels by id; empty for regression.
        max_length: The longest input in subwords, special ones included.
        num_texts: 1 for single texts, 2 for pairs; None to accept either.
        metric: The metric that selects the best epoch; by default `accuracy`, or `pearson` for regression.
    """

    metric: str | None = None

    pipeline_tag = "text-classification"
    model_class = "TFAutoModelForSequenceClassification"
    predictions_suffix = "jsonl"
    reads_words = False
    own_options = Kind.OF_TEXTS

    @staticmethod
    def load_corpus(config: TaskConfig) -> DatasetDict:
        return load_configured_texts(config)

    @staticmethod
    def output_names_of(corpus: DatasetDict) -> tuple[str, ...]:
        feature = next(iter(corpus.values())).features["label"]
        return tuple(feature.names) if isinstance(feature, ClassLabel) else ()

    @staticmethod
    def words_of(rows: Dataset) -> Iterator[list[str]]:
        return (text.split() for column in text_columns_of(rows) for text in rows[column])

    @staticmethod
    def config_of(corpus: DatasetDict) -> dict[str, Any]:
        return {"num_texts": len(text_columns_of(next(iter(corpus.values()))))}

    @classmethod
    def model_settings(cls, output_names: Sequence[str]) -> dict[str, Any]:
        if not output_names:
            return {"num_labels": 1, "problem_type": "regression"}
        if len(output_names) == 1:
            raise DataError(
                f"Received data whose only label is {output_names[0]!r}; expected at least two labels. Choose another "
                "column with --label-column."
            )
        return {**super().model_settings(output_names), "problem_type": "single_label_classification"}

    @classmethod
    def output_names_in(cls, model_config: PretrainedConfig) -> tuple[str, ...]:
        return () if model_config.num_labels == 1 else super().output_names_in(model_config)

    @classmethod
    def of_model(
        cls, tokenizer: PreTrainedTokenizerFast, model_config: PretrainedConfig, *, max_length: int, config: TrainConfig
    ) -> Self:
        glue = glue_task(config.dataset, config.dataset_config)
        return cls(
            tokenizer,
            cls.output_names_in(model_config),
            max_length=max_length,
            num_texts=getattr(model_config, "num_texts", None),
            metric=glue.metrics[0] if glue else None,
        )

    def reading_config(self, config: EvaluateConfig) -> EvaluateConfig:
        if config.label_type != "auto":
            return config
        return dataclasses.replace(config, label_type="names" if self.label_names else "numbers")

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.label_names

    @property
    def labels(self) -> list[str]:
        return list(self.label_names)

    @property
    def headline(self) -> str:
        return self.metric or ("accuracy" if self.label_names else "pearson")

    @property
    def words(self) -> TextWords:
        return TextWords(
            has_labels=bool(self.label_names),
            are_pairs=self.num_texts == 2,
            max_length=self.max_length,
            headline=self.headline,
        )

    def score(self, encoded: EncodedRows, references: References, outputs: Outputs) -> SplitScores:
        """Scores the rows whose labels are not hidden."""
        assert isinstance(encoded, EncodedTexts)
        values, names = references
        is_told = values != IGNORED if names else ~np.isnan(values)
        gold, predicted = values[is_told], np.array(outputs.predictions)[is_told]
        if not len(gold):
            return SplitScores(metrics={}, gold=gold, predicted=predicted, outputs=outputs)
        if names:
            scores = score_labels(gold, predicted, names, num_predicted=len(self.label_names))
        else:
            scores = score_numbers(gold, predicted)
        counts = {"examples": len(values), "examples_cut": encoded.num_longer(self.max_length)}
        return SplitScores(metrics={**scores, **counts}, gold=gold, predicted=predicted, outputs=outputs)

    def interval(self, scored: SplitScores, *, num_resamples: int) -> dict[str, Any]:
        """Of `accuracy`; of numbers of all their scores."""
        if not self.label_names:
            gold, predicted = np.asarray(scored.gold), np.asarray(scored.predicted)
            return bootstrap_numbers(gold, predicted, num_resamples=num_resamples)
        # Accuracy is that of words' tags, where each row is a sentence of one word.
        rows = ([[str(label)] for label in labels] for labels in (scored.gold, scored.predicted))
        return bootstrap_interval(*rows, entities=False, num_resamples=num_resamples)

    @property
    def log_names(self) -> tuple[str, ...]:
        """All scores; of more than two labels the mean of their F1."""
        if not self.label_names:
            return ("loss", "pearson", "spearmanr", "mse")
        of_labels = ("precision", "recall", "f1") if len(self.label_names) == 2 else ("macro_f1",)
        return ("loss", "accuracy", *of_labels, "matthews_correlation")

    def write_predictions(self, file: TextIO, rows: Dataset, scored: SplitScores) -> None:
        """Writes a JSON object a line: the text or pair, `gold` if it is not hidden, and the label and its score."""
        values, names = self.references(rows)
        for answer, value in zip(self._answers(_inputs(rows), scored.outputs), values, strict=True):
            record = {name: part for name, part in dataclasses.asdict(answer).items() if part is not None}
            is_told = value != IGNORED if names else not np.isnan(value)
            gold = {"gold": names[value] if names else round(float(value), 6)} if is_told else {}
            file.write(json.dumps({**record, **gold}, ensure_ascii=False) + "\n")

    def results(
        self, inputs: Sequence[Texts], columns: Mapping[str, list[Any]], outputs: Outputs
    ) -> list[ClassifiedText]:
        """Each text or pair with its label; says how many were cut."""
        if num_long := sum(length > self.max_length for length in columns["num_subwords"]):
            logger.warning("%d of %d texts exceed %d subwords and are cut", num_long, len(inputs), self.max_length)
        return list(self._answers(inputs, outputs))

    def _answers(self, inputs: Iterable[Texts], outputs: Outputs) -> Iterator[ClassifiedText]:
        for texts, prediction, score in zip(inputs, outputs.predictions, outputs.scores, strict=True):
            text, text_pair = (texts, None) if isinstance(texts, str) else texts
            yield ClassifiedText(
                text, text_pair, self.label_names[prediction] if self.label_names else None, float(score)
            )

    def answer_lines(
        self,
        lines: Sequence[str | Mapping[str, Any]],
        answer: Callable[[Sequence[Any]], list[Any]],
        *,
        words: bool,
        as_words: bool = False,
        first_line: int = 1,
    ) -> Iterator[ClassifiedText]:
        """A line is a text, a pair divided by a tab, or a JSON object with `text` and, of a pair, `text_pair`."""
        if words:
            raise ConfigError("Received --words and a model for texts; expected texts as they are. Leave out --words.")
        read: list[Texts] = []
        for number, line in enumerate(lines, start=first_line):
            texts = self._read_line(line)
            if problem := self._what_is_wrong(texts):
                # What stands before is answered first.
                yield from answer(read)
                raise DataError(f"line {number}: received {str(line)[:60]!r}, {problem}. Fix the line.")
            read.append(texts[0] if len(texts) == 1 else (texts[0], texts[1]))
        yield from answer(read)

    def _read_line(self, line: str | Mapping[str, Any]) -> Sequence[Any]:
        record = record_of(line) if isinstance(line, str) else line
        if record is not None:
            texts = [record.get("text"), record.get("text_pair")]
            return texts if texts[1] is not None else texts[:1]
        assert isinstance(line, str)
        return [line] if self.num_texts == 1 else line.split("\t")

    def _what_is_wrong(self, texts: Sequence[Any]) -> str | None:
        if texts[0] is None:
            return "an object without a text; expected one under the key text"
        allowed = (self.num_texts,) if self.num_texts else (1, 2)
        if len(texts) not in allowed:
            expected = " or ".join(("one text", "two separated by a tab")[number - 1] for number in allowed)
            return f"which holds {len(texts)} texts; expected {expected}"
        if not all(isinstance(text, str) for text in texts):
            return "whose texts are not strings; expected strings"
        if what_is_no_text(*texts):
            return "which contains half a character; expected text"
        return None

    def examples(self, rows: Dataset) -> list[Example]:
        return [Example(texts) if isinstance(texts, str) else Example(*texts) for texts in _inputs(rows)]


def _inputs(rows: Dataset) -> Iterator[Texts]:
    columns = [rows[name] for name in text_columns_of(rows)]
    return iter(columns[0]) if len(columns) == 1 else zip(*columns, strict=True)
