"""A fine-tuned model on new text."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, islice
from threading import Lock
from typing import Any, NamedTuple, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from transformers import TFPreTrainedModel

from tf_ner.corpus.tags import OUTSIDE, begun, tags_to_spans
from tf_ner.errors import ConfigError, DataError, ModelError, TfNerError
from tf_ner.inference.aggregation import aggregated
from tf_ner.inference.annotation import annotated_table
from tf_ner.inference.decoding import legal_transitions, viterbi
from tf_ner.inference.forward import Forward, read_probabilities, word_probabilities
from tf_ner.inference.runtimes import ExportedModel, load_exported
from tf_ner.inference.sentences import divided
from tf_ner.models.loading import load_trained, outputs_in_float32
from tf_ner.options.commands import Aggregation, Decoder, RuntimeChoice
from tf_ner.options.train import Precision, TrainConfig
from tf_ner.tasks.outputs import read_out
from tf_ner.tasks.records import PlainLine, text_of
from tf_ner.tasks.task import Outputs, Task
from tf_ner.tasks.text_classification import ClassifiedText
from tf_ner.tasks.token_classification import AnnotatedText, Entity, TaggedWords, TokenClassification
from tf_ner.tasks.windows import NO_WORD, first_subwords
from tf_ner.training.strategies import computing_in, with_known_precision

__all__ = ["AnnotatedText", "ClassifiedText", "Entity", "Predictor", "TaggedWords"]

# Texts read ahead, so that a batch can be made of windows of similar length; bounds the memory.
_TEXTS_AT_ONCE = 1024
_CHUNKS_AT_ONCE = 2


class Predictor:
    """Finds entities, tags words, or classifies texts with a fine-tuned model.

    Args:
        model: The fine-tuned model, or one that was exported.
        task: The model's task, which encodes input as in training.
        batch_size: How many windows of 64 subwords a batch has, more of shorter ones and fewer of longer ones; affects
            the speed, not the predictions.
        decoder: `argmax` gives each word its most probable tag, `viterbi` each sentence the most probable sequence that
            the tagging scheme allows.
        aggregation: What has a tag: words, by their first subword; or, as in transformers' pipeline, subwords of the
            text as it is (`simple`), or what the tokenizer takes for words, by their first subword, their mean or their
            surest subword (`first`, `average`, `max`).
        sentences: Whether texts are divided into sentences first, each of which is answered by itself.
        thresholds: The least score of an entity by its label, and under None of all other labels; entities with less
            are left out.

    Raises:
        ConfigError: The batch size is less than 1, or the model has no such labels, or no entities, or the decoder and
            the aggregation do not go together.
    """

    def __init__(
        self,
        model: TFPreTrainedModel | ExportedModel,
        task: Task,
        *,
        batch_size: int = 32,
        decoder: Decoder = "argmax",
        aggregation: Aggregation = "word",
        sentences: bool = False,
        thresholds: Mapping[str | None, float] | None = None,
    ):
        for name, value, known in (("decoder", decoder, Decoder), ("aggregation", aggregation, Aggregation)):
            if value not in get_args(known):
                raise ConfigError(f"Received {name} {value!r}; expected {', '.join(get_args(known))}. Change it.")
        if batch_size < 1:
            raise ConfigError(f"Received batch_size {batch_size}; expected 1 or more. Change it.")
        self._task = task
        # Tokenizers are for one thread at a time.
        self._encoding = Lock()
        # Kept, since TensorFlow keeps memory for each thread that ever calls it.
        self._pool = ThreadPoolExecutor(_CHUNKS_AT_ONCE)
        self._thresholds = thresholds or {}
        _require_labels(task, self._thresholds)
        self._aggregation = aggregation
        if aggregation != "word":
            _require_subwords(task, aggregation, decoder, sentences=sentences)
        if sentences and not task.reads_words:
            raise ConfigError(
                "Received --sentences and a model for whole texts; expected one that tags words. Leave it out."
            )
        self._sentences = sentences
        self._transitions = _transitions_of(task) if decoder == "viterbi" else None
        needs_all = self._transitions is not None or aggregation != "word"
        self._predict: Callable[[Mapping[str, Sequence[Any]]], Outputs]
        if isinstance(model, ExportedModel):
            score = "probabilities" if needs_all else "scores"
            self._predict = model.forward(batch_size=batch_size, score=score)
        else:
            read = read_probabilities if needs_all else read_out
            self._predict = Forward(model, task, batch_size=batch_size, read=read)

    @classmethod
    def from_pretrained(
        cls,
        model: str,
        *,
        revision: str | None = None,
        precision: Precision = "float32",
        label_names: Sequence[str] = (),
        runtime: RuntimeChoice = "auto",
        **options: Any,
    ) -> "Predictor":
        """Loads a model from a run's output folder, from that of an export, or from the Hub.

        Args:
            model: The folder, or the name.
            revision: The branch, tag or commit on the Hub.
            precision: What is computed in; `auto` is `bfloat16` where the device has units for it. An export
                computes in its own.
            label_names: The names of the model's labels by id, if it calls them `LABEL_0` and so on.
            runtime: What runs it; `auto` is what it was exported for, and TensorFlow for all others.
            **options: Those of this class.

        Raises:
            ModelError: There is no such model, it has another number of labels, or was not fine-tuned for a task that
                tf_ner knows.
            ConfigError: As of this class, or the labels have names already.
        """
        if (exported := load_exported(model, runtime, precision)) is not None:
            _refuse_names(model, exported[1], label_names)
            return cls(*exported, **options)
        precision = with_known_precision(TrainConfig(precision=precision)).precision
        with computing_in(precision):
            loaded, task = load_trained(model, revision=revision, label_names=label_names)
        _refuse_names(model, task, label_names)
        if precision != "float32":
            outputs_in_float32(loaded)
        return cls(loaded, task, **options)

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
        return self.answer_lines(map(_as_plain, _several(texts)), words=split_at_spaces)

    def tag_words(self, sentences: Iterable[Sequence[str]]) -> Iterator[TaggedWords]:
        """Tags each word of each sentence, in constant memory however many there are.

        Raises:
            ModelError: The model is for whole texts.
            ConfigError: Subwords of texts are to be put together, not words.
        """
        self._require("token-classification")
        if self._aggregation != "word":
            raise ConfigError(
                f"Received words and the aggregation {self._aggregation!r}; expected 'word', since others read text as "
                "it is. Use another Predictor."
            )
        return self._answer_all(_refuse_text(sentence, "sentence", "words") for sentence in _several(sentences))

    def classify(self, texts: Iterable[str | tuple[str, str]]) -> Iterator[ClassifiedText]:
        """Predicts a label (or a number) for each text or pair of texts, in constant memory however many there are.

        Raises:
            ModelError: The model is for token classification.
        """
        self._require("text-classification")
        return self._answer_all(_several(texts))

    def answer_lines(
        self,
        lines: Iterable[str | Mapping[str, Any]],
        *,
        words: bool = False,
        as_words: bool = False,
        first_line: int = 1,
    ) -> Iterator[Any]:
        """Answers each line of text as `tf-ner predict` does, in constant memory however many there are.

        Args:
            lines: Lines of text, without line ends; or records, as JSON or as a mapping, with `text`, `text_pair` or
                `words`.
            words: Whether the lines are already split into words, separated by spaces.
            as_words: Give all words with their tags where entities would be given.
            first_line: The number of the first one, for messages.

        Raises:
            DataError: A record has no input.
        """

        def answer(chunk: Sequence[str | Mapping[str, Any]], first: int) -> Iterable[Any]:
            if self._aggregation != "word":
                return self._answer_texts(chunk, first + first_line)
            return self._task.answer_lines(
                chunk, self._answer, words=words, as_words=as_words, first_line=first + first_line
            )

        return _answered(_chunks(_several(lines)), answer, self._pool)

    def answer_with_lines(
        self,
        lines: Iterable[str],
        *,
        words: bool = False,
        are_records: bool = True,
        as_words: bool = False,
        first_line: int = 1,
    ) -> Iterator[tuple[str, Any]]:
        """As `answer_lines`, each answer with its line.

        Args:
            lines: As for `answer_lines`.
            words: The same.
            are_records: Whether lines that are JSON objects are records; otherwise all are text.
            as_words: As for `answer_lines`.
            first_line: The same.
        """
        pending: deque[str] = deque()

        def read() -> Iterator[str]:
            for line in lines:
                pending.append(line if are_records else PlainLine(line))
                yield pending[-1]

        for answer in self.answer_lines(read(), words=words, as_words=as_words, first_line=first_line):
            yield pending.popleft(), answer

    def annotate(self, table: pa.Table) -> pa.Table:
        """Answers each row of a table: for engines that run functions on tables, on any number of machines.

        Args:
            table: With the column `text` (string), or `words` (list of string), or for pairs `text` and `text_pair`.

        Returns:
            The same table with the column `entities` (list of struct: `label`, `start`, `end`, `text`, `score`), or of
            models without entities `tags` and `scores` (lists), or of models for whole texts `label` and `score`.

        Raises:
            DataError: There are no such columns, or there are columns with the names of answers; or a row has no input.
        """
        return annotated_table(table, self._task, self.answer_lines)

    def _require(self, pipeline_tag: str) -> None:
        if self._task.pipeline_tag != pipeline_tag:
            raise ModelError(
                f"Received a model for {self._task.pipeline_tag.replace('-', ' ')}; expected one for "
                f"{pipeline_tag.replace('-', ' ')}. Use Predictor.answer_lines, or another model."
            )

    def _answer_all(self, inputs: Iterable[Any]) -> Iterator[Any]:
        return _answered(_chunks(inputs), lambda chunk, first: self._answer(chunk), self._pool)

    def _answer_texts(self, lines: Sequence[str | Mapping[str, Any]], first_line: int) -> Iterator[AnnotatedText]:
        """The entities of texts as they are, not split into words."""
        task = self._task
        assert isinstance(task, TokenClassification)
        texts: list[str] = []
        wrong: DataError | None = None
        for number, line in enumerate(lines, start=first_line):
            found = text_of(line)
            if isinstance(found, str):
                texts.append(found)
            else:
                # What stands before is answered first.
                wrong = DataError(f"line {number}: received {str(line)[:60]!r}, {found.problem}. Fix the line.")
                break
        with self._encoding:
            columns, encodings = task.encode_texts(texts)
        num_subwords = [len(encoding) for encoding in encodings]
        probabilities = np.zeros((sum(num_subwords), len(task.tag_names)), np.float32)
        if columns["word_ids"]:
            word_ids = np.concatenate(columns["word_ids"])
            is_kept = word_ids != NO_WORD
            probabilities[word_ids[is_kept]] = np.concatenate(self._predict(columns).scores)[is_kept]
        of_texts = np.split(probabilities, np.cumsum(num_subwords)[:-1]) if texts else []
        for text, encoding, of_text in zip(texts, encodings, of_texts, strict=True):
            entities = aggregated(
                text,
                encoding,
                of_text,
                tag_names=task.tag_names,
                tokenizer=task.tokenizer,
                aggregation=self._aggregation,
            )
            yield AnnotatedText(text, [entity for entity in entities if self._is_sure_enough(entity)])
        if wrong is not None:
            raise wrong

    def _is_sure_enough(self, entity: Entity) -> bool:
        return entity.score >= self._thresholds.get(entity.label, self._thresholds.get(None, 0.0))

    def _answer(self, inputs: Sequence[Any]) -> list[Any]:
        if not self._sentences:
            return self._results(inputs)
        of_texts = list(map(divided, inputs))
        found = iter(self._results(list(chain.from_iterable(of_texts))))
        return [_joined(list(islice(found, len(sentences)))) for sentences in of_texts]

    def _results(self, inputs: Sequence[Any]) -> list[Any]:
        if not inputs:
            return []
        with self._encoding:
            columns = self._task.encode(inputs)
        outputs = self._predict(columns)
        if self._transitions is not None:
            outputs = self._most_probable_legal(inputs, columns, outputs, self._transitions)
        results = self._task.results(inputs, columns, outputs)
        if not self._thresholds:
            return results
        return [_sure_enough(result, self._thresholds) for result in results]

    def _most_probable_legal(
        self, inputs: Sequence[Any], columns: dict[str, list[Any]], outputs: Outputs, transitions: NDArray[np.bool_]
    ) -> Outputs:
        """Decides for each word, and so for its first subword, with the sentence around it."""
        num_words = np.array([len(row) for row in inputs], dtype=np.int64)
        word_ids = np.concatenate([np.zeros(0, np.int64), *columns["word_ids"]])
        first = first_subwords(word_ids)
        assert isinstance(self._task, TokenClassification)
        of_words = word_probabilities(self._task, columns, outputs, num_words=int(num_words.sum()))
        with np.errstate(divide="ignore"):
            tags = viterbi(np.log(of_words), num_words, transitions)
        predictions, scores = np.concatenate(outputs.predictions), np.zeros(len(word_ids), np.float32)
        predictions[first] = tags[word_ids[first]]
        scores[first] = of_words[word_ids[first], predictions[first]]
        borders = np.cumsum([len(row) for row in columns["word_ids"]])[:-1]
        return Outputs(np.split(predictions, borders), np.split(scores, borders))


def _refuse_names(model: str, task: Task, label_names: Sequence[str]) -> None:
    """Stops where labels that have names would keep them, whatever was asked for."""
    if label_names and tuple(label_names) != task.output_names:
        raise ConfigError(
            f"Received --label-names and model {model!r}, whose labels are {', '.join(task.output_names[:8])}; "
            "expected a model that calls them LABEL_0 and so on. Leave the option out."
        )


def _require_labels(task: Task, thresholds: Mapping[str | None, float]) -> None:
    """Makes sure that thresholds are for labels that the model can find."""
    unknown = [label for label in thresholds if label is not None and label not in task.labels]
    if unknown or (thresholds and not getattr(task, "has_entities", False)):
        received = f"a threshold for {unknown[0]}" if unknown else "a threshold"
        raise ConfigError(
            f"Received {received}, and a model for {', '.join(task.labels[:8]) or 'numbers'}; expected labels of "
            "entities that the model finds. Change --threshold, or leave it out."
        )


def _require_subwords(task: Task, aggregation: Aggregation, decoder: Decoder, *, sentences: bool) -> None:
    """Makes sure that subwords of texts can be put together."""
    if not getattr(task, "has_entities", False):
        raise ConfigError(
            f"Received --aggregation {aggregation} and a model whose labels spell no entities; expected tags such as "
            "B-PER. Leave it out."
        )
    if decoder != "argmax" or sentences:
        other = "--sentences" if sentences else f"--decoder {decoder}"
        raise ConfigError(
            f"Received --aggregation {aggregation} with {other}, which is about words; expected one of the two. Leave "
            "one out."
        )


def _transitions_of(task: Task) -> NDArray[np.bool_]:
    if (scheme := getattr(task, "scheme", None)) is None:
        raise ConfigError(
            "Received --decoder viterbi and a model whose labels spell no entities; expected tags such as B-PER. Leave "
            "it out."
        )
    return legal_transitions(task.output_names, scheme)


def _joined(sentences: Sequence[TaggedWords]) -> TaggedWords:
    """The sentences of a text as one; an entity that begins one with an I- is kept apart from the one before."""
    columns = ((one.words, [*map(begun, one.tags[:1]), *one.tags[1:]], one.scores) for one in sentences)
    return TaggedWords(*(list(chain.from_iterable(column)) for column in zip(*columns, strict=True)))


def _sure_enough(tagged: TaggedWords, thresholds: Mapping[str | None, float]) -> TaggedWords:
    """The same without the entities whose mean score is lower."""
    tags = list(tagged.tags)
    for span in tags_to_spans(tagged.tags):
        least = thresholds.get(span.label, thresholds.get(None, 0.0))
        if np.mean(tagged.scores[span.start : span.end]) < least:
            tags[span.start : span.end] = [OUTSIDE] * (span.end - span.start)
    return replace(tagged, tags=tags)


def _as_plain(text: Any) -> PlainLine:
    if not isinstance(text, str):
        raise ConfigError(f"Received {text!r:.60}; expected a text. Pass a string, or use Predictor.answer_lines.")
    return PlainLine(text)


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


def _answered(
    chunks: Iterable[list[Any]], answer: Callable[[list[Any], int], Iterable[Any]], pool: ThreadPoolExecutor
) -> Iterator[Any]:
    """Answers inputs in their order, and prepares some while others are computed.

    Args:
        chunks: The inputs.
        answer: Gives the answers to a chunk, before which so many inputs came.
        pool: Where it does.
    """
    num_before = 0
    begun: deque[Future[_Collected]] = deque()
    try:
        try:
            for chunk in chunks:
                begun.append(pool.submit(_collect, answer, chunk, num_before))
                num_before += len(chunk)
                if len(begun) > _CHUNKS_AT_ONCE:
                    yield from begun.popleft().result().given()
        except TfNerError:
            # What was read before is answered first.
            while begun:
                yield from begun.popleft().result().given()
            raise
        while begun:
            yield from begun.popleft().result().given()
    finally:
        for future in begun:
            future.cancel()


class _Collected(NamedTuple):
    """Answers, and what kept the others from being given."""

    answers: list[Any]
    error: TfNerError | None

    def given(self) -> Iterator[Any]:
        yield from self.answers
        if self.error is not None:
            raise self.error


def _collect(answer: Callable[[list[Any], int], Iterable[Any]], chunk: list[Any], num_before: int) -> _Collected:
    answers: list[Any] = []
    try:
        answers.extend(answer(chunk, num_before))
    except TfNerError as error:
        return _Collected(answers, error)
    return _Collected(answers, None)


def _chunks(inputs: Iterable[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    try:
        for one in inputs:
            chunk.append(one)
            if len(chunk) == _TEXTS_AT_ONCE:
                yield chunk
                chunk = []
    except TfNerError:
        # What was read before is answered first.
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk
