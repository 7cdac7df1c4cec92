"""What the commands show: tables and colours. Nothing that comes from data is read as markup."""

import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tf_ner.corpus.tags import OUTSIDE
from tf_ner.errors import printable
from tf_ner.evaluation.scores import MEASURES

if TYPE_CHECKING:
    from tf_ner.corpus.checks.repair import Change
    from tf_ner.corpus.checks.report import CorpusReport
    from tf_ner.corpus.findings import Finding
    from tf_ner.tasks.tokenizer_checks import TokenizerSummary

_T = TypeVar("_T")

_STYLE_OF_LABEL = {
    "PER": "black on bright_cyan",
    "ORG": "black on bright_magenta",
    "LOC": "black on bright_green",
    "MISC": "black on bright_yellow",
}
_STYLE_OF_OTHERS = "reverse"
_MOST_LABELS = 100


def print_scores(metrics: Mapping[str, Any]) -> None:
    """Prints a row a label for each split of what `metrics.json` holds, and a row for all."""
    splits = {split: scores for split, scores in metrics.items() if split != "training"}
    rows = [row for scores in splits.values() for row in (scores, *scores.get("per_label", {}).values())]
    keys = set().union(*rows)
    counted = "entities" if "strict" in keys else "words" if "words" in keys else "examples"
    # Most words are outside of entities, and right: their share says little.
    measures = [name for name in MEASURES if name in keys and (name, counted) != ("accuracy", "entities")]
    table = Table("split", "label", collapse_padding=True)
    for name in (*measures, counted):
        table.add_column(MEASURES.get(name, name), min_width=6)
    for split, scores in splits.items():
        for label, row in [*scores.get("per_label", {}).items(), ("all", scores)]:
            cells = [f"{row[name]:.4f}" if row.get(name) is not None else "" for name in measures]
            names = (Text(_plain(split)), Text(_plain(label)))
            table.add_row(*names, *cells, str(row["support"]), end_section=row is scores)
    console = Console()
    console.print(table)
    for split, scores in splits.items():
        interval = scores.get("interval", {})
        for name in sorted(interval.keys() & {"f1", "accuracy", "pearson", "spearmanr"}):
            low, high = interval[name]
            shown = f"{MEASURES[name]} {low:.4f} to {high:.4f} ({interval['level']:.0%} interval)"
            console.print(Text(f"{_plain(split)}: {shown}"))


def print_comparison(comparison: Mapping[str, Any]) -> None:
    """Prints what `compare` found: each measure of both systems and their difference, and what it means."""
    console = Console()
    level = comparison["difference"]["interval"]["level"]
    table = Table("measure", "system", "value", f"{100 * level:.0f} % interval")
    for measure in ("precision", "recall", "f1", "accuracy"):
        for name, key in {"A": "a", "B": "b", "B - A": "difference"}.items():
            if measure in (part := comparison[key]):
                value, (low, high) = part[measure], part["interval"][measure]
                cells = (measure.replace("f1", "F1"), name, f"{value:.4f}", f"{low:.4f} to {high:.4f}")
                table.add_row(*cells, end_section=key == "difference")
    console.print(table)
    for line in (f"A: {comparison['a']['file']}", f"B: {comparison['b']['file']}", comparison["conclusion"]):
        console.print(Text(_plain(line)), soft_wrap=True)


def print_certificate(measured: Mapping[str, Any]) -> None:
    """Prints how an exported model did beside the original."""
    table = Table("", "original", "export", "support")
    scores = measured["score"]
    table.add_row(MEASURES[measured["measure"]], f"{scores['original']:.4f}", f"{scores['export']:.4f}", "")
    for label, row in measured["recall"].items():
        title = Text(f"recall of {_plain(label)}")
        table.add_row(title, f"{row['original']:.4f}", f"{row['export']:.4f}", str(row["support"]))
    console = Console()
    console.print(table)
    of_entities = (
        f" (in or near entities: {measured['different_in_entities']} of {measured['compared_in_entities']})"
        if "compared_in_entities" in measured
        else ""
    )
    console.print(
        Text(f"{measured['different']} of {measured['compared']} answers differ{of_entities}"), soft_wrap=True
    )


def print_spread(summary: Mapping[str, Any]) -> None:
    """Prints mean, standard deviation and single values of what `seeds.json` holds."""
    table = Table("split", "score", "mean", "deviation", *(f"seed {seed}" for seed in summary["seeds"]))
    for split, scores in summary["splits"].items():
        for name, score in scores.items():
            values = (score["mean"], score["std"], *score["values"])
            cells = ["" if value is None else f"{value:.4f}" for value in values]
            title = "F1" if name == "f1" else name
            table.add_row(Text(_plain(split)), Text(_plain(title)), *cells, end_section=name == list(scores)[-1])
    Console().print(table)


def print_answers(answers: Iterable[tuple[str, Any]]) -> None:
    """Prints each text with its entities in brackets and in the colour of their label, and so words that have a tag.

    Args:
        answers: Each line of input and its answer, as `Predictor.answer_with_lines` gives them.
    """
    console = Console()
    for _, answer in answers:
        line = Text()
        if hasattr(answer, "entities"):
            end = 0
            for entity in answer.entities:
                line.append(_plain(answer.text[end : entity.start]))
                _append_marked(line, entity.text, entity.label)
                end = entity.end
            line.append(_plain(answer.text[end:]))
        elif hasattr(answer, "tags"):
            for number, (word, tag) in enumerate(zip(answer.words, answer.tags, strict=True)):
                line.append(" " if number else "")
                line.append(_plain(word)) if tag == OUTSIDE else _append_marked(line, word, tag)
        else:
            line.append(_plain(answer.text if answer.text_pair is None else f"{answer.text}\t{answer.text_pair}"))
            label = "" if answer.label is None else f"{_plain(answer.label)} "
            line.append(f"  {label}{answer.score:.3f}", style="bold")
        console.print(line, soft_wrap=True)


