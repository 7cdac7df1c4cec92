"""A new card in the place of one that people may have written into: nothing of theirs is lost."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

_HEAD = re.compile(r"\A\s*---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_SEAL = re.compile(r"\n*<!-- tf_ner (\{.*\}) -->\s*\Z")


@dataclass(frozen=True)
class MergedCard:
    """What becomes of two cards.

    Attributes:
        card: Ours, with what people wrote into the metadata of theirs.
        disputed: The keys of the metadata that ours has too, with another value.
    """

    card: str
    disputed: list[str]


def sealed(card: str) -> str:
    """A card with digests of its text and of each value of its metadata, in a comment that no reader sees.

    By them a later one is told from what people have changed since.
    """
    card = _SEAL.sub("", card)
    head, text = _parts(card)
    try:
        metadata = {str(key): _digest(value) for key, value in _values(head).items()}
    except (yaml.YAMLError, TypeError, ValueError):
        metadata = {}
    digests = {"text": _digest(text.strip()), "metadata": metadata}
    return f"{card.rstrip()}\n\n<!-- tf_ner {json.dumps(digests)} -->\n"


def is_as_sealed(card: str) -> bool:
    """Whether the text of a card is as tf_ner wrote it."""
    _, text = _parts(_SEAL.sub("", card))
    return _seal_of(card).get("text") == _digest(text.strip())


def merge_cards(ours: str, theirs: str) -> MergedCard | None:
    """Our card in the place of theirs, with the metadata that people wrote into theirs.

    Returns:
        None where theirs has a text that tf_ner did not write, or that has been changed since, or metadata that cannot
        be read: ours must not take its place.
    """
    theirs = theirs.removeprefix("\ufeff").replace("\r\n", "\n")
    head, text = _parts(_SEAL.sub("", theirs))
    if text.strip() and not is_as_sealed(theirs):
        return None
    own_head, own_text = _parts(_SEAL.sub("", ours))
    try:
        known, values, own = _seal_of(theirs).get("metadata", {}), _values(head), _values(own_head)
        kept = {key for key, value in values.items() if _digest(value) != known.get(key) and value != own.get(key)}
        # What people took out stays out.
        gone = own.keys() & known.keys() - values.keys()
        if not kept and not gone:
            return MergedCard(ours, [])
        entries = {**_entries(own_head), **{key: lines for key, lines in _entries(head).items() if key in kept}}
        entries = {key: lines for key, lines in entries.items() if key not in gone}
        own = {key: value for key, value in own.items() if key not in gone}
        merged = "".join(f"{lines.rstrip()}\n" for lines in entries.values())
        if _values(merged) != {**own, **{key: values[key] for key in kept}}:
            return None
    except (yaml.YAMLError, TypeError, ValueError):
        return None
    # The digests are of our own values: the next card knows by them which are theirs.
    seal = sealed(ours).rpartition("\n<!-- tf_ner ")
    return MergedCard(f"---\n{merged}---\n{own_text.rstrip()}\n{''.join(seal[1:])}", sorted(kept & own.keys()))


def _parts(card: str) -> tuple[str, str]:
    """The metadata of a card as they are written, and its text."""
    head = _HEAD.match(card)
    return (head[1], card[head.end() :]) if head else ("", card)


def _values(head: str) -> dict[str, Any]:
    values = yaml.safe_load(head) or {}
    if not isinstance(values, dict):
        raise ValueError("no table")
    return values


def _entries(head: str) -> dict[str, str]:
    """The lines of each key, as they are written: what YAML reads in them need not be what it would write."""
    table = yaml.compose(head)
    if table is None:
        return {}
    if not isinstance(table, yaml.MappingNode) or table.flow_style:
        raise ValueError("no table with a key a line")
    starts = [key.start_mark.index for key, _ in table.value] + [len(head)]
    keys = [key.value for key, _ in table.value]
    return {key: head[start:end] for key, start, end in zip(keys, starts, starts[1:], strict=False)}


def _seal_of(card: str) -> dict[str, Any]:
    seal = _SEAL.search(card)
    try:
        digests = json.loads(seal[1]) if seal else {}
    except ValueError:
        return {}
    is_whole = isinstance(digests, dict) and isinstance(digests.get("metadata"), dict)
    return digests if is_whole else {}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:16]
