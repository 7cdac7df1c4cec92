"""The metadata at the head of a card."""

import re
from typing import Any

import yaml

from tests.hub.messages import Answer, Call, as_json

_HEAD = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)


class CardError(ValueError):
    """The metadata of a card cannot be read."""


def metadata_of(card: str) -> dict[str, Any]:
    """What a card says of itself; empty where it says nothing.

    Raises:
        CardError: The head is no YAML, or no table.
    """
    head = _HEAD.match(card)
    try:
        content = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError as error:
        raise CardError(f"YAML metadata cannot be read: {error}") from None
    if not isinstance(content, dict | None):
        raise CardError('YAML metadata: "root" must be an object')
    return content or {}


def validate(call: Call) -> Answer:
    """Whether a card's metadata can be read."""
    try:
        found = metadata_of(call.json().get("content", ""))
    except CardError as error:
        return as_json({"error": str(error), "errors": [{"message": str(error)}], "warnings": []}, status=400)
    missing = [] if found else [{"message": "empty or missing yaml metadata in repo card"}]
    return as_json({"errors": [], "warnings": missing})
