"""From a command line to the options of one command."""

import argparse
import contextlib
import difflib
import functools
import io
import operator
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import tyro

from tf_ner.cli.help import train_help
from tf_ner.errors import ConfigError
from tf_ner.options.aliases import NAMES, with_own_names
from tf_ner.options.checks import option_name
from tf_ner.options.commands import (
    CheckConfig,
    CompareConfig,
    ConvertConfig,
    EvaluateConfig,
    ExportConfig,
    FindErrorsConfig,
    PredictConfig,
    PushConfig,
    TpuCheckConfig,
    TrainCommand,
)
from tf_ner.options.files import types_of
from tf_ner.options.train import TrainConfig

COMMANDS: dict[str, type] = {
    "train": TrainCommand,
    "evaluate": EvaluateConfig,
    "predict": PredictConfig,
    "export": ExportConfig,
    "push": PushConfig,
    "compare": CompareConfig,
    "convert": ConvertConfig,
    "check-data": CheckConfig,
    "find-errors": FindErrorsConfig,
    "tpu-check": TpuCheckConfig,
}
"""Each command with its options."""

_UNKNOWN_OPTIONS = ("Unrecognized options:", "Unrecognized or misplaced options:")
_WRONG = 2
"""What tyro exits with where a command line cannot be read."""


def parse(arguments: Sequence[str]) -> Any:
    """Reads the command line.

    Raises:
        ConfigError: Together, the options cannot work.
    """
    asks_for_help = bool({"-h", "--help"} & {*arguments})
    if arguments and arguments[0] in _OVER_RUNS and not asks_for_help:
        return _parse_over_run(with_own_names(arguments, types_of(_OVER_RUNS[arguments[0]]).keys() - {"model"}))
    if arguments[:1] == ["train"]:
        if asks_for_help:
            print(train_help())
            raise SystemExit(0)
        return _parse_train(with_own_names(arguments, types_of(TrainConfig)))
    if arguments[:1] == ["find-errors"]:
        return _parse_over(with_own_names(arguments, types_of(FindErrorsConfig)))
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        _refuse_command(arguments[0])
    return _parse_over(arguments)


def _refuse_command(typed: str) -> NoReturn:
    begins = [command for command in COMMANDS if command.startswith(typed)]
    likely = begins or difflib.get_close_matches(typed, COMMANDS, n=1)
    meant = f"did you mean {likely[0]}?" if likely else f"expected one of {', '.join(COMMANDS)}."
    raise ConfigError(f"Received the command {typed!r}; {meant} See tf-ner --help.")


def _refuse_option(typed: str, command: str) -> NoReturn:
    names = [*types_of(COMMANDS[command])]
    if command == "train":
        # Its other options are one field, and the file of options has another name.
        names += ["config", *types_of(TrainConfig), *NAMES]
    likely = difflib.get_close_matches(typed.replace("_", "-"), map(option_name, names), n=1)
    meant = f"did you mean {likely[0]}? See" if likely else "expected a known one. See the list:"
    raise ConfigError(f"Received the option {typed}; {meant} tf-ner {command} --help.")


def _parse_train(arguments: Sequence[str]) -> Any:
    """Reads the command line; a preset and a file of options take the place of the defaults.

    Raises:
        ConfigError: Together, the options cannot work.
    """
    known = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    known.add_argument("--demo", action="store_true")
    known.add_argument("--config", type=Path, nargs="?")
    found = None
    # What is wrong with them is said by the parser of all options.
    with contextlib.suppress(argparse.ArgumentError):
        found, _ = known.parse_known_args(arguments)
    if found is None:
        return _parse_over(arguments)
    command = TrainCommand.unchecked(found.config, demo=found.demo)
    try:
        return _parse_over(arguments, train=command)
    except ConfigError as error:
        if found.config is None or error.option is None or _is_typed(error.option, arguments):
            raise
        raise ConfigError(f"{found.config}: {error}", option=error.option) from None


_OVER_RUNS: dict[str, type[EvaluateConfig] | type[ExportConfig]] = {"evaluate": EvaluateConfig, "export": ExportConfig}
"""Commands whose defaults are what the run of their model says of its data."""


