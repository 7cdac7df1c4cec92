"""What a token classifier answers: words with tags, and text with entities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tf_ner.corpus.tags import tags_to_spans
from tf_ner.corpus.words import Word


@dataclass(frozen=True)
class Entity:
    """An entity: `text[entity.start:entity.end] == entity.text`, in characters.

    Its score is the mean of its words', and a word's is the probability of the tag of its first subword.
    """

    label: str
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True)
class AnnotatedText:
    """A text and the entities found in it, from left to right."""

    text: str
    entities: list[Entity]


@dataclass(frozen=True)
class TaggedWords:
    """A sentence's words with a tag and a score each; a word the tokenizer makes nothing of is `O` with score 0."""

    words: list[str]
    tags: list[str]
    scores: list[float]


def entities_of(text: str, words: Sequence[Word], tagged: TaggedWords) -> Iterator[Entity]:
    """The entities that the tags of a text's words spell."""
    for span in tags_to_spans(tagged.tags):
        start, end = words[span.start].start, words[span.end - 1].end
        score = float(np.mean(tagged.scores[span.start : span.end]))
        yield Entity(span.label, start, end, text[start:end], score)
