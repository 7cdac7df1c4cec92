"""What the options of every command are held against, and what is said where they do not fit."""

import typing
from pathlib import Path
from typing import Any

from tf_ner.errors import ConfigError


def make_path(config: Any, name: str) -> None:
    """Lets a path be given as a string, as it comes from Python or JSON."""
    value = getattr(config, name)
    if value is not None:
        object.__setattr__(config, name, Path(value))


def make_tuple(config: Any, name: str) -> None:
    """Lets several values be given as a list, as they come from JSON, and one value as a string."""
    value = getattr(config, name)
    if value is not None:
        object.__setattr__(config, name, (value,) if isinstance(value, str) else tuple(value))


def require_at_least(least: int, config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        require(config, name, value is None or value >= least, f"at least {least}")


def choices(literal: Any) -> str:
    return f"one of {', '.join(typing.get_args(literal))}"


def require_one_of(config: Any, name: str, literal: Any) -> None:
    require(config, name, getattr(config, name) in typing.get_args(literal), choices(literal))


def require(config: Any, name: str, fulfilled: bool, expected: str) -> None:
    if not fulfilled:
        option = "--" + name.replace("_", "-")
        value = getattr(config, name)
        received = " ".join(map(str, value)) if isinstance(value, tuple) else value
        raise ConfigError(f"Received {option} {received}; expected {expected}. Change {option}.")
