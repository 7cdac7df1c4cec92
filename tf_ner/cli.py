"""The commands: parse, call, print; nothing else."""

import argparse
import contextlib
import dataclasses
import io
import json
import logging
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO

import tyro

from tf_ner.errors import ConfigError, DataError, TfNerError, printable, what_the_system_refused
from tf_ner.options.aliases import with_own_names
from tf_ner.options.checks import option_name
from tf_ner.options.commands import (
    CheckConfig,
    CompareConfig,
    ConvertConfig,
    EvaluateConfig,
    PredictConfig,
    PushConfig,
    TrainCommand,
)
from tf_ner.options.files import types_of
from tf_ner.options.train import TrainConfig
from tf_ner.streams import lossy, make_streams_usable

_FAILED = 2
_ERRORS_IN_DATA = 1

_DEMO_TEXTS = (
    "My name is Sylvain and I work at Hugging Face in Brooklyn.",
    "Marguerite Okonkwo-Lind left the University of Porto for Siemens and a flat in Munich.",
    "The Danish keeper Jonas Holm saved twice as Arsenal beat Ajax 2-1 in Amsterdam.",
)
_WHAT_NEXT = """
What to try next:
  your own text     echo "Ada Lovelace lived in London." | {program} predict {run_dir}
  your own corpus   {program} train --model minilm --dataset FOLDER   (train.conll, valid.conll and test.conll in it)
  all options       {program} train --help
  step by step      notebooks/token_classification.ipynb, in the repository"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with 0, with 2 after one line that says what is wrong, or with 1 for bad data."""
    make_streams_usable()
    try:
        _quiet_libraries()
        config = _parse(sys.argv[1:] if arguments is None else arguments)
        _COMMANDS[type(config)](config)
        sys.stdout.flush()
    except TfNerError as error:
        _fail(str(error), exit_code=error.exit_code)
    except KeyboardInterrupt:
        _fail(
            "Interrupted. Run the command again; add --resume to continue a training.",
            exit_code=128 + signal.SIGINT,
        )
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        _fail(what_the_system_refused(error))


def _train(command: TrainCommand) -> None:
    with contextlib.redirect_stdout(lossy(sys.stdout)):
        _train_and_tell(command)


def _train_and_tell(command: TrainCommand) -> None:
    from tf_ner.terminal import print_scores
    from tf_ner.training.run import train

    verbose = 1 if sys.stdout.isatty() else 2
    if command.seeds is not None:
        _train_seeds(command.config, command.seeds, verbose=verbose)
        return
    result = train(command.config, verbose=verbose)
    if not result.is_kept:
        return
    print_scores(result.metrics)
    shows_entities = command.demo and command.config.task == "ner"
    if shows_entities:
        _show_entities(result.output_dir)
    program, run_dir = _program(), shlex.quote(str(result.output_dir))
    print(f"Saved in {result.output_dir}. Try it with: {program} predict {run_dir}")
    if result.commit_url:
        print(f"On the Hub: {result.commit_url}")
    if shows_entities:
        print(_WHAT_NEXT.format(program=program, run_dir=run_dir))


def _train_seeds(config: TrainConfig, seeds: Sequence[int], *, verbose: int) -> None:
    from tf_ner.terminal import print_spread
    from tf_ner.training.seeds import train_seeds

    print_spread(train_seeds(config, seeds, verbose=verbose))
    if (config.run_dir / "seeds.json").exists():
        print(f"Saved in {config.run_dir}: a folder for each seed, and seeds.json.")


def _show_entities(run_dir: Path) -> None:
    from tf_ner.inference.predictor import Predictor
    from tf_ner.terminal import print_entities

    print_entities(Predictor.from_pretrained(str(run_dir)).find_entities(_DEMO_TEXTS))


def _program() -> str:
    """How to call tf-ner: by its name, or from beside this Python where its folder is not on the path."""
    beside = Path(sys.executable).with_name("tf-ner")
    if shutil.which("tf-ner") is not None or not beside.exists():
        return "tf-ner"
    return shlex.quote(str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside))


def _evaluate(config: EvaluateConfig) -> None:
    from tf_ner.terminal import print_scores
    from tf_ner.training.scoring import evaluate

    print_scores(evaluate(config))


def _predict(config: PredictConfig) -> None:
    from tf_ner.inference.predictor import Predictor

    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    with _open_text(config.file) as file:
        predictor = Predictor.from_pretrained(
            config.model, revision=config.model_revision, batch_size=config.batch_size
        )
        texts = (line.rstrip("\n") for line in file)
        for result in predictor.answer_lines(texts, words=config.words):
            answer = {name: value for name, value in dataclasses.asdict(result).items() if value is not None}
            print(json.dumps(answer, ensure_ascii=False))


def _check_data(config: CheckConfig) -> None:
    from tf_ner.corpus.checks.check_data import check_data
    from tf_ner.terminal import print_changes, print_report

    checked = check_data(config)
    report, tokenizer = checked.report, None
    if config.model is not None:
        from tf_ner.tasks.tokenizer_checks import check_with_model

        tokenizer, findings = check_with_model(checked.splits, config.model, revision=config.model_revision)
        report = dataclasses.replace(report, findings=[*report.findings, *findings])
    if config.json:
        changes = [dataclasses.asdict(change) for change in checked.changes]
        others = {"tokenizer": tokenizer and dataclasses.asdict(tokenizer), "changes": changes}
        print(json.dumps(dataclasses.asdict(report) | others, indent=2, default=str))
    else:
        print_changes(checked.changes)
        print_report(report, tokenizer, limit=config.limit)
    if any(finding.is_error for finding in report.findings):
        raise SystemExit(_ERRORS_IN_DATA)


