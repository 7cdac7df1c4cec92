"""What the files hold that W&B's client writes offline; its package has no reader."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BLOCK, _HEAD = 32 * 1024, 7
"""In bytes: a log of LevelDB, whose blocks hold pieces of records with a head each."""
_WHOLE, _LAST = 1, 4


@dataclass
class WandbRun:
    """A run, read from one file or several."""

    project: str = ""
    name: str = ""
    group: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    values: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)


def read_wandb(paths: Sequence[Path]) -> WandbRun:
    """Reads the files of a run, the first one first; numbers by name and `trainer/step`."""
    import wandb

    # What it has been told is in the files now.
    wandb.teardown()
    run = WandbRun()
    for path in paths:
        for record in _records(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                run.project, run.name, run.group = record.run.project, record.run.display_name, record.run.run_group
                _add_config(run, record.run.config.update)
            elif kind == "config":
                _add_config(run, record.config.update)
            elif kind == "history":
                _add_row(run, record.history)
    return run


def _add_config(run: WandbRun, updates: Any) -> None:
    for update in updates:
        if key := update.key or "/".join(update.nested_key):
            run.config[key] = json.loads(update.value_json)


def _add_row(run: WandbRun, history: Any) -> None:
    row = {item.key or "|".join(item.nested_key): json.loads(item.value_json) for item in history.item}
    run.rows.append(row["_step"])
    for name, value in row.items():
        if name.partition("|")[2] == "_type" and value == "table-file":
            run.tables.add(name.partition("|")[0])
        if "/" in name and "|" not in name and name != "trainer/step":
            run.values.setdefault(name, []).append((row["trainer/step"], value))


def _records(path: Path) -> Iterator[Any]:
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, begun = path.read_bytes(), _HEAD, b""
    assert data.startswith(b":W&B")
    while place + _HEAD <= len(data):
        left = _BLOCK - place % _BLOCK
        if left < _HEAD:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        begun += data[place + _HEAD : place + _HEAD + length]
        place += _HEAD + length
        if kind in (_WHOLE, _LAST):
            yield Record.FromString(begun)
            begun = b""
