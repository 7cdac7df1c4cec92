"""Damaged files of texts end in rows or in one line that names the file; damaged labels in one line, too."""

import contextlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import examples
from tests.damage import damage_and_check
from tf_ner.corpus.texts.files import TextLayout, read_texts
from tf_ner.corpus.texts.labels import read_labels
from tf_ner.errors import DataError

PAIRS = [(f'Ada "{number}" é 🦜', "x;y", [0.5, 1, 2.25][number % 3]) for number in range(6)]
RECORDS = [dict(zip(("text", "text_pair", "label"), pair, strict=True)) for pair in PAIRS]
SINGLES = [(text, number % 2) for number, (text, *_) in enumerate(PAIRS)]


def seeds(folder):
    """A whole file of each format, as bytes, by its name."""
    pq.write_table(pa.Table.from_pylist(RECORDS), folder / "numbers.parquet")
    lines = {
        "numbers.jsonl": [json.dumps(record) for record in RECORDS],
        "names.jsonl": [json.dumps({"text": text, "label": "xy"[label]}) for text, label in SINGLES],
        "list.json": [json.dumps(RECORDS, indent=1)],
        "numbers.tsv": ["text\ttext_pair\tlabel", *("\t".join(map(str, pair)) for pair in PAIRS)],
        "names.tsv": ["sentence\tlabel", *(f"{text}\t{label}" for text, label in SINGLES)],
        "names.csv": ["text,label", *('"{}",{}'.format(text.replace('"', '""'), label) for text, label in SINGLES)],
    }
    found = {name: "\n".join(rows).encode() for name, rows in lines.items()}
    return {**found, "numbers.parquet": (folder / "numbers.parquet").read_bytes()}


def check(path, layout):
    """Reads a file, listing all that is wrong, and then its labels in each way. Returns how it ended."""
    findings, rows, unreadable = [], [], None
    try:
        rows += read_texts(path, layout, report=findings.append)
    except DataError as error:
        unreadable = str(error)
    assert unreadable is None or (str(path) in unreadable and len(unreadable.splitlines()) == 1)
    for finding in findings:
        assert finding.line >= 1
        assert len(str(finding).splitlines()) == 1
    for row in rows:
        "".join(row.texts).encode()
    for are_numbers in (None, True, False):
        with contextlib.suppress(DataError):
            read_labels({"train": [row.label for row in rows]}, are_numbers=are_numbers)
    return "unreadable" if unreadable else "findings" if findings else "read"


def check_some_layout(path, rng):
    return check(path, TextLayout(quoting=rng.choice(["auto", "on", "off"]), may_lack_labels=rng.random() < 0.3))


def test_damaged_texts(tmp_path):
    whole = seeds(tmp_path)
    ended = damage_and_check(tmp_path, whole, check_some_layout, num_cases=600, seed=0)
    assert ended.total() == 600
    assert {name for name, _ in ended} == whole.keys()


@pytest.mark.slow
def test_many_damaged_texts(tmp_path):
    ended = damage_and_check(tmp_path, seeds(tmp_path), check_some_layout, num_cases=examples(80), seed=1)
    for name, how in sorted(ended):
        print(f"{name:16} {how:12} {ended[name, how]:6}")
