"""How token classification is scored: words, and for comparison subwords."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tf_ner.corpus.tags import inside
from tf_ner.evaluation.scores import Sentences, score_entities, score_tags
from tf_ner.tasks.subwords import NO_WORD, first_subwords, merge_words
from tf_ner.tasks.task import Ids, Outputs, SplitScores

if TYPE_CHECKING:
    from tf_ner.tasks.token_classification import EncodedSplit, TokenClassification


def score_words(task: "TokenClassification", encoded: "EncodedSplit", gold: Sentences, outputs: Outputs) -> SplitScores:
    """Scores every word, and every subword.

    Returns:
        The metrics are what `score_entities` gives (`score_tags` if the tags are not IOB), `words`, `words_scored`,
        `sentences`, and under `subword` the same scores of all subwords; gold and predicted are tags by sentence.
    """
    subword_ids: Ids = np.concatenate(outputs.predictions)
    num_words = int(encoded.num_words.sum())
    word_ids = merge_words(encoded.word_ids, subword_ids, num_words=num_words, missing=task.outside_id)
    names = np.array(task.tag_names, dtype=object)
    predicted = [names[row].tolist() for row in encoded.by_sentence(word_ids)]
    score_rows = score_entities if task.has_entities else score_tags
    metrics = {
        **score_rows(gold, predicted),
        "words": num_words,
        "words_scored": num_words - encoded.num_words_lost,
        "sentences": len(gold),
        "subword": score_subwords(task, encoded, gold, names[subword_ids]),
    }
    return SplitScores(metrics=metrics, gold=gold, predicted=predicted, outputs=outputs)


def score_subwords(
    task: "TokenClassification", encoded: "EncodedSplit", gold: Sentences, predicted: NDArray[Any]
) -> dict[str, float]:
    """Scores every subword as if it were a word, as the published course does; for comparison only."""
    word_ids = encoded.word_ids
    gold_of_words = np.array([tag for row in gold for tag in row], dtype=object)
    is_word = word_ids != NO_WORD
    gold_of_subwords = gold_of_words[word_ids[is_word]]
    is_later = ~first_subwords(word_ids)[is_word]
    gold_of_subwords[is_later] = [inside(tag) for tag in gold_of_subwords[is_later]]
    sentences = np.repeat(np.asarray(encoded.windows["sentence"]), encoded.lengths)[is_word]
    borders = np.cumsum(np.bincount(sentences, minlength=len(gold)))[:-1]
    score_rows = score_entities if task.has_entities else score_tags
    scores = score_rows(
        [row.tolist() for row in np.split(gold_of_subwords, borders)],
        [row.tolist() for row in np.split(predicted[is_word], borders)],
    )
    return {name: scores[name] for name in ("precision", "recall", "f1", "accuracy") if name in scores}