def _parse_over_run(arguments: Sequence[str]) -> Any:
    """Reads the command line; what the model's run says of its data takes the place of the defaults.

    Raises:
        ConfigError: Together, the options cannot work.
    """
    command = arguments[0]
    given = _typed_options(_OVER_RUNS[command], arguments[1:])
    if "model" not in given:
        return _parse_over(arguments)
    from tf_ner.tasks.run_options import options_of_run

    run = options_of_run(given["model"], revision=given.get("model_revision"))
    if run is None:
        return _parse_over(arguments)
    try:
        return _parse_over(arguments, **{command: _OVER_RUNS[command].unchecked(run, given=given)})
    except ConfigError as error:
        if error.option is None or error.option in given:
            raise
        raise ConfigError(f"{given['model']}, whose options apply unless others are given: {error}") from None


def _typed_options(config_type: type, arguments: Sequence[str]) -> dict[str, Any]:
    """What a command line says, unchecked; nothing where it cannot be read, which the parser of all options tells."""
    typed = argparse.ArgumentParser(
        add_help=False, allow_abbrev=False, exit_on_error=False, argument_default=argparse.SUPPRESS
    )
    # Asked for by the parser of all options, where it is missing.
    typed.add_argument("model", nargs="?", default=argparse.SUPPRESS)
    for name, kind in types_of(config_type).items():
        options = [option_name(name), "--" + name]
        if kind is bool:
            typed.add_argument(*options, option_name(f"no_{name}"), dest=name, action="store_true")
        elif name != "model":
            typed.add_argument(*options, dest=name, nargs="*" if "tuple" in str(kind) else None)
    try:
        return vars(typed.parse_known_args(arguments)[0])
    except (argparse.ArgumentError, SystemExit):
        return {}


def _is_typed(name: str, arguments: Sequence[str]) -> bool:
    """Whether an option stands in a command line, on or off."""
    typed = {argument.partition("=")[0].replace("_", "-") for argument in arguments}
    return not typed.isdisjoint({option_name(name), option_name(f"no_{name}")})


def _parse_over(arguments: Sequence[str], **defaults: Any) -> Any:
    """Reads the command line; what tyro would print in a box is raised as one line.

    Args:
        arguments: What was typed.
        **defaults: By command, what takes the place of its defaults.
    """
    defaults = {"train": TrainCommand(), **defaults}
    described: list[Any] = [
        Annotated[config_type, tyro.conf.subcommand(name, **({"default": defaults[name]} if name in defaults else {}))]
        for name, config_type in COMMANDS.items()
    ]
    commands = functools.reduce(operator.or_, described)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            return tyro.cli(
                commands,
                prog="tf-ner",
                description="Fine-tune encoders for token and text classification with TensorFlow and Keras.",
                args=list(arguments),
            )
    except SystemExit as stop:
        if stop.code != _WRONG:
            raise
        message = _first_part(printed.getvalue())
        if message.startswith(_UNKNOWN_OPTIONS):
            unknown = re.split(" Perhaps | See ", message)[0]
            typed = next((word for word in re.split("[ ,=]+", unknown) if word.startswith("--")), None)
            if typed is not None and arguments[0] in COMMANDS:
                _refuse_option(typed, arguments[0])
        if arguments and arguments[0] in COMMANDS:
            message = re.sub(r"See tf-ner --help$", f"See tf-ner {arguments[0]} --help", message)
        raise ConfigError(message) from None


def _first_part(box: str) -> str:
    """The message inside a box of tyro, without its title and the help it repeats, on one line."""
    lines = [re.sub("[╭╮╰╯│─]|-{3,}", "", line).strip() for line in box.splitlines()]
    message, _, _ = " ".join(" ".join(lines[1:]).split()).partition(" Argument helptext:")
    # Where a line of the box ends before a full stop, there is a space too many.
    message = message.replace(" . ", ". ")
    return message.replace("For full helptext, run", "See").replace("For full helptext, see", "See")
