"""Damaged files end in sentences or in one line that names the file, never in another error and never in none."""

import contextlib
import gzip
import json
import zipfile
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from tests.conftest import examples
from tests.damage import at_most, damage_and_check
from tests.tool_writers import JSON, Marked, brat, webanno
from tf_ner.corpus.checks.check_data import check_data
from tf_ner.corpus.findings import Finding
from tf_ner.corpus.formats import FORMATS, read_corpus_file
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.errors import DataError
from tf_ner.options.commands import CheckConfig

SENTENCES = [
    Sentence(["Ada", 'Love"lace', "livéd", "in,", "London", "."], ["B-PER", "I-PER", "O", "O", "B-LOC", "O"], [0] * 6),
    Sentence(["গর", "🦜", "#", "-", "a b"], ["B-LOC", "O", "O", "B-X", "I-X"], [0] * 5),
    Sentence(["Bruno"], ["B-PER"], [0]),
] * 3

TEXTS = {
    "four_columns.txt": "EU NNP B-NP B-ORG\nsaid VBD B-VP O\n\n-DOCSTART- -X- O O\n\nAda NNP B-NP B-PER\n",
    "lists.csv": 'id,tokens,tags\n1,"[\'EU\', ""it\'s""]","[\'B-ORG\', \'O\']"\n2,"[""Ada""]",[\'B-PER\']\n',
    "Kaggle.csv": 'Sentence #,Word,POS,Tag\nSentence: 1,EU,NNP,B-ORG\n,"a ""b",VBD,O\nSentence: 2,Ada,NNP,B-PER\n',
    "blank.tsv": "Word\tTag\nEU\tB-ORG\n\nAda\tB-PER\n",
    "ranges.conllu": "# a\n" + "".join(f"{row}\t_\tX" + "\t_" * 6 + "\n" for row in ("1-2\tb c", "1\tb", "1.1\tc")),
    "tools.jsonl": "\n".join(
        map(
            json.dumps,
            [
                {"id": 1, "text": "Ada Lovelace-x 🦜 lived", "label": [[0, 12, "PER"], [16, 18, "X"]]},
                {"text": "in London", "entities": [{"start_offset": 3, "end_offset": 9, "label": "LOC"}]},
                {"text": "EU", "tokens": [{"start": 0, "end": 2, "id": 0}], "spans": [[0, 2, "ORG"]]},
                {"tokens": ["EU", "\u00e9\u2028"], "ner_tags": ["B-ORG", "O"]},
            ],
        )
    ),
    "list.json": json.dumps([{"words": ["EU", "said"], "tags": ["B-ORG", "O"]}] * 3, indent=1),
}

MARKED = [Marked("Ada Lovelace 🦜 in London", [(0, 12, "PER"), (18, 24, "LOC")]), Marked("Bruno", [(0, 5, "PER")])]

NUM_DAMAGED = examples(200)


def seeds(folder):
    """A whole file of each format and shape, as bytes, by its name."""
    found = {name: text.encode() for name, text in TEXTS.items()}
    for name, known in FORMATS.items():
        path = folder / f"{name}{known.extensions[0]}"
        known.write(path, SENTENCES)
        found[path.name] = path.read_bytes()
    for name, write in JSON.items():
        found[name] = write(MARKED).encode()
    found["webanno.tsv"] = webanno([(sentence.words, sentence.tags) for sentence in SENTENCES[:2]]).encode()
    brat(MARKED, folder / "brat")
    found["doc.ann"] = (folder / "brat" / "doc.ann").read_bytes()
    (folder / "doc.txt").write_bytes((folder / "brat" / "doc.txt").read_bytes())
    rows = {"sentence": [1, 1, 2], "word": ["EU", "said", "Ada"], "tag": ["B-ORG", "O", "B-PER"]}
    pq.write_table(pa.table(rows), folder / "rows.parquet", compression="zstd")
    found["rows.parquet"] = (folder / "rows.parquet").read_bytes()
    found["lines.conll.gz"] = gzip.compress(found["conll.conll"], mtime=0)
    with zipfile.ZipFile(folder / "table.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", found["csv.csv"])
    found["table.zip"] = (folder / "table.zip").read_bytes()
    docs = DocBin(docs=[Doc(Vocab(), words=["EU", "said"], ents=["B-ORG", "O"])])
    return found | {"docs.spacy": docs.to_bytes()}


