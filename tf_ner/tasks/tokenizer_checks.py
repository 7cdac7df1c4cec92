"""Whether a tokenizer suits a corpus: what it makes of its words, and which sentences are too long for its encoder."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from transformers import PreTrainedTokenizerFast

from tf_ner.corpus.findings import Finding
from tf_ner.corpus.loading.splits import Split
from tf_ner.errors import ModelError
from tf_ner.tasks.tokenizers import encoder_limit, load_tokenizer

# From this share of words with unknown pieces, or with a changed spelling, the encoder was made for another language.
_TOO_MANY = 0.05
_TOO_SMALL = 3.5
_ENOUGH_WORDS = 50

_BATCH = 1000


class ReadWord(NamedTuple):
    """What a tokenizer makes of a word.

    Attributes:
        num_pieces: How many subwords.
        is_unknown: One of them stands for what the tokenizer does not know.
        spelling: The word as it is before it is cut, without white space.
    """

    num_pieces: int
    is_unknown: bool
    spelling: str

    def is_changed(self, word: str) -> bool:
        """Whether subwords spell another word, beyond letter case and white space."""
        # Letters and accents may be one character or two, and wide or narrow: sentencepiece makes them all alike.
        return self.num_pieces > 0 and _compared(word) != _compared(self.spelling)


@dataclass(frozen=True)
class TokenizerSummary:
    """What a tokenizer makes of a corpus. Shares are of all words, 0 to 1.

    Attributes:
        is_uncased: It lowers all letters, by design; that is not counted as a change.
        max_length: The encoder's limit, in subwords.
        pieces_per_word: Subwords a word, on average.
        unknown_share: Words with a piece it does not know.
        changed_share: Words whose spelling it changes, beyond letter case.
        no_piece_share: Words it makes nothing of.
        long_sentences: Sentences that become several windows, without losing a word; or texts that are cut.
    """

    is_uncased: bool
    max_length: int
    pieces_per_word: float
    unknown_share: float
    changed_share: float
    no_piece_share: float
    long_sentences: int


def check_tokenizer(
    splits: Mapping[str, Split], tokenizer: PreTrainedTokenizerFast, *, max_length: int, has_texts: bool = False
) -> tuple[TokenizerSummary, list[Finding]]:
    """Finds the words that a tokenizer does not read as they are, each at its first place, and long sentences.

    Args:
        splits: The corpus.
        tokenizer: A fast one.
        max_length: The encoder's limit, in subwords, special ones included.
        has_texts: Whether these are the words of texts with a label each, which are cut where they are too long.

    Raises:
        ModelError: The tokenizer is slow.
    """
    counts = _count(sentence.words for split in splits.values() for sentence in split.sentences)
    read = read_words(counts, tokenizer)
    found = _too_long(splits, read, max_length=max_length, special=tokenizer.num_special_tokens_to_add())
    kind, message = ("long-text", _LONG_TEXT) if has_texts else ("long-sentence", _LONG_SENTENCE)
    long = [
        Finding(kind, path, line, message.format(length=length, limit=max_length), is_error=False)
        for path, line, length in found
    ]
    shares = _shares(counts, read)
    summary = TokenizerSummary(
        is_uncased=_spelling("A", tokenizer) == "a",
        max_length=max_length,
        pieces_per_word=shares.pieces,
        unknown_share=shares.unknown,
        changed_share=shares.changed,
        no_piece_share=shares.no_piece,
        long_sentences=len(long),
    )
    return summary, [*long, *_word_findings(splits, counts, read)]


def check_with_model(
    splits: Mapping[str, Split], model: str, *, revision: str | None = None, has_texts: bool = False
) -> tuple[TokenizerSummary, list[Finding]]:
    """As `check_tokenizer`, with the tokenizer and the limit of a model, whose weights are not loaded.

    Raises:
        ModelError: There is none, or its tokenizer is slow.
    """
    tokenizer = load_tokenizer(model, revision=revision)
    limit = encoder_limit(model, tokenizer, revision=revision)
    return check_tokenizer(splits, tokenizer, max_length=limit, has_texts=has_texts)


def tokenizer_warning(sentences: Iterable[Sequence[str]], tokenizer: PreTrainedTokenizerFast) -> str | None:
    """One line if the encoder seems to be made for another language; None if it suits these words.

    Speaks from 5 % of the words with unknown pieces or with a changed spelling, and from 3.5 subwords a word, which are
    hardly more than letters: with vocabularies made for them, languages have 1.2 to 2.8.

    Args:
        sentences: The words of each sentence.
        tokenizer: A fast one.

    Raises:
        ModelError: The tokenizer is slow.
    """
    counts = _count(sentences)
    shares = _shares(counts, read_words(counts, tokenizer))
    if max(shares.unknown, shares.changed) < _TOO_MANY:
        if shares.pieces < _TOO_SMALL or counts.total() < _ENOUGH_WORDS:
            return None
        return (
            f"Words become {shares.pieces:.1f} subwords each with this tokenizer, hardly more than letters: choose an "
            "encoder made for this language. `tf-ner check-data --model` counts them."
        )
    return (
        f"{shares.changed:.0%} of the words change their spelling and {shares.unknown:.0%} contain unknown pieces with "
        "this tokenizer: choose an encoder made for this language. `tf-ner check-data --model` lists the words."
    ).replace("%", " %")


def read_words(words: Iterable[str], tokenizer: PreTrainedTokenizerFast) -> dict[str, ReadWord]:
    """What a tokenizer makes of each word.

    Raises:
        ModelError: The tokenizer is slow.
    """
    if not tokenizer.is_fast:
        raise ModelError(
            f"Received {type(tokenizer).__name__}, which has no word ids; expected a fast tokenizer. "
            "Use a model that comes with a tokenizer.json."
        )
    read = {}
    for batch in _batches(list(words)):
        encodings = tokenizer.backend_tokenizer.encode_batch(batch, add_special_tokens=False)
        for word, encoding in zip(batch, encodings, strict=True):
            is_unknown = tokenizer.unk_token_id in encoding.ids
            read[word] = ReadWord(len(encoding.ids), is_unknown, _spelling(word, tokenizer))
    return read


def _batches(words: list[str]) -> Iterator[list[str]]:
    return (words[start : start + _BATCH] for start in range(0, len(words), _BATCH))


class _Shares(NamedTuple):
    pieces: float
    unknown: float
    changed: float
    no_piece: float


def _shares(counts: Mapping[str, int], read: Mapping[str, ReadWord]) -> _Shares:
    """Of all words: the mean number of pieces, and the shares of the words with something."""
    totals = [0, 0, 0, 0]
    for word, count in counts.items():
        made = read[word]
        values = (made.num_pieces, made.is_unknown, made.is_changed(word), made.num_pieces == 0)
        totals = [total + value * count for total, value in zip(totals, values, strict=True)]
    return _Shares(*(total / max(sum(counts.values()), 1) for total in totals))


def _count(sentences: Iterable[Sequence[str]]) -> Counter[str]:
    return Counter(chain.from_iterable(sentences))


def _spelling(word: str, tokenizer: PreTrainedTokenizerFast) -> str:
    """The word as the tokenizer spells it before it cuts it; white space that it adds is left out."""
    normalizer = tokenizer.backend_tokenizer.normalizer
    return word if normalizer is None else "".join(normalizer.normalize_str(word).replace("▁", " ").split())


def _compared(word: str) -> str:
    compatible = unicodedata.normalize("NFKC", word).replace("▁", " ")
    return unicodedata.normalize("NFC", "".join(compatible.split()).casefold())


_LONG_SENTENCE = (
    "received a sentence of {length} subwords; expected at most {limit}, the encoder's limit. It is split into several "
    "windows and no word is lost; there is nothing to do."
)
_LONG_TEXT = (
    "received a text of {length} subwords; expected at most {limit}, the encoder's limit. The rest of it is not read: "
    "shorten it, or choose a model that reads more."
)


def _too_long(
    splits: Mapping[str, Split], read: Mapping[str, ReadWord], *, max_length: int, special: int
) -> Iterator[tuple[Path | str, int, int]]:
    """The path, the line and the length of each sentence that is longer than the limit."""
    for split in splits.values():
        for sentence in split.sentences:
            length = special + sum(read[word].num_pieces for word in sentence.words)
            if length > max_length:
                yield split.path, sentence.lines[0], length


def _word_findings(
    splits: Mapping[str, Split], counts: Mapping[str, int], read: Mapping[str, ReadWord]
) -> Iterator[Finding]:
    messages = {word: list(_messages(word, read[word], counts[word])) for word in counts}
    messages = {word: found for word, found in messages.items() if found}
    for split in splits.values():
        for sentence in split.sentences:
            for word, line in zip(sentence.words, sentence.lines, strict=True):
                for kind, message in messages.pop(word, ()):
                    yield Finding(kind, split.path, line, message, is_error=False)


def _messages(word: str, read: ReadWord, count: int) -> Iterator[tuple[str, str]]:
    times = f"{word!r} ({count} times)" if count > 1 else repr(word)
    if read.num_pieces == 0:
        yield (
            "no-piece",
            f"received {times}, which the tokenizer turns into nothing; expected at least one subword. Such words are "
            "tagged O: remove them, or choose another model.",
        )
        return
    if read.is_unknown:
        yield (
            "unknown-piece",
            f"received {times}, which has a piece that the tokenizer does not know; expected only known ones. Choose "
            "a model for this language if there are many.",
        )
    if read.is_changed(word):
        yield (
            "changed-word",
            f"received {times}, which the tokenizer reads as {read.spelling!r}; expected the same letters. Choose a "
            "model for this language if there are many.",
        )