def with_progress(answers: Iterable[_T], *, every: float = 1.0) -> Iterator[_T]:
    """The same answers; where messages go to a terminal, it shows how many there were and how many a second.

    Args:
        answers: Any.
        every: How many seconds pass at least before the line is written again.
    """
    if not sys.stderr.isatty():
        yield from answers
        return
    began = shown = time.monotonic()
    num = 0
    for num, answer in enumerate(answers, start=1):
        if (now := time.monotonic()) - shown >= every:
            shown = now
            print(f"\r{num:,} texts, {num / (now - began):,.0f} a second", end="", file=sys.stderr, flush=True)
        yield answer
    if shown > began:
        print(f"\r{num:,} texts, {num / (time.monotonic() - began):,.0f} a second", file=sys.stderr)


def _append_marked(line: Text, text: str, label: str) -> None:
    line.append(_plain(f"[{text}]{label}"), style=_STYLE_OF_LABEL.get(label, _STYLE_OF_OTHERS))


def print_report(report: "CorpusReport", tokenizer: "TokenizerSummary | None", *, limit: int) -> None:
    """Prints a table of the splits, one of the labels, and the findings, those of a kind together.

    Args:
        report: What was found.
        tokenizer: What a tokenizer makes of the words, if one was asked for.
        limit: How many findings of a kind to show; 0 for all.
    """
    console = Console()
    console.print(_table_of_splits(report))
    console.print(_table_of_labels(report))
    if tokenizer is not None:
        console.print(Text(_tokenizer_line(tokenizer, has_texts=report.has_texts)))
    by_kind: dict[tuple[bool, str], list[Finding]] = {}
    for finding in report.findings:
        by_kind.setdefault((not finding.is_error, finding.kind), []).append(finding)
    for (is_warning, kind), findings in sorted(by_kind.items()):
        style = "bold yellow" if is_warning else "bold red"
        title = f"{kind}: {len(findings)} {'warning' if is_warning else 'error'}{'s' if len(findings) > 1 else ''}"
        console.print(Text(f"\n{printable(title)}", style=style))
        shown = findings[: limit or None]
        for finding in shown:
            console.print(Text(printable(str(finding))), soft_wrap=True)
        if len(shown) < len(findings):
            console.print(f"… and {len(findings) - len(shown)} more (--limit 0 shows all)")
    num_errors = sum(finding.is_error for finding in report.findings)
    spelt = f"Tags: {report.scheme.upper()}. " if report.scheme else ""
    console.print(Text(f"\n{spelt}Errors: {num_errors}, warnings: {len(report.findings) - num_errors}."))


def print_changes(changes: Iterable["Change"]) -> None:
    """Prints what was repaired, a line each."""
    console = Console()
    for change in changes:
        console.print(Text(printable(str(change))), soft_wrap=True)


def _table_of_splits(report: "CorpusReport") -> Table:
    table = Table("split")
    rows, outputs = ("texts", "labels") if report.has_texts else ("sentences", "entities" if report.scheme else "tags")
    for name in (rows, "words", "longest", outputs, "duplicates", "leaks"):
        table.add_column(name, justify="right")
    for split, summary in report.splits.items():
        numbers = (summary.sentences, summary.words, summary.longest, sum(summary.labels.values()))
        repeats = (
            f"{summary.duplicates} ({summary.duplicate_share:.1%})",
            f"{summary.leaks} ({summary.leak_share:.1%})",
        )
        table.add_row(Text(printable(split)), *map(str, numbers), *repeats)
    return table


def _table_of_labels(report: "CorpusReport") -> Table:
    """How often each label occurs, and its share of its split; last, how unequal the shares are."""
    table = Table("label")
    for split in report.splits:
        table.add_column(Text(printable(split)), justify="right")
    splits = report.splits.values()
    labels = list(dict.fromkeys(label for summary in splits for label in summary.labels))
    for label in labels[:_MOST_LABELS]:
        counts = [(summary.labels.get(label, 0), max(sum(summary.labels.values()), 1)) for summary in splits]
        table.add_row(Text(printable(label)), *(f"{count} ({count / total:.1%})" for count, total in counts))
    if len(labels) > _MOST_LABELS:
        table.add_row(f"… and {len(labels) - _MOST_LABELS} more (--json shows all)")
    table.add_section()
    ratios = [f"{summary.imbalance:.1f}" if summary.imbalance else "" for summary in splits]
    table.add_row("most to least frequent", *ratios)
    return table


def _tokenizer_line(tokenizer: "TokenizerSummary", *, has_texts: bool) -> str:
    case = "uncased: it lowercases all letters" if tokenizer.is_uncased else "cased"
    line = (
        f"The tokenizer is {case}. {tokenizer.pieces_per_word:.2f} subwords per word. {tokenizer.changed_share:.1%} of "
        f"the words change their spelling, {tokenizer.unknown_share:.1%} contain unknown pieces, "
        f"{tokenizer.no_piece_share:.1%} have no piece."
    )
    if tokenizer.long_sentences:
        what = "texts exceed" if has_texts else "sentences exceed"
        then = "cut there" if has_texts else "split into windows, 0 words lost"
        line += f" {tokenizer.long_sentences} {what} {tokenizer.max_length} subwords and are {then}."
    return line


def _plain(text: str) -> str:
    """Text whose control characters and changes of direction, which could steer the terminal, are replaced."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "\N{REPLACEMENT CHARACTER}", text)
