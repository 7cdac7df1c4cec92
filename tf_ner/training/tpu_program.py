"""What a program that was compiled for a TPU costs, read from its text."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_COMPUTATION = re.compile(r"(?P<entry>ENTRY )?%?(?P<name>[\w.\-]+) .*\{$")
_INSTRUCTION = re.compile(r"\s+(?:ROOT )?%?(?P<name>[\w.\-]+) = (?P<type>.*?) (?P<operation>[\w\-]+)\((?P<rest>.*)")
_ARRAY = re.compile(r"\b(?P<dtype>pred|bf16|[sufc]\d+\w*)\[(?P<shape>[\d,]*)\](?:\{(?P<layout>[^}]*)\})?")
_NAME = re.compile(r"%([\w.\-]+)")
_BODIES = re.compile(r"(?:body|to_apply|branch_computations|true_computation|false_computation)=(\{[^}]*\}|%[\w.\-]+)")
_FUSED = re.compile(r"calls=%([\w.\-]+)")
_ALL_REDUCE = re.compile(r" all-reduce(?:-start)?\(")
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')

_RUN_OTHERS = {"while", "conditional", "call"}
_MOVE_NOTHING = {"parameter", "constant", "get-tuple-element", "tuple", "bitcast", "iota", "after-all"} | _RUN_OTHERS
_READ_PARTS = {"gather", "dynamic-slice", "slice"}
_PLACE_OF_COPY = {"copy-start": 0, "slice-start": 1}
"""Where in its result what begins a copy has the copy itself; the others are the original and a flag."""


@dataclass(frozen=True)
class _Instruction:
    name: str
    type: str
    operation: str
    operands: tuple[str, ...]
    line: str


class CompiledProgram:
    """A program of XLA after all its passes.

    A loop counts as one round: what it does in a step. Of several branches, the one that moves most counts.

    Args:
        text: As XLA prints it.

    Attributes:
        all_reduces: How many times the devices add up what they have.
        cycles: How many of the device it takes by the compiler's own estimates; it has none for some small operations.
    """

    def __init__(self, text: str):
        self._computations: dict[str, list[_Instruction]] = {}
        entry, instructions = "", list[_Instruction]()
        for line in text.splitlines():
            if (found := _COMPUTATION.match(line)) and not line.startswith(" "):
                instructions = self._computations[found["name"]] = []
                entry = found["name"] if found["entry"] else entry
            elif found := _INSTRUCTION.match(line):
                operands = tuple(_NAME.findall(found["rest"].partition(")")[0]))
                instructions.append(_Instruction(found["name"], found["type"], found["operation"], operands, line))
        self._types = {
            computation: {each.name: each.type for each in of_it} for computation, of_it in self._computations.items()
        }
        self._run = list(self._run_by(entry))
        # The compiler may put them into a fusion.
        self.all_reduces = len(_ALL_REDUCE.findall(text))
        self.cycles = sum(int(found[1]) for _, each in self._run if (found := _CYCLES.search(each.line)))

    def bytes_moved(self) -> int:
        """How many bytes a step moves between the device and its memory; not those that stay on the chip."""
        return self._moved_in(self._run)

    def _moved_in(self, run: Sequence[tuple[str, _Instruction]]) -> int:
        return sum(self._moved_by(each, self._types[computation]) for computation, each in run)

    def _run_by(self, computation: str) -> Iterator[tuple[str, _Instruction]]:
        """The instructions of a computation and of those that it runs, each with the name of its own."""
        for each in self._computations.get(computation, []):
            yield computation, each
            if each.operation in _RUN_OTHERS:
                bodies = [body for found in _BODIES.findall(each.line) for body in _NAME.findall(found)]
                yield from max((list(self._run_by(body)) for body in bodies), key=self._moved_in, default=[])

    def _moved_by(self, instruction: _Instruction, types: dict[str, str]) -> int:
        operation = instruction.operation
        if operation in _MOVE_NOTHING or operation.endswith("-done"):
            return 0
        of_operands = [types.get(name, "") for name in instruction.operands]
        if operation in _PLACE_OF_COPY:
            size, is_written = _arrays(instruction.type)[_PLACE_OF_COPY[operation]]
            is_read = any(in_memory for of_operand in of_operands for _, in_memory in _arrays(of_operand))
            return size * (is_read + is_written)
        read = [_in_memory(of_operand) for of_operand in of_operands]
        if operation == "dynamic-update-slice":
            # In its place: the update is read, and written.
            return 2 * sum(read[1:2])
        if operation.endswith("-start"):
            # Operands are in the result again.
            return max(sum(read), _in_memory(instruction.type))
        if operation == "fusion" and (found := _FUSED.search(instruction.line)):
            parts = self._parts_read(found[1])
            read = [min(size, parts.get(number, size)) for number, size in enumerate(read)]
        return sum(read) + _in_memory(instruction.type)

    def _parts_read(self, fused: str) -> dict[int, int]:
        """Of those operands of which a fusion reads only parts: how many bytes."""
        instructions = self._computations.get(fused, [])
        users: dict[str, list[_Instruction]] = {}
        for each in instructions:
            for operand in each.operands:
                users.setdefault(operand, []).append(each)
        parts = Counter[int]()
        for each in instructions:
            if each.operation == "parameter":
                used_by = users.get(each.name, [])
                if used_by and all(user.operation in _READ_PARTS and user.operands[0] == each.name for user in used_by):
                    number = int(each.line.partition("parameter(")[2].partition(")")[0])
                    parts[number] = sum(size for user in used_by for size, _ in _arrays(user.type))
        return dict(parts)


def _arrays(of_type: str) -> list[tuple[int, bool]]:
    """The size of each array of a type in bytes, and whether it lies in the device's memory, not on the chip."""
    arrays = []
    for found in _ARRAY.finditer(of_type):
        size = _SIZES.get(found["dtype"]) or int(re.sub(r"\D.*", "", found["dtype"][1:])) // 8
        for length in filter(None, found["shape"].split(",")):
            size *= int(length)
        arrays.append((size, "S(" not in (found["layout"] or "")))
    return arrays


def _in_memory(of_type: str) -> int:
    return sum(size for size, in_memory in _arrays(of_type) if in_memory)


_SIZES = {"pred": 1, "bf16": 2, "s4": 1, "u4": 1}