def check(path, layout):
    """Reads a file twice: stopping at the first error, and listing all. Returns how it ended."""
    findings: list[Finding] = []
    unreadable = None
    sentences = []
    try:
        for sentence in read_corpus_file(path, layout, report=findings.append):
            sentences.append(sentence)
            assert len(sentence.words) == len(sentence.tags) == len(sentence.lines) > 0
            assert all(sentence.words)
            assert all(sentence.tags)
            assert min(sentence.lines) >= 1
            "".join(sentence.words + sentence.tags).encode()
    except DataError as error:
        unreadable = str(error)
    for finding in findings:
        # What brat's annotations say of a text is told where the text is.
        assert finding.path in (path, path.with_suffix(".txt"))
        assert finding.line >= 1
        assert finding.message.startswith("received "), finding
        assert len(str(finding).splitlines()) == 1, finding
    expected = next((str(finding) for finding in findings if finding.is_error), unreadable)
    raised = None
    strict = []
    try:
        strict += read_corpus_file(path, layout)
    except DataError as error:
        raised = str(error)
    assert raised == expected
    assert raised is None or str(path.with_suffix("")) in raised
    assert raised or strict == sentences
    return "unreadable" if unreadable else "findings" if raised else "read"


def check_as_some_task(path, rng):
    """What columns without names hold for the other tasks must be said, whatever is in the file."""
    tasks = ["ner"] if path.suffix in (".conll", ".gz", ".tsv", ".txt") else ["ner", "ner", "pos", "chunk"]
    return check(path, Layout(task="pos" if path.suffix == ".conllu" else rng.choice(tasks)))


def test_damaged_files(tmp_path):
    whole = seeds(tmp_path)
    ended = damage_and_check(tmp_path, whole, check_as_some_task, num_cases=600, seed=0)
    assert ended.total() == 600
    assert {name for name, _ in ended} == whole.keys()


@pytest.mark.slow
def test_many_damaged_files(tmp_path):
    ended = damage_and_check(tmp_path, seeds(tmp_path), check_as_some_task, num_cases=NUM_DAMAGED, seed=1)
    by_file = Counter()
    for (name, _), number in ended.items():
        by_file[name] += number
    assert min(by_file.values()) >= NUM_DAMAGED // len(by_file)
    for name, how in sorted(ended):
        print(f"{name:20} {how:12} {ended[name, how]:6}")


@pytest.mark.parametrize(
    "name",
    [
        "conll.conll",
        "tsv.tsv",
        "csv.csv",
        "lists.csv",
        "jsonl-spans.jsonl",
        "list.json",
        "parquet.parquet",
        "label_studio.json",
        "webanno.tsv",
        "doc.ann",
    ],
)
def test_a_file_cut_anywhere(tmp_path, name):
    data = seeds(tmp_path)[name]
    # Each third place, from another one in each format; all of them where there is time.
    step = max(1, 3 // examples(0.02))
    for length in range(len(name) % step, len(data), step):
        (tmp_path / name).write_bytes(data[:length])
        check(tmp_path / name, Layout())


# In `make soak` ten times as many.
LONG = min(10_000_000, examples(20_000))
LONG_LINES = {
    "one word": b"a" * LONG,
    "one quote": b'"' + b"a" * LONG,
    "quotes": b'"' * LONG,
    "tabs": b"\t" * LONG,
    "spaces": b" " * LONG,
    "commas": b"word,tag\na," + b"," * LONG,
    "brackets": b"[" * LONG,
    "braces": b'{"a":' * (LONG // 5),
    "digits": b"1" * LONG,
    "a list": b'words,tags\n"[' + b"'a'," * (LONG // 4) + b'","[]"\n',
    "zeros": b"\0" * LONG,
    "odd spaces": b"a" + "\u00a0".encode() * (LONG // 2) + b"b\tO\n",
    "no blank lines": b"Ada\tB-PER\nof\tO\n" * (LONG // 100),
    "labels without end": b"".join(b"%d\tB-%d\n" % (number, number) for number in range(LONG // 100)),
    "line ends": b"\n" * (LONG // 10),
    "a record": b'{"words": ["' + b"a" * LONG + b'"], "tags": ["O"]}',
    "a text": b'{"text": "' + b"-" * LONG + b'", "spans": [[0, 1, "X"]]}',
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.conll", "a.conllu", "a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet"])
@pytest.mark.parametrize("content", LONG_LINES.values(), ids=LONG_LINES)
def test_a_line_of_megabytes(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    task = "pos" if name == "a.conllu" else "ner"
    with at_most(seconds=60):
        check(tmp_path / name, Layout(task=task))
    with at_most(seconds=60), contextlib.suppress(DataError):
        check_data(CheckConfig(train_file=tmp_path / name, task=task))
