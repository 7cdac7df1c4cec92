"""The training data in parts: one for validation, where there is none, or folds that are held out one by one."""

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from tf_ner.corpus.loading.splits import validation_split
from tf_ner.errors import DataError

logger = logging.getLogger(__name__)


def require_divisible(splits: Mapping[str, Any]) -> None:
    """Makes sure that there is something to divide, and a need to.

    Raises:
        DataError: There is no training split, or there is one for validation.
    """
    if (validation := validation_split(splits)) is not None:
        raise DataError(
            f"Received --validation-share for data that have a split for validation ({validation}); expected none. "
            "Leave the option out, or name the files to be read with --train-file and --test-file."
        )
    if "train" not in splits:
        raise DataError(
            f"Received --validation-share for data with the splits {', '.join(splits)}; expected train. Leave it out, "
            "or pass a folder with a file whose name says train."
        )


def validation_rows(
    texts: Iterable[Sequence[str]], share: float, *, seed: int = 0, begins: Sequence[bool] = ()
) -> list[int]:
    """Chooses the rows of a training split that are validated with instead.

    Which they are follows from what they hold, not from where they stand: rows that are added later change hardly
    anything for the others, and equal rows are never in both parts. Rows of a document stay together; but what stands
    in other documents too stays with those. Documents that are all larger than the share are divided.

    Args:
        texts: What each row holds, by which two rows are the same.
        share: How many of the rows are wanted, above 0 and below 1; as near below it as whole documents allow.
        seed: Another seed chooses others.
        begins: Whether a row begins a document; of data without documents, nothing.

    Returns:
        The rows, from 0, in their order.

    Raises:
        DataError: The rows are too few, or too much alike, to be divided so.
    """
    keys = [_digest(seed, text) for text in texts]
    wanted = round(share * len(keys))
    documents = list(accumulate(begins))
    has_documents = bool(documents) and documents[0] != documents[-1]
    rows = _rows_of_documents(keys, documents, seed, wanted) if has_documents else []
    if not rows:
        if has_documents:
            logger.info("the documents of train are all larger than the validation share; they may be divided")
        rows = sorted(_fitting(keys, wanted))
    if not rows:
        raise DataError(
            f"Received --validation-share {share} for {len(keys)} rows, {len(set(keys))} of them different; expected "
            "enough to divide. Raise the share, or add data."
        )
    logger.info(
        "validation: %d of the %d rows of train, chosen by --validation-share %s and --validation-seed %d",
        len(rows), len(keys), share, seed,
    )  # fmt: skip
    return rows


def fold_of_rows(
    texts: Iterable[Sequence[str]], num_folds: int, *, seed: int = 0, begins: Sequence[bool] = ()
) -> list[int]:
    """Divides the rows of a training split into folds of about the same size.

    Rows of a document stay together, but for documents that are larger than a fold; of these, and where there are no
    documents, equal rows do.

    Args:
        texts: What each row holds, by which two rows are the same.
        num_folds: How many folds, at least 2.
        seed: Another seed makes others.
        begins: Whether a row begins a document; of data without documents, nothing.

    Returns:
        For each row its fold, from 0.

    Raises:
        DataError: The rows are too few, or too much alike, to be divided so.
    """
    keys = [_digest(seed, text) for text in texts]
    documents = list(accumulate(begins))
    groups = keys
    if documents and documents[0] != documents[-1]:
        largest, sizes_of_documents = math.ceil(len(keys) / num_folds), Counter(documents)
        fits = [sizes_of_documents[document] <= largest for document in documents]
        of_documents = _keys_of_documents(keys, documents, seed)
        groups = [of_rows[not fit] for fit, of_rows in zip(fits, zip(of_documents, keys, strict=True), strict=True)]
    sizes = Counter(groups)
    if len(sizes) < num_folds:
        raise DataError(
            f"Received --folds {num_folds} for {len(keys)} sentences, {len(set(keys))} of them different; expected "
            "enough to divide. Lower the number of folds, or add data."
        )
    folds, num_rows = {}, [0] * num_folds
    # The largest first, each into the smallest fold, so that they end alike.
    for group in sorted(sizes, key=lambda group: (-sizes[group], group)):
        folds[group] = num_rows.index(min(num_rows))
        num_rows[folds[group]] += sizes[group]
    return [folds[group] for group in groups]


def _rows_of_documents(keys: Sequence[bytes], documents: Sequence[int], seed: int, wanted: int) -> list[int]:
    """The rows of whole documents, without those that other documents have too.

    Args:
        keys: Of each row.
        documents: The number of the document of each row.
        seed: Another seed chooses others.
        wanted: How many rows at most.
    """
    chosen = _fitting(_keys_of_documents(keys, documents, seed), wanted)
    others = {key for row, key in enumerate(keys) if row not in chosen}
    rows = sorted(row for row in chosen if keys[row] not in others)
    if len(rows) < len(chosen):
        logger.info("%d rows of documents for validation stay in train, which has equal ones", len(chosen) - len(rows))
    return rows


def _digest(seed: int, text: Sequence[str]) -> bytes:
    return hashlib.blake2b("\0".join([str(seed), *text]).encode(), digest_size=16).digest()


def _keys_of_documents(keys: Sequence[bytes], documents: Sequence[int], seed: int) -> list[bytes]:
    """For each row the key of its document."""
    hashes: dict[int, Any] = {}
    for key, document in zip(keys, documents, strict=True):
        hashes.setdefault(document, hashlib.blake2b(str(seed).encode(), digest_size=16)).update(key)
    return [hashes[document].digest() for document in documents]


def _fitting(keys: Sequence[bytes], wanted: int) -> set[int]:
    """The rows of whole groups, by their keys' order, as long as they are not more than wanted."""
    sizes = Counter(keys)
    chosen = set()
    room = wanted
    for key in sorted(sizes):
        if sizes[key] <= room:
            chosen.add(key)
            room -= sizes[key]
    return {row for row, key in enumerate(keys) if key in chosen}