def _push(config: PushConfig) -> None:
    from tf_ner.hub.upload import plan_push, push_run

    if config.dry_run:
        plan = plan_push(config)
        for file, size in plan.files:
            print(f"{size:>12,}  {file}")
        for name in plan.removed:
            print(f"{'removed':>12}  {name}")
        if plan.keeps_card:
            print(f"{'kept':>12}  README.md, which somebody else wrote or changed there; see --hub-replace-card")
        if plan.unknown:
            print(f"What goes from the repository cannot be told now: {plan.unknown}")
        return
    print(f"Pushed: {push_run(config)}")


def _compare(config: CompareConfig) -> None:
    from tf_ner.evaluation.compare import compare
    from tf_ner.terminal import print_comparison

    print_comparison(compare(config))


def _convert(config: ConvertConfig) -> None:
    from tf_ner.corpus.convert import convert

    for converted in convert(config):
        print(converted)


_COMMANDS: dict[type, Callable[[Any], None]] = {
    TrainCommand: _train,
    EvaluateConfig: _evaluate,
    PredictConfig: _predict,
    PushConfig: _push,
    CompareConfig: _compare,
    ConvertConfig: _convert,
    CheckConfig: _check_data,
}


def _parse(arguments: Sequence[str]) -> Any:
    """Reads the command line.

    Raises:
        ConfigError: Together, the options cannot work.
    """
    if arguments[:1] == ["evaluate"]:
        return _parse_evaluate(with_own_names(arguments, types_of(EvaluateConfig).keys() - {"model"}))
    if arguments[:1] == ["train"]:
        return _parse_train(with_own_names(arguments, types_of(TrainConfig)))
    return _parse_over(arguments)


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


def _parse_evaluate(arguments: Sequence[str]) -> Any:
    """Reads the command line; what the model's run says of its data takes the place of the defaults.

    Raises:
        ConfigError: Together, the options cannot work.
    """
    given = _typed_options(EvaluateConfig, arguments[1:])
    if "model" not in given:
        return _parse_over(arguments)
    from tf_ner.tasks.run_options import options_of_run

    run = options_of_run(given["model"], revision=given.get("model_revision"))
    if run is None:
        return _parse_over(arguments)
    try:
        return _parse_over(arguments, evaluate=EvaluateConfig.unchecked(run, given=given))
    except ConfigError as error:
        if error.option is None or error.option in given:
            raise
        raise ConfigError(f"{given['model']}, whose options count where none is typed: {error}") from None


def _typed_options(config_type: type, arguments: Sequence[str]) -> dict[str, Any]:
    """What a command line says, unchecked; nothing where it cannot be read, which the parser of all options tells."""
    typed = argparse.ArgumentParser(
        add_help=False, allow_abbrev=False, exit_on_error=False, argument_default=argparse.SUPPRESS
    )
    typed.add_argument("model")
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


def _parse_over(
    arguments: Sequence[str], *, train: TrainCommand | None = None, evaluate: EvaluateConfig | None = None
) -> Any:
    """Reads the command line; what tyro would print in a box is raised as one line.

    Args:
        arguments: What was typed.
        train: What takes the place of the defaults of `train`.
        evaluate: What takes the place of the defaults of `evaluate`.
    """
    over_run = {} if evaluate is None else {"default": evaluate}
    commands = (
        Annotated[TrainCommand, tyro.conf.subcommand("train", default=train or TrainCommand())]
        | Annotated[EvaluateConfig, tyro.conf.subcommand("evaluate", **over_run)]
        | Annotated[PredictConfig, tyro.conf.subcommand("predict")]
        | Annotated[PushConfig, tyro.conf.subcommand("push")]
        | Annotated[CompareConfig, tyro.conf.subcommand("compare")]
        | Annotated[ConvertConfig, tyro.conf.subcommand("convert")]
        | Annotated[CheckConfig, tyro.conf.subcommand("check-data")]
    )
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
        if stop.code != _FAILED:
            raise
        _fail(_first_part(printed.getvalue()))


def _first_part(box: str) -> str:
    """The message inside a box of tyro, without its title and the help it repeats, on one line."""
    lines = [re.sub("[╭╮╰╯│─]|-{3,}", "", line).strip() for line in box.splitlines()]
    message, _, _ = " ".join(" ".join(lines[1:]).split()).partition(" Argument helptext:")
    # Where a line of the box ends before a full stop, there is a space too many.
    message = message.replace(" . ", ". ")
    return message.replace("For full helptext, run", "See").replace("For full helptext, see", "See")


def _fail(message: str, *, exit_code: int = _FAILED) -> NoReturn:
    # Where nothing can be said any more, the exit code still is.
    with contextlib.suppress(OSError):
        print(f"error: {message}", file=sys.stderr, flush=True)
    raise SystemExit(exit_code)


class _OneLine(logging.Formatter):
    """Messages in one line each, whatever the data in them."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return printable(super().formatMessage(record))


def _quiet_libraries() -> None:
    """Leaves the terminal to this program's own messages and to the progress bar."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    logging.basicConfig(handlers=[handler])
    logging.getLogger("tf_ner").setLevel(logging.INFO)


@contextlib.contextmanager
def _open_text(name: str) -> Iterator[TextIO]:
    """Opens a text file, or standard input for `-`."""
    try:
        if name == "-":
            sys.stdin.reconfigure(encoding="utf-8-sig")  # type: ignore[union-attr]
            yield sys.stdin
        else:
            with open(name, encoding="utf-8-sig") as file:
                yield file
    except UnicodeDecodeError as error:
        place = "standard input" if name == "-" else name
        raise DataError(
            f"Received {place}, which is not UTF-8 ({error.reason}); expected UTF-8 text. Convert it with iconv."
        ) from None
