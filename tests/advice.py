"""Data that goes wrong, what is said of it, and the ways out that this names: how such cases are written and run."""

import ast
import logging
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tf_ner
from tf_ner.cli.parsing import parse
from tf_ner.corpus.checks.check_data import check_data
from tf_ner.corpus.convert import convert
from tf_ner.corpus.formats import format_of_name, read_corpus_file
from tf_ner.corpus.loading.sources import load_configured
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.texts.loading import load_configured_texts
from tf_ner.errors import TfNerError
from tf_ner.options.commands import CheckConfig, ConvertConfig

CORPUS = Path(tf_ner.__file__).parent / "corpus"

Content = str | bytes | Callable[[Path], Any] | None
"""What to write into a file; None removes it, and a function writes it itself."""


class Fix(NamedTuple):
    """One thing that a message advises.

    Attributes:
        options: Added to the command.
        files: Written over those that there are.
        command: In the place of the one that failed.
        shell: A command of the shell that is run first.
        reads: What is read then, as `Told.reads`.
    """

    options: str = ""
    files: Mapping[str, Content] = {}
    command: "str | Callable[[], Any]" = ""
    shell: str = ""
    reads: str | None = None


class Case(NamedTuple):
    """Data that goes wrong, or is worth a warning.

    Attributes:
        name: What is wrong.
        files: The data.
        says: A piece of the message.
        fixes: All that the message advises; nothing only for warnings, which say what is done.
        command: What is called; `check-data` with the first file as `train` if not given.
        reads: What is read in spite of a warning.
    """

    name: str
    files: Mapping[str, Content]
    says: str
    fixes: Sequence[Fix] = ()
    command: str | Callable[[], Any] = ""
    reads: str | None = None

    @property
    def call(self) -> str | Callable[[], Any]:
        return self.command or f"check-data --train-file {next(iter(self.files))}"


class Message(NamedTuple):
    """A line that a user sees, and whether it stops training."""

    text: str
    is_error: bool


class Told(NamedTuple):
    """What a command says and reads: `Greta/B-PER left/O | Oslo/B-LOC`, or `a text=its label`."""

    messages: list[Message]
    reads: str | None


def each(cases: Sequence[Case]) -> Callable[[Any], Any]:
    """Marks a test of each case with each of its fixes, or with None, that is run in a folder of its own."""
    pairs = [
        pytest.param(case, fix, id=f"{case.name}, {number}")
        for case in cases
        for number, fix in enumerate(case.fixes or [None], start=1)
    ]

    def mark(test: Any) -> Any:
        return pytest.mark.usefixtures("own_folder")(pytest.mark.parametrize(("case", "fix"), pairs)(test))

    return mark


def write(files: Mapping[str, Content]) -> None:
    """Writes files into the current folder."""
    for name, content in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8", newline="")
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content(path)


def run(command: str | Callable[[], Any]) -> Told:
    """Runs commands as from the shell, with ` && ` between them, or a function."""
    with _logged() as logged:
        messages: list[Message] = []
        reads = None
        try:
            if callable(command):
                reads = _shown(command())
            else:
                for part in command.split(" && "):
                    findings, reads = _run(parse(shlex.split(part)))
                    messages += [Message(str(finding), finding.is_error) for finding in findings]
        except TfNerError as error:
            messages.append(Message(str(error), is_error=True))
    return Told([*messages, *(Message(text, is_error=False) for text in logged)], reads)


def _run(config: Any) -> tuple[Sequence[Any], str | None]:
    if isinstance(config, CheckConfig):
        checked = check_data(config)
        train = checked.splits.get("train")
        return checked.report.findings, None if train is None else _of_sentences(train.sentences)
    if isinstance(config, ConvertConfig):
        [first, *_] = convert(config)
        if format_of_name(first.path) is None:
            return [], None
        return [], _of_sentences(read_corpus_file(first.path, Layout(task=config.task)))
    config = config.config
    load = load_configured_texts if config.task == "text-classification" else load_configured
    return [], _shown(load(config))


