"""Likely annotation errors, found by models that did not see the annotations they judge."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras
from numpy.typing import NDArray

from tf_ner.corpus.formats.json_lines import text_and_spans
from tf_ner.evaluation.label_errors import LikelyError, rank_label_errors
from tf_ner.files import replaced_whole, require_file
from tf_ner.inference.forward import Forward, read_probabilities, word_probabilities
from tf_ner.models.loading import load_trained
from tf_ner.options.commands import FindErrorsConfig
from tf_ner.tasks.token_classification import TokenClassification
from tf_ner.training.folds import read_folds, train_folds

_AROUND = 6
"""How many words are printed before and after a doubtful one."""


@dataclass(frozen=True, kw_only=True)
class DoubtfulSentence:
    """A sentence that is likely annotated wrongly.

    Attributes:
        words: Its words.
        given: Their tags; entities in IOB2.
        suggested: The tags that a model gives which did not see these.
        error: The most doubtful word, and how doubtful it is.
        path: The file, or the data set on the Hub.
        line: The line of that word, from 1.
        has_entities: Whether the tags spell entities.
    """

    words: list[str]
    given: list[str]
    suggested: list[str]
    error: LikelyError
    path: str
    line: int
    has_entities: bool

    def __str__(self) -> str:
        """One line: the place, the word, what it is and what it more likely is, and the words around it."""
        word, error = self.error.word, self.error
        before, after = self.words[max(word - _AROUND, 0) : word], self.words[word + 1 : word + 1 + _AROUND]
        context = " ".join([*before, f"[{self.words[word]}]", *after])
        return (
            f"{self.path}:{self.line}: received {error.given} for {self.words[word]!r}; more likely {error.suggested} "
            f"(probability of {error.given} {error.probability:.2%}): {context}"
        )

    def to_record(self) -> dict[str, Any]:
        """An object as Prodigy imports it, and `tf-ner convert`, which reads what was given."""
        if self.has_entities:
            record = text_and_spans(self.words, self.given)
            suggested = {"spans": text_and_spans(self.words, self.suggested)["spans"]}
        else:
            record, suggested = {"words": self.words, "tags": self.given}, {"tags": self.suggested}
        meta = {
            "place": f"{self.path}:{self.line}",
            "word": self.words[self.error.word],
            "given": self.error.given,
            "suggested": self.error.suggested,
            "probability": round(self.error.probability, 6),
            "score": round(self.error.score, 6),
        }
        return {**record, "suggested": suggested, "meta": meta}


def find_errors(config: FindErrorsConfig, *, verbose: int = 1) -> list[DoubtfulSentence]:
    """Trains a model for each fold of a corpus on the others, and lists what it says otherwise of the fold.

    Args:
        config: Which corpus, how many folds, and the options of their trainings.
        verbose: As for `train`.

    Returns:
        The sentences in which a model suggests another tag for a word, the likeliest errors first.

    Raises:
        TrainingInterruptedError: A signal stopped a training; the same call goes on with it.
        TfNerError: An option, the data, the model or a folder cannot be used.
    """
    if config.output is not None:
        require_file(config.output)
    corpus = read_folds(config)
    probabilities: list[NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(corpus.sentences)
    tag_names: tuple[str, ...] = ()
    for rows, folder in train_folds(config, corpus, verbose=verbose):
        words = [corpus.sentences[row].words for row in rows]
        tag_names, of_fold = _out_of_fold(folder, words, batch_size=config.eval_batch_size)
        for row, of_row in zip(rows, of_fold, strict=True):
            probabilities[row] = of_row
    ranked = rank_label_errors([sentence.tags for sentence in corpus.sentences], probabilities, tag_names)
    found = []
    for error in ranked:
        sentence = corpus.sentences[error.sentence]
        doubtful = DoubtfulSentence(
            words=sentence.words,
            given=sentence.tags,
            suggested=[tag_names[number] for number in probabilities[error.sentence].argmax(axis=1)],
            error=error,
            path=str(corpus.path),
            line=sentence.lines[error.word],
            has_entities=corpus.has_entities,
        )
        found.append(doubtful)
    if config.output is not None:
        with replaced_whole(config.output) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(one.to_record(), ensure_ascii=False) + "\n" for one in found)
    return found


def _out_of_fold(
    folder: Path, sentences: Sequence[Sequence[str]], *, batch_size: int
) -> tuple[tuple[str, ...], list[NDArray[np.float32]]]:
    """What the model of a fold makes of the sentences that it did not see.

    Args:
        folder: The fold's run.
        sentences: The words of each.
        batch_size: In windows of 64 subwords.

    Returns:
        The tags, and for each sentence their probabilities <float32>[words, tags].
    """
    model, task = load_trained(str(folder))
    assert isinstance(task, TokenClassification)
    columns = task.encode(sentences)
    outputs = Forward(model, task, batch_size=batch_size, read=read_probabilities)(columns)
    num_words = [len(words) for words in sentences]
    probabilities = word_probabilities(task, columns, outputs, num_words=sum(num_words))
    # The next fold needs the memory of this one's model.
    keras.backend.clear_session()
    return task.tag_names, np.split(probabilities, np.cumsum(num_words)[:-1])
