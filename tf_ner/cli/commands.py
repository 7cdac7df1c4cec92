"""What each command does: parse, call, show; nothing else."""

import contextlib
import dataclasses
import functools
import json
import logging
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from tf_ner.cli.parsing import parse
from tf_ner.cli.streams import lossy, make_streams_usable, typed_lines
from tf_ner.errors import TfNerError, printable, what_the_system_refused
from tf_ner.files import require_file
from tf_ner.options.commands import (
    AnswerFormat,
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

_FAILED = 2
_ERRORS_IN_DATA = 1

_DEMO_TEXTS = (
    "My name is Sylvain and I work at Hugging Face in Brooklyn.",
    "Marguerite Okonkwo-Lind left the University of Porto for Siemens and a flat in Munich.",
    "The Danish keeper Jonas Holm saved twice as Arsenal beat Ajax 2-1 in Amsterdam.",
)
_PROMPT = "Type a text, and Enter (Ctrl-D ends): "
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
        config = parse(sys.argv[1:] if arguments is None else arguments)
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
    from tf_ner.cli.terminal import print_scores
    from tf_ner.training.run import train

    verbose = 1 if sys.stdout.isatty() else 2
    if command.seeds is not None:
        _train_seeds(command, verbose=verbose)
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


def _train_seeds(command: TrainCommand, *, verbose: int) -> None:
    from tf_ner.cli.terminal import print_spread
    from tf_ner.training.several_seeds import train_seeds

    print_spread(train_seeds(command.config, command.seeds or (), verbose=verbose))
    folder = command.config.run_dir
    if (folder / "seeds.json").exists():
        print(f"Saved in {folder}: a folder for each seed, and seeds.json.")


def _show_entities(run_dir: Path) -> None:
    from tf_ner.cli.terminal import print_answers
    from tf_ner.inference.predictor import Predictor

    print_answers(Predictor.from_pretrained(str(run_dir)).answer_with_lines(_DEMO_TEXTS))


def _program() -> str:
    """How to call tf-ner: by its name, or from beside this Python where its folder is not on the path."""
    beside = Path(sys.executable).with_name("tf-ner")
    if shutil.which("tf-ner") is not None or not beside.exists():
        return "tf-ner"
    return shlex.quote(str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside))


def _evaluate(config: EvaluateConfig) -> None:
    from tf_ner.cli.terminal import print_scores
    from tf_ner.training.scoring import evaluate

    print_scores(evaluate(config))


def _predict(config: PredictConfig) -> None:
    from tf_ner.cli.terminal import print_answers, with_progress
    from tf_ner.inference.answers import begun, cut_half_line, write_answers
    from tf_ner.inference.inputs import STDIN, lines_of, refuse_as_output
    from tf_ner.inference.predictor import Predictor

    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    if config.output is not None:
        require_file(config.output)
        refuse_as_output(config.output, config.files)
    form: AnswerFormat = config.to or ("text" if config.output is None and sys.stdout.isatty() else "jsonl")
    lines = islice(lines_of(config.files, is_text=config.input == "text"), config.skip, None)
    predictor = Predictor.from_pretrained(
        config.model,
        revision=config.model_revision,
        batch_size=config.batch_size,
        precision=config.precision,
        label_names=config.label_names or (),
        decoder=config.decoder,
        aggregation=config.aggregation,
        sentences=config.sentences,
        thresholds=config.thresholds,
        runtime=config.runtime,
    )
    answer = functools.partial(
        predictor.answer_with_lines,
        words=config.words,
        are_records=config.input == "auto",
        as_words=form == "conll",
        first_line=config.skip + 1,
    )
    if config.files == (STDIN,) and config.output is None and sys.stdin.isatty() and form == "text":
        for line in typed_lines(_PROMPT):
            print_answers(answer([line]))
        return
    if form == "text":
        print_answers(answer(lines))
    elif config.output is None:
        # A terminal that shows the answers has no use for their number.
        answers = answer(lines)
        shown = answers if sys.stdout.isatty() else with_progress(answers)
        write_answers(sys.stdout, shown, form, first_line=config.skip + 1)
    else:
        found = begun(answer(lines))
        if config.skip and cut_half_line(config.output):
            logging.getLogger("tf_ner").warning("%s ended in half a line, which was cut off", config.output)
        with config.output.open("a" if config.skip else "w", encoding="utf-8", newline="") as file:
            write_answers(file, with_progress(found), form, first_line=config.skip + 1)


def _export(config: ExportConfig) -> None:
    from tf_ner.cli.terminal import print_certificate
    from tf_ner.inference.export.exporting import export

    # Some runtimes start other programs, of which tokenizers would warn.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

    print_certificate(export(config))
    folder = shlex.quote(str(config.folder))
    print(f"Saved in {config.folder}. Try it with: {_program()} predict {folder}")


def _check_data(config: CheckConfig) -> None:
    from tf_ner.cli.terminal import print_changes, print_report
    from tf_ner.corpus.checks.check_data import check_data

    checked = check_data(config)
    report, tokenizer = checked.report, None
    if config.model is not None:
        from tf_ner.tasks.tokenizer_checks import check_with_model

        tokenizer, findings = check_with_model(
            checked.splits, config.model, revision=config.model_revision, has_texts=report.has_texts
        )
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
            print(f"Cannot tell now what would be removed from the repository: {plan.unknown}")
        return
    print(f"Pushed: {push_run(config)}")


def _compare(config: CompareConfig) -> None:
    from tf_ner.cli.terminal import print_comparison
    from tf_ner.evaluation.compare import compare

    print_comparison(compare(config))


def _convert(config: ConvertConfig) -> None:
    from tf_ner.corpus.convert import convert

    for converted in convert(config):
        print(converted)


def _find_errors(config: FindErrorsConfig) -> None:
    from tf_ner.inference.find_errors import find_errors

    with contextlib.redirect_stdout(lossy(sys.stdout)):
        found = find_errors(config, verbose=1 if sys.stdout.isatty() else 2)
    shown = found[: config.limit or None]
    for doubtful in shown:
        print(printable(str(doubtful)))
    if len(shown) < len(found):
        print(f"… and {len(found) - len(shown)} more, less likely ones (--limit 0 shows all)")
    where = f" Written to {config.output}." if config.output is not None else " --output FILE keeps them."
    print(f"Sentences in which a model says something else than the annotation: {len(found)}.{where}")


def _tpu_check(config: TpuCheckConfig) -> None:
    from tf_ner.training.tpu_check import tpu_check

    report = tpu_check(config)
    print(report.to_json() if config.json else report)


_COMMANDS: dict[type, Callable[[Any], None]] = {
    TrainCommand: _train,
    EvaluateConfig: _evaluate,
    PredictConfig: _predict,
    ExportConfig: _export,
    PushConfig: _push,
    CompareConfig: _compare,
    ConvertConfig: _convert,
    CheckConfig: _check_data,
    FindErrorsConfig: _find_errors,
    TpuCheckConfig: _tpu_check,
}


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
