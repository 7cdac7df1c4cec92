"""What `tpu-check` tells: memory, time and padding of the two programs that a run on a TPU compiles."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tf_ner.training.topologies import Chip

_MB = 1e6


@dataclass(frozen=True, kw_only=True)
class Program:
    """What the compiler says of a program, for each device.

    Attributes:
        arguments, outputs, temporaries, code: Memory by kind, in bytes; outputs that take the place of arguments are
            not counted.
        operations: Floating-point operations a step.
        bytes_moved: Between the device and its memory, a step.
        cycles: Of the device, a step, by the compiler's own estimates, which leave out what chips send each other.
        all_reduces: How many times the devices add up what they have.
    """

    arguments: int
    outputs: int
    temporaries: int
    code: int
    operations: float
    bytes_moved: int
    cycles: int
    all_reduces: int

    @property
    def memory(self) -> int:
        """All of it, in bytes."""
        return self.arguments + self.outputs + self.temporaries + self.code

    def least_seconds(self, chip: Chip) -> float:
        """What a step takes at least."""
        return max(self.operations / chip.flops, self.bytes_moved / chip.bandwidth)

    def seconds(self, chip: Chip) -> float:
        """What a step takes by the compiler's estimates."""
        return max(self.least_seconds(chip), self.cycles / chip.clock)

    def bound(self, chip: Chip) -> str:
        """What a step waits for."""
        return "operations" if self.operations / chip.flops > self.bytes_moved / chip.bandwidth else "memory traffic"


@dataclass(frozen=True, kw_only=True)
class TpuReport:
    """What `tpu-check` found.

    Attributes:
        topology: For which TPU.
        num_devices: How many devices it has.
        step: What a step is, in words.
        training, scoring: The programs; a run compiles these two.
        examples_a_step, rows_a_step: How many a step has, over all devices.
        padding: Share of the positions that are padding.
        padding_one_a_row: The same with each example in a row of its own.
        chip: The figures that the bounds follow from.
        versions: Of the compiler.
        command: What trains so.
    """

    topology: str
    num_devices: int
    step: str
    training: Program
    scoring: Program
    examples_a_step: float
    rows_a_step: int
    padding: float
    padding_one_a_row: float
    chip: Chip
    versions: Mapping[str, str]
    command: str

    def to_json(self) -> str:
        """The same for programs."""
        values = dataclasses.asdict(self)
        for name in ("training", "scoring"):
            program = getattr(self, name)
            seconds = {"least_seconds": program.least_seconds(self.chip), "seconds": program.seconds(self.chip)}
            values[name] |= {"memory": program.memory, **seconds}
        values["training"]["examples_a_second"] = self.examples_a_step / self.training.seconds(self.chip)
        values["training"]["examples_a_second_at_most"] = self.examples_a_step / self.training.least_seconds(self.chip)
        return json.dumps(values, indent=2)

    def __str__(self) -> str:
        lines = [f"{self.topology}, {_devices(self.num_devices)}: {self.step}", ""]
        lines.append(_row("", "training", "scoring"))
        for name, text in (
            ("memory", f"memory of {self.chip.memory / _MB:,.0f} MB"),
            ("arguments", "  arguments"),
            ("outputs", "  outputs"),
            ("temporaries", "  temporaries"),
            ("code", "  program"),
        ):
            lines.append(_row(text, *(f"{getattr(of, name) / _MB:,.0f}" for of in self._programs)))
        lines.append(_row("operations, 10⁹", *(f"{of.operations / 1e9:,.0f}" for of in self._programs)))
        lines.append(_row("memory traffic, MB", *(f"{of.bytes_moved / _MB:,.0f}" for of in self._programs)))
        lines.append(_row("at least, ms", *(f"{1000 * of.least_seconds(self.chip):,.2f}" for of in self._programs)))
        lines.append(_row("  bounded by", *(of.bound(self.chip) for of in self._programs)))
        lines.append(_row("estimated, ms", *(f"{1000 * of.seconds(self.chip):,.2f}" for of in self._programs)))
        lines.append(_row("all-reduces", *(str(of.all_reduces) for of in self._programs)))
        lines += [
            "",
            f"While it scores, a run keeps the {self.training.arguments / _MB:,.0f} MB of its training.",
            f"Both compile, and a run compiles no others ({', '.join(map(' '.join, self.versions.items()))}).",
            f"Padding: {_percent(self.padding)} of the positions; with one example a row "
            f"{_percent(self.padding_one_a_row)}.",
            "Examples a second in training, with one a row in brackets: "
            f"{self._rates(self.training.seconds(self.chip))} by the compiler's estimates, "
            f"{self._rates(self.training.least_seconds(self.chip))} at the bound. Real steps take longer.",
            "",
            self.command,
        ]
        return "\n".join(lines)

    def _rates(self, seconds: float) -> str:
        """Examples a second; if each had a row of its own, as many were trained as there are rows."""
        return f"{self.examples_a_step / seconds:,.0f} ({self.rows_a_step / seconds:,.0f})"

    @property
    def _programs(self) -> tuple[Program, Program]:
        return self.training, self.scoring


def _row(name: str, *cells: str) -> str:
    return f"{name:24}" + "".join(f"{cell:>16}" for cell in cells)


def _devices(number: int) -> str:
    return "1 device" if number == 1 else f"{number} devices"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
