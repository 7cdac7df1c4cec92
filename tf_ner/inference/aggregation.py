"""Entities from the subwords of text as it is, as transformers' token classification pipeline finds them."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding
from transformers import PreTrainedTokenizerFast

from tf_ner.corpus.tags import OUTSIDE
from tf_ner.options.commands import Aggregation
from tf_ner.tasks.token_classification import Entity


class Piece(NamedTuple):
    """A subword, or what the tokenizer takes for a word, and its most probable tag.

    Attributes:
        start, end: Its place in the text, in characters.
        tag: As the model calls it.
        score: The tag's probability.
    """

    start: int
    end: int
    tag: str
    score: float


def aggregated(
    text: str,
    encoding: Encoding,
    probabilities: NDArray[np.float32],
    *,
    tag_names: Sequence[str],
    tokenizer: PreTrainedTokenizerFast,
    aggregation: Aggregation,
) -> Iterator[Entity]:
    """The entities of a text, from left to right.

    Args:
        text: As it was encoded.
        encoding: What the tokenizer made of it, without special subwords.
        probabilities: Of all tags <float32>[subwords, tags].
        tag_names: By label id.
        tokenizer: The tokenizer.
        aggregation: What has a tag: each subword (`simple`), or each word (`first`, `average`, `max`).

    Source: `TokenClassificationPipeline` of transformers 4.52.
    """
    places = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    is_later = np.zeros(len(places), bool) if aggregation == "simple" else _goes_on(text, encoding, tokenizer)
    # What looks like the rest of a word begins one where there is none before it.
    is_later[:1] = False
    borders = [*np.flatnonzero(~is_later).tolist(), len(places)]
    decide = _DECISIONS[aggregation]
    pieces = []
    for start, end in pairwise(borders):
        of_piece = decide(probabilities[start:end])
        tag = int(of_piece.argmax())
        pieces.append(Piece(int(places[start, 0]), int(places[end - 1, 1]), tag_names[tag], float(of_piece[tag])))
    for group in _groups(pieces):
        label = group[0].tag.split("-", 1)[-1]
        if label != OUTSIDE:
            start, end = group[0].start, group[-1].end
            score = float(np.mean([piece.score for piece in group], dtype=np.float64))
            yield Entity(label, start, end, text[start:end], score)


def _goes_on(text: str, encoding: Encoding, tokenizer: PreTrainedTokenizerFast) -> NDArray[np.bool_]:
    """Which subwords belong to the word of the one before <bool>[subwords].

    Where the vocabulary marks them, such a subword is longer, or shorter, than its text; where it does not, it follows
    no space. An unknown subword always begins a word.
    """
    offsets = encoding.offsets
    if getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None):
        later = [len(token) != end - start for token, (start, end) in zip(encoding.tokens, offsets, strict=True)]
    else:
        later = [start > 0 and " " not in text[start - 1 : start + 1] for start, _ in offsets]
    is_known = np.array(encoding.ids, dtype=np.int64) != _id_of_unknown(tokenizer)
    return np.array(later, dtype=bool) & is_known


def _id_of_unknown(tokenizer: PreTrainedTokenizerFast) -> int:
    unknown = tokenizer.unk_token_id
    return -1 if unknown is None else unknown


def _groups(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Neighbours with one label, of which only the first may have a B-."""
    begins = [True, *(_begins(before.tag, piece.tag) for before, piece in pairwise(pieces))]
    numbers = np.cumsum(begins[: len(pieces)]).tolist()
    for _, group in groupby(zip(numbers, pieces, strict=True), key=lambda pair: pair[0]):
        yield [piece for _, piece in group]


def _begins(before: str, tag: str) -> bool:
    return tag.startswith("B-") or _without_prefix(before) != _without_prefix(tag)


def _without_prefix(tag: str) -> str:
    return tag[2:] if tag.startswith(("B-", "I-")) else tag


def _first(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    return probabilities[0]


def _mean(probabilities: NDArray[np.float32]) -> NDArray[Any]:
    return np.asarray(probabilities.mean(axis=0))


def _surest(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    return probabilities[probabilities.max(axis=1).argmax()]


_DECISIONS: dict[Aggregation, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    # A subword is a word of one.
    "simple": _first,
    "first": _first,
    "average": _mean,
    "max": _surest,
}
