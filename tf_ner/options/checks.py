"""How the options of every command are checked, and what is reported where they are wrong."""

import codecs
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


def is_encoding(name: str) -> bool:
    """Whether Python has a text encoding of that name that can be read piece by piece."""
    try:
        # Of what is no encoding of text, such as base64, this is an error.
        text = "a.".encode(name)
        decoder = codecs.getincrementaldecoder(name)("replace")
        return isinstance(decoder.decode(text + b"\x80\xff" * 4, final=True), str)
    except (LookupError, TypeError, ValueError):
        return False


def option_name(name: str) -> str:
    """The option of a field."""
    return "--" + name.replace("_", "-")


def as_typed(name: str, value: Any) -> str:
    """An option as it is typed; with `no` before one that is not given, or is a switch that is off."""
    if value is None or value is False:
        return f"no {option_name(name)}"
    if value is True:
        return option_name(name)
    return f"{option_name(name)} {' '.join(map(str, value)) if isinstance(value, tuple) else value}"


def _typed(config: Any, name: str) -> str:
    return as_typed(name, getattr(config, name))


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
        received = _typed(config, name)
        raise ConfigError(f"Received {received}; expected {expected}. Change {option_name(name)}.", option=name)


def require_beside(config: Any, name: str, other: str, fulfilled: bool) -> None:
    """Refuses an option that needs another one, which is not given."""
    if not fulfilled:
        received, needed = _typed(config, name), option_name(other)
        raise ConfigError(
            f"Received {received} without {needed}; expected both or neither. Add {needed}, or leave out "
            f"{option_name(name)}.",
            option=name,
        )


def refuse_together(config: Any, name: str, other: str, are_together: bool) -> None:
    """Refuses two options of which only one can be meant."""
    if are_together:
        first, second = _typed(config, name), _typed(config, other)
        raise ConfigError(
            f"Received {first} and {second}; expected one of the two. Leave out {option_name(name)} or "
            f"{option_name(other)}.",
            option=name,
        )


def refuse_for(config: Any, name: str, other: str, is_out_of_place: bool) -> None:
    """Refuses an option that does not apply with the value of another one."""
    if is_out_of_place:
        first, second = _typed(config, name), _typed(config, other)
        raise ConfigError(
            f"Received {first}, which does not apply with {second}; expected it with another {option_name(other)}. "
            f"Leave out {option_name(name)}, or change {option_name(other)}.",
            option=name,
        )
