"""Options in a file: those of a saved run, or YAML written by hand."""

import dataclasses
import difflib
import json
import logging
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from tf_ner.errors import ConfigError

logger = logging.getLogger(__name__)


def types_of(config_type: type) -> dict[str, Any]:
    """For each option of a dataclass the type of its values."""
    hints = typing.get_type_hints(config_type)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_type)}


def read_options(path: Path, option_types: Mapping[str, Any]) -> dict[str, Any]:
    """Reads values for options; a dash in a name is an underscore.

    Args:
        path: JSON if it ends in `.json`, otherwise YAML.
        option_types: The options that there are, each with the type of its values.

    Raises:
        ConfigError: The file cannot be read, names an unknown option, or has a value of another type.
    """

    def refuse(error: ConfigError) -> NoReturn:
        raise error

    return dict(_options_in(path, option_types, refuse))


def known_options(path: Path, option_types: Mapping[str, Any]) -> dict[str, Any]:
    """As `read_options`, without the options that another version wrote and this one does not know: it warns of them.

    Raises:
        ConfigError: The file cannot be read.
    """

    def warn(error: ConfigError) -> None:
        logger.warning("%s This option is ignored.", error)

    return dict(_options_in(path, option_types, warn))


def _options_in(
    path: Path, option_types: Mapping[str, Any], not_known: Callable[[ConfigError], None]
) -> Iterator[tuple[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        is_json = path.suffix == ".json"
        values = json.loads(text, object_pairs_hook=_each_once) if is_json else _read_yaml(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ConfigError(
            f"Received {path} ({reason}); expected the run_config.json of a run, or options in YAML. "
            "Check the path and the file."
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: received no options; expected names with values, such as `epochs: 3`. Add some.")
    seen = set()
    for key, value in values.items():
        place = f"{path}:{_line_of(key, text)}"
        name = str(key).replace("-", "_")
        if name in seen:
            raise ConfigError(f"{place}: received the option {key} twice; expected it once. Remove one.")
        seen.add(name)
        try:
            if name not in option_types:
                _refuse_name(place, str(key), list(option_types))
            converted = _converted(place, name, value, option_types[name])
        except ConfigError as error:
            not_known(error)
        else:
            yield name, converted


def _read_yaml(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses what YAML forbids and its library does not: the same key twice."""

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
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)} is given twice")
    return options


def _line_of(key: Any, text: str) -> int:
    found = re.search(rf"^[\s{{,]*[\"']?{re.escape(str(key))}[\"']?\s*:", text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 1


def _refuse_name(place: str, key: str, names: list[str]) -> NoReturn:
    nearest = difflib.get_close_matches(key.replace("-", "_"), names, n=1)
    meant = "".join(f" Did you mean {name}?" for name in nearest)
    raise ConfigError(f"{place}: received the option {key}; expected one that `tf-ner train --help` lists.{meant}")


_EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple[str, ...]: "a list of texts",
    tuple[int, ...]: "a list of whole numbers",
}


def _converted(place: str, name: str, value: Any, kind: Any) -> Any:
    """A value as the option's type has it; YAML takes `2e-5` for text, and `no` and dates not for text."""
    kinds = typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)
    if value is None and types.NoneType in kinds:
        return None
    [kind] = set(kinds) - {types.NoneType}
    try:
        return _as(kind, value)
    except (TypeError, ValueError):
        received = json.dumps(value, ensure_ascii=False, default=str)
        raise ConfigError(
            f"{place}: received {name}: {received}; expected {_EXPECTED.get(kind, 'text')}. Change it, or put text in "
            "quotes."
        ) from None


def _as(kind: Any, value: Any) -> Any:
    if isinstance(value, bool) != (kind is bool):
        raise TypeError
    if kind is Path:
        return Path(_as(str, value))
    if typing.get_origin(kind) is tuple:
        return tuple(_as(typing.get_args(kind)[0], item) for item in (value if isinstance(value, list) else [value]))
    if kind is float and isinstance(value, int | float | str):
        return float(value)
    if kind in (bool, int) and isinstance(value, int):
        return value
    # Text for which a number was typed, such as that of a column.
    if kind not in (bool, int, float) and isinstance(value, int | str):
        return str(value)
    raise TypeError
