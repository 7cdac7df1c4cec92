"""What `results.md` says: medians, ratios and their spread, of the answers that workers gave."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.rounds import Answer

Measured = dict[str, dict[str, list[Answer]]]
"""By part of a round and by contestant the answers, one a round."""

MOST_OTHERS = 0.1
"""How many processors may do other work in a round.

With more, one of PyTorch's threads waits for a processor and the others, busily, for it: beside a busy process, steps
on two processors were seen to take seven to ten times as long with two threads as with one. Turns do not make up for
that, since other libraries' threads mind less.
"""

_INTRODUCTION = """# Results

Made by `make bench`; [README.md](README.md) says how. Medians over the rounds, in brackets the lowest and the highest.
÷ is the ratio to another contestant's speed in the same round: above 1 is faster. Other work is how many processors did
something else meanwhile.
"""
_DISTURBED = (
    f"**Not to be quoted: in some round more than {MOST_OTHERS} processors did other work, which slows down some "
    "contestants much more than others.**"
)


class Spread(NamedTuple):
    """Some values by their median and their ends."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def text(self, digits: int) -> str:
        """`median (low to high)`, or the median alone where these read the same."""
        median, low, high = (f"{value:,.{digits}f}" for value in self)
        return median if low == high else f"{median} ({low} to {high})"


def rates(answers: Sequence[Answer], unit: str) -> list[float]:
    """How many of a unit (`sentences` or `steps`) a second, round by round."""
    return [answer[unit] / answer["seconds"] for answer in answers]


def ratios(own: Sequence[float], others: Sequence[float]) -> Spread:
    """How many times as fast one was as another, of each round by itself: neighbours had the same machine."""
    return Spread.of([rate / other for rate, other in zip(own, others, strict=True)])


def table(answers: Mapping[str, Sequence[Answer]], *, num_references: int, unit: str) -> str:
    """A Markdown table with a row for each contestant.

    Args:
        answers: Of each contestant, one a round.
        num_references: With how many of them, from the first, all are compared.
        unit: What is counted: `sentences`, or `steps`, which are called batches.
    """
    references = list(answers)[:num_references]
    counted = "batches" if unit == "steps" else unit
    compared = [f"÷ {name}" for name in references]
    header = ["", "a round, s", f"{counted} a second", *compared, "peak memory, MB", "other work"]
    lines = [header, ["---"] * len(header)]
    for name, own in answers.items():
        rate = rates(own, unit)
        compared = ["" if name == other else ratios(rate, rates(answers[other], unit)).text(2) for other in references]
        peak = max(answer["peak_mb"] for answer in own)
        others = [answer["others"] for answer in own if "others" in answer]
        speed = [Spread.of([answer["seconds"] for answer in own]).text(1), Spread.of(rate).text(1)]
        lines.append([name, *speed, *compared, f"{peak:,.0f}", Spread.of(others).text(2) if others else "not known"])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def section(title: str, about: str, result: Mapping[str, Any], *, unit: str) -> str:
    """What was measured of one row, with how it was.

    Args:
        title: The heading.
        about: What a round is.
        result: What `results.json` holds of it.
        unit: As for `table`.
    """
    measured: Measured = result["measured"]
    answers = [answer for part in measured.values() for own in part.values() for answer in own]
    is_disturbed = any(answer.get("others", 0.0) > MOST_OTHERS for answer in answers)
    parts = [f"## {title}\n", f"{about}\n", *([f"{_DISTURBED}\n"] if is_disturbed else [])]
    for part, of_part in measured.items():
        parts += [*([f"{part.capitalize()}:\n"] if part else [])]
        parts.append(table(of_part, num_references=result["num_references"], unit=unit))
    parts.append(f"Rounds: {result['num_rounds']}. {result['when']}. {result['where']}\n")
    parts.append("".join(f"    {command}\n" for command in result["commands"]))
    return "\n".join(parts)


def report(sections: Sequence[str]) -> str:
    """The whole of `results.md`."""
    return "\n".join([_INTRODUCTION, *sections])
