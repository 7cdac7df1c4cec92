"""The commands: parse, call, print; nothing else."""

import contextlib
import dataclasses
import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, TextIO

import tyro

from tf_ner.config import EvaluateConfig, PredictConfig, TrainConfig
from tf_ner.errors import DataError, TfNerError

_FAILED = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with 0, or with 2 after one line that says what is wrong."""
    try:
        config = _parse(sys.argv[1:] if arguments is None else arguments)
        _quiet_libraries()
        _COMMANDS[type(config)](config)
    except TfNerError as error:
        _fail(str(error))
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        _fail(f"{error.strerror}: {error.filename or 'the output'}. Check the path, its permissions and the disk.")


def _train(config: TrainConfig) -> None:
    from tf_ner.training.fit import train

    result = train(config)
    _print_scores(result.metrics)
    print(f"Saved in {result.output_dir}. Find entities with: tf-ner predict {result.output_dir}")


def _evaluate(config: EvaluateConfig) -> None:
    from tf_ner.training.evaluate import evaluate

    _print_scores(evaluate(config))


def _predict(config: PredictConfig) -> None:
    from tf_ner.inference.predictor import Predictor

    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    with _open_text(config.file) as file:
        predictor = Predictor.from_pretrained(
            config.model, revision=config.model_revision, batch_size=config.batch_size
        )
        texts = (line.rstrip("\n") for line in file)
        for annotated in predictor.find_entities(texts, split_at_spaces=config.words):
            print(json.dumps(dataclasses.asdict(annotated), ensure_ascii=False))


_COMMANDS: dict[type, Callable[[Any], None]] = {
    TrainConfig: _train,
    EvaluateConfig: _evaluate,
    PredictConfig: _predict,
}
_SUBCOMMANDS: dict[str, Callable[..., Any]] = {
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "predict": PredictConfig,
}


def _parse(arguments: Sequence[str]) -> Any:
    """Reads the command line; what tyro would print in a box is raised as one line."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            return tyro.extras.subcommand_cli_from_dict(
                _SUBCOMMANDS,
                prog="tf-ner",
                description="Fine-tune encoders for token classification with TensorFlow and Keras.",
                args=list(arguments),
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if stop.code != _FAILED:
            raise
        _fail(_first_part(printed.getvalue()))


def _first_part(box: str) -> str:
    """The message inside a box of tyro, without its title and the help it repeats, on one line."""
    lines = [re.sub("[╭╮╰╯│─]", "", line).strip() for line in box.splitlines()]
    message, _, _ = " ".join(" ".join(lines[1:]).split()).partition(" Argument helptext:")
    return message.replace("For full helptext, run", "See").replace("For full helptext, see", "See")


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(_FAILED)


def _quiet_libraries() -> None:
    """Leaves the terminal to this program's own messages and to the progress bar."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    logging.basicConfig(format="%(message)s")
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


def _print_scores(metrics: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("split", "label", *("precision", "recall", "F1", "entities"))
    for split, scores in metrics.items():
        if "per_label" not in scores:
            continue
        for label, row in [*scores["per_label"].items(), ("all", scores)]:
            ratios = [f"{row[name]:.4f}" for name in ("precision", "recall", "f1")]
            table.add_row(split, label, *ratios, str(row["support"]), end_section=label == "all")
    Console().print(table)