def _shown(corpus: Any) -> str | None:
    """The rows of `train` of what `load_corpus` or `load_texts` gives."""
    if not isinstance(corpus, dict) or "train" not in corpus:
        return None
    rows = corpus["train"]
    if "words" in rows.column_names:
        names = rows.features["tags"].feature.names
        return _of_sentences((row["words"], [names[tag] for tag in row["tags"]]) for row in rows)
    names = getattr(rows.features["label"], "names", None)
    texts = [name for name in ("text", "text_pair") if name in rows.column_names]
    return " | ".join(
        "+".join(row[name] for name in texts) + f"={names[row['label']] if names else row['label']}" for row in rows
    )


def _of_sentences(sentences: Iterable[Sequence[Any]]) -> str:
    return " | ".join(
        " ".join(f"{word}/{tag}" for word, tag in zip(words, tags, strict=True)) for words, tags, *_ in sentences
    )


@contextmanager
def _logged() -> Iterator[list[str]]:
    """The warnings that are logged."""
    texts: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(record.getMessage())

    handler, logger = Kept(logging.WARNING), logging.getLogger("tf_ner")
    logger.addHandler(handler)
    try:
        yield texts
    finally:
        logger.removeHandler(handler)


def go_wrong(case: Case) -> Message:
    """What is said of a case, in the current folder."""
    write(case.files)
    told = run(case.call)
    found = [message for message in told.messages if case.says in message.text]
    assert found, (case.says, told.messages)
    if case.fixes:
        return found[0]
    assert not any(message.is_error for message in told.messages), "an error advises something"
    assert told.reads == case.reads, "what is read in spite of the warning is said"
    return found[0]


def do_what_is_advised(case: Case, fix: Fix | None) -> None:
    """Makes sure that a fix, if there is one, leaves nothing to be said of what was wrong; in the current folder."""
    text, was_error = go_wrong(case)
    if fix is None:
        return
    write(fix.files)
    if fix.shell:
        if shutil.which(tool := fix.shell.partition(" ")[0]) is None:
            pytest.skip(f"{tool} is not at hand")
        subprocess.run(fix.shell, shell=True, check=True)
    call = fix.command or case.call
    told = run(f"{call} {fix.options}" if isinstance(call, str) else call)
    assert not [message.text for message in told.messages if message.is_error]
    # Of what is no error any more, it may be said what is done.
    assert (template_of(text), was_error) not in [(template_of(other), is_error) for other, is_error in told.messages]
    if fix.reads is not None:
        assert told.reads == fix.reads


@cache
def templates() -> dict[str, re.Pattern[str]]:
    """What the code has for messages: all strings that say what was received, with `{}` for what comes from data."""
    return {text: _pattern(text) for text in _strings() if "received " in text.lower()}


@cache
def advice() -> dict[str, re.Pattern[str]]:
    """Whole sentences of the code that are no template: one of several is put at the end of a message."""
    return {text: _pattern(text) for text in _strings() if text not in templates() and _SENTENCE.fullmatch(text)}


def template_of(message: str) -> str | None:
    """Which template a message was made from: of those that fit, the one with most letters of its own."""
    fitting = [text for text, pattern in templates().items() if pattern.search(message)]
    return max(fitting, key=lambda text: len(_GAP.sub("", text)), default=None)


_GAP = re.compile(r"\{\w*(?:!r)?\}|%[srd]")
# What begins with `The` tells what was done.
_SENTENCE = re.compile(r"(?!The )[A-Z]\w* .*[.:]?\S+\.")


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, _GAP.split(text))), re.DOTALL)


@cache
def _strings() -> list[str]:
    """All strings of the code but those that document it."""
    found = []
    for file in sorted(CORPUS.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        left_out = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        left_out |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                found.append("".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
                found.append(node.value)
    return list(dict.fromkeys(found))
