"""Options in a file: a saved run, or YAML that people write."""

import dataclasses
import difflib
import json
import re
import types
import typing
from pathlib import Path
from typing import Any, NoReturn

from tf_ner.errors import ConfigError


def read_options(path: Path, config_type: type) -> dict[str, Any]:
    """Reads values for the options of a config; a dash in a name is an underscore.

    Args:
        path: JSON if it ends in `.json`, otherwise YAML.
        config_type: A dataclass, which knows the names and the types.

    Raises:
        ConfigError: The file cannot be read, names an option that there is not, or has a value of another kind.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        is_json = path.suffix == ".json"
        values = json.loads(text, object_pairs_hook=_each_once) if is_json else _read_yaml(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ConfigError(
            f"Received {path} ({reason}); expected a run_config.json as a run writes it, or options in YAML. "
            "Check the path and the file."
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: received no options; expected names with values, such as `epochs: 3`. Add some.")
    types_of = typing.get_type_hints(config_type)
    kinds = {field.name: types_of[field.name] for field in dataclasses.fields(config_type)}
    options = {}
    for key, value in values.items():
        place = f"{path}:{_line_of(key, text)}"
        name = str(key).replace("-", "_")
        if name not in kinds:
            _refuse_name(place, str(key), list(kinds))
        if name in options:
            raise ConfigError(f"{place}: received the option {key} twice; expected it once. Remove one.")
        options[name] = _converted(place, name, value, kinds[name])
    return options


def _read_yaml(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses what YAML says and its library does not: the same key twice."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            mapping = super().construct_mapping(node, deep)
            return _each_once([(self.construct_object(key), None) for key, _ in node.value]) and mapping

    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(error) from error


def _each_once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    options = dict(pairs)
    if len(options) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)} stands there twice")
    return options


def _line_of(key: Any, text: str) -> int:
    found = re.search(rf"^[\s{{,]*[\"']?{re.escape(str(key))}[\"']?\s*:", text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 1


def _refuse_name(place: str, key: str, names: list[str]) -> NoReturn:
    nearest = difflib.get_close_matches(key.replace("-", "_"), names, n=1, cutoff=0.0)[0]
    raise ConfigError(
        f"{place}: received the option {key}; expected one that `tf-ner train` has. Did you mean {nearest}?"
    )


_EXPECTED = {bool: "true or false", int: "a whole number", float: "a number", tuple: "a list of texts"}


def _converted(place: str, name: str, value: Any, kind: Any) -> Any:
    """A value as the option's type has it; YAML takes `2e-5` for text, and `no` and dates not for text."""
    kinds = typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)
    if value is None and types.NoneType in kinds:
        return None
    [kind] = set(kinds) - {types.NoneType}
    kind = typing.get_origin(kind) or kind
    try:
        return _as(kind, value)
    except (TypeError, ValueError):
        expected = _EXPECTED.get(kind, "text")
        raise ConfigError(
            f"{place}: received {name}: {value!r}; expected {expected}. Change it, or put text in quotes."
        ) from None


def _as(kind: Any, value: Any) -> Any:
    if isinstance(value, bool) != (kind is bool):
        raise TypeError
    if kind is tuple:
        return tuple(_as(str, text) for text in (value if isinstance(value, list) else [value]))
    if kind is float and isinstance(value, int | float | str):
        return float(value)
    if kind in (bool, int) and isinstance(value, int):
        return value
    # What a number was typed for, such as a column's.
    if kind not in (bool, int, float) and isinstance(value, int | str):
        return str(value)
    raise TypeError
