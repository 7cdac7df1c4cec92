"""Two systems' predictions of the same words: scores, how sure they are, and whether they differ."""

import json
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from tf_ner.corpus.tags import is_iob
from tf_ner.errors import DataError
from tf_ner.evaluation.intervals import LEVEL, bootstrap_interval, paired_test
from tf_ner.evaluation.scores import score_entities, score_tags
from tf_ner.files import require_file, write_text
from tf_ner.options.commands import CompareConfig
from tf_ner.options.train import PREDICTIONS


class _Row(NamedTuple):
    """A word of a file, or the end of a sentence, whose word is None."""

    line: int
    word: str | None = None
    gold: str = ""
    predicted: str = ""


def compare(config: CompareConfig) -> dict[str, Any]:
    """Compares what two systems predicted for the same words, by F1 if all tags are IOB and otherwise by accuracy.

    Returns:
        `a` and `b`, each `file`, `precision`, `recall` and `f1` (or `accuracy`) and their `interval`; `difference`,
        what `paired_test` finds; `conclusion`, one sentence; and `sentences`, `words` and `seed`.

    Raises:
        DataError: A file is missing, or is of another kind, or the two do not hold the same words and gold tags.
        OutputError: The folder of `output` does not exist, or it is not a file.
    """
    if config.output is not None:
        require_file(config.output)
    paths = [path / PREDICTIONS if path.is_dir() else path for path in (config.a, config.b)]
    first, second = map(_read, paths)
    _require_same(paths, first, second)
    gold = _sentences(first, "gold")
    predicted = [_sentences(rows, "predicted") for rows in (first, second)]
    is_entities = all(is_iob(tag) for rows in (gold, *predicted) for row in rows for tag in row)
    draws: dict[str, Any] = {"entities": is_entities, "num_resamples": config.resamples, "seed": config.seed}
    difference = paired_test(gold, *predicted, **draws)
    comparison = {
        **{
            name: {"file": str(path), **_score(gold, tags, draws)}
            for name, path, tags in zip("ab", paths, predicted, strict=True)
        },
        "difference": difference,
        "conclusion": _conclude(difference),
        "sentences": len(gold),
        "words": sum(map(len, gold)),
        "seed": config.seed,
    }
    if config.output is not None:
        write_text(config.output, json.dumps(comparison, indent=2) + "\n")
    return comparison


def _score(gold: list[list[str]], predicted: list[list[str]], draws: dict[str, Any]) -> dict[str, Any]:
    scores = score_entities(gold, predicted) if draws["entities"] else score_tags(gold, predicted)
    measures = ("precision", "recall", "f1") if draws["entities"] else ("accuracy",)
    return {name: scores[name] for name in measures} | {"interval": bootstrap_interval(gold, predicted, **draws)}


def _conclude(difference: dict[str, Any]) -> str:
    """What the difference means, in one sentence."""
    measure, value = ("F1", difference["f1"]) if "f1" in difference else ("accuracy", difference["accuracy"])
    if not value:
        return f"A and B have the same {measure}."
    by, p = f"{abs(value):.4f} {'lower' if value < 0 else 'higher'}", f"p = {difference['p']:.2g}"
    if difference["p"] >= 1 - LEVEL:
        meaning = f"chance alone may well account for it ({p}): these sentences do not show which is better."
    else:
        meaning = (
            f"chance alone rarely produces as much ({p}): {'A' if value < 0 else 'B'} is better on such sentences."
        )
    return f"B's {measure} is {by} than A's, and {meaning}"


def _sentences(rows: Sequence[_Row], column: str) -> list[list[str]]:
    """One column, sentence by sentence."""
    sentences: list[list[str]] = [[]]
    for row in rows:
        if row.word is None:
            sentences.append([])
        else:
            sentences[-1].append(getattr(row, column))
    return sentences[:-1]


def _read(path: Path) -> list[_Row]:
    """Reads a file as runs write it; one row per word and one after each sentence."""
    rows: list[_Row] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8-sig").rstrip("\r\n")
                if text.strip():
                    rows.append(_Row(number, *_cells(path, number, text)))
                elif rows and rows[-1].word is not None:
                    rows.append(_Row(number))
    except FileNotFoundError:
        raise DataError(
            f"Received {path}, which does not exist; expected the {PREDICTIONS} of a run. Name the run's folder or the "
            "file; a run without a test split, or on whole texts, has none."
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}:{number}: received bytes that are not UTF-8 ({error.reason}); expected UTF-8 text. "
            "Convert the file, for example with iconv."
        ) from None
    if not rows:
        raise DataError(
            f"Received {path}, which contains no words; expected the {PREDICTIONS} of a run. Check the path."
        )
    return rows if rows[-1].word is None else [*rows, _Row(rows[-1].line + 1)]


def _cells(path: Path, number: int, text: str) -> list[str]:
    cells = text.split("\t")
    if len(cells) != 3 or not all(cells[1:]):
        raise DataError(
            f"{path}:{number}: received {text!r}; expected a word, its gold tag and its predicted tag "
            f"separated by tabs, as in the {PREDICTIONS} of a run. Correct the line or name another file."
        )
    return cells


def _require_same(paths: Sequence[Path], first: Sequence[_Row], second: Sequence[_Row]) -> None:
    """Both must hold the same words and gold tags."""
    for a, b in zip_longest(first, second):
        if a is None or b is None or a[1:3] != b[1:3]:
            raise DataError(
                f"{paths[1]}:{(b or second[-1]).line}: received {_describe(b)}; expected {_describe(a)}, as in "
                f"{paths[0]}:{(a or first[-1]).line}. Compare predictions of the same sentences."
            )


def _describe(row: _Row | None) -> str:
    if row is None:
        return "the end of the file"
    return "the end of a sentence" if row.word is None else f"{row.word!r} with the gold tag {row.gold!r}"
