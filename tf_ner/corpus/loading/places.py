"""Where the sentences of a split stand in their files, which what is learnt from does not say."""

import logging
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate, islice
from pathlib import Path

from tf_ner.corpus.findings import Finding
from tf_ner.corpus.loading.splits import find_corpus_files, is_saved, read_splits
from tf_ner.corpus.loading.tagged import read_configured
from tf_ner.corpus.sentences import Layout, Place, Sentence
from tf_ner.corpus.stored import StoredSentences
from tf_ner.errors import TfNerError
from tf_ner.options.train import TaskConfig

logger = logging.getLogger(__name__)


def places_of(path: Path | str, sentences: Collection[Sentence]) -> list[Place]:
    """Where each sentence of a split stands.

    Args:
        path: The file that the split was read from.
        sentences: Of the split.
    """
    documents = list(accumulate(sentence.begins_document for sentence in sentences))
    are_told = bool(documents) and documents[0] != documents[-1]
    return [
        Place(str(path), sentence.lines, document - documents[0] + 1 if are_told else None)
        for sentence, document in zip(sentences, documents, strict=True)
    ]


def _told_before(finding: Finding) -> None:
    """What was wrong with the files was told when they were read to be learnt from."""


def read_places(config: TaskConfig, split: str, words: Iterable[Sequence[str]]) -> list[Place] | None:
    """Reads a split's files once more, to say where its sentences stand.

    Args:
        config: The options by which they were read.
        split: Which one.
        words: Of each sentence, as they were read before.

    Returns:
        A place for each sentence; None where there are no files, or they hold something else by now.
    """
    is_share = False
    try:
        if is_saved(config.dataset, config.files):
            return None
        found = find_corpus_files(config.dataset, Layout.configured(config), config.files)
        if found is None:
            return None
        if split in found.files:
            of_split = {split: found.files[split]}
            path, sentences = read_splits(of_split, found.layout, keep=StoredSentences, report=_told_before)[split]
        else:
            # A share of train.
            read = read_configured(config, config.dataset, config.files, keep=StoredSentences)
            path, sentences = read.splits[split]
            is_share = True
    except (TfNerError, OSError, KeyError) as error:
        # What was trained is worth more than the lines.
        logger.warning("the lines of %s cannot be told (%s)", split, error)
        return None
    before = list(words)
    now = list(islice(sentences, len(before)))
    if [sentence.words for sentence in now] != before:
        logger.warning("the lines of %s cannot be told: its files have changed", split)
        return None
    places = places_of(path, now)
    # Of a share of train the documents between are not there to be counted.
    return [place._replace(document=None) for place in places] if is_share else places
