"""The help of `train`: its options in groups, those that most runs set first."""

import argparse
import ast
import inspect
import textwrap
import typing
from itertools import pairwise
from pathlib import Path
from typing import Any

from tf_ner.options.aliases import NAMES, VALUES
from tf_ner.options.checks import option_name
from tf_ner.options.commands import TrainCommand
from tf_ner.options.files import types_of
from tf_ner.options.kinds import Group, groups_of
from tf_ner.options.train import TrainConfig

# Where the text of an option begins, in characters.
_INDENT = 30


def train_help(program: str = "tf-ner") -> str:
    """What `train --help` prints, as wide as the terminal."""
    parser = argparse.ArgumentParser(
        prog=f"{program} train",
        usage=f"{program} train [OPTIONS]",
        description=inspect.cleandoc(TrainCommand.__doc__ or ""),
        epilog=(
            "Put no- before the name of an option to switch off what --config or --demo switched on, such as "
            "--no-group-by-length. The names used in transformers' "
            f"examples work too, with - or _: {', '.join(map(option_name, [*NAMES, *VALUES]))}."
        ),
        formatter_class=lambda prog: _Formatter(prog, max_help_position=_INDENT),
        add_help=False,
    )
    titles = {group: parser.add_argument_group(group.value) for group in Group}
    for name, group in sorted(groups_of(TrainConfig).items(), key=lambda item: item[0] != "model"):
        _add(titles[group], TrainConfig, name, option_name(name))
    for name, option in (("demo", "--demo"), ("options_file", "--config"), ("seeds", "--seeds")):
        _add(titles[Group.MAIN], TrainCommand, name, option)
    return parser.format_help()


class _Formatter(argparse.HelpFormatter):
    """Names of options stay whole, so that they can be searched for and copied."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _add(group: argparse._ArgumentGroup, config_type: type, name: str, option: str) -> None:
    kind, default = types_of(config_type)[name], getattr(config_type, name, None)
    text = " ".join(_docs_of(config_type)[name].split())
    if default not in (None, False, "", ()):
        text += f" (default: {default})"
    text = text.replace("%", "%%")
    if kind is bool:
        group.add_argument(option, action="store_true", help=text)
    else:
        hint = typing.get_type_hints(config_type, include_extras=True)[name]
        own = [part.metavar for part in getattr(hint, "__metadata__", ()) if getattr(part, "metavar", None)]
        group.add_argument(option, metavar=own[0] if own else _shape_of(kind), help=text)


def _shape_of(kind: Any) -> str:
    """What is typed after an option: one of several names, a number, a text, a path, or several of one of them."""
    parts = [part for part in typing.get_args(kind) if part is not type(None)]
    if typing.get_origin(kind) is typing.Literal:
        return "{" + ",".join(map(str, parts)) + "}"
    if typing.get_origin(kind) is tuple:
        return f"{_shape_of(parts[0])} [...]"
    if parts:
        return _shape_of(parts[0])
    return {int: "N", float: "X", Path: "PATH"}.get(kind, "TEXT")


def _docs_of(config_type: type) -> dict[str, str]:
    """The text under each field of a dataclass, those of its bases first."""
    docs: dict[str, str] = {}
    for owner in reversed(config_type.__mro__[:-1]):
        [body] = [node.body for node in ast.parse(inspect.cleandoc(inspect.getsource(owner))).body]  # type: ignore[attr-defined]
        for field, text in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                docs[field.target.id] = ast.literal_eval(text.value)  # type: ignore[union-attr]
    return docs
