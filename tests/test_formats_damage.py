"""Damaged files end in sentences or in one line that names the file, never in another error and never in none."""

import contextlib
import json
import random
import signal
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tf_ner.corpus.findings import Finding
from tf_ner.corpus.formats import FORMATS, read_corpus_file
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.errors import DataError

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


def seeds(folder):
    """A whole file of each format and shape, as bytes, by its name."""
    found = {name: text.encode() for name, text in TEXTS.items()}
    for name, known in FORMATS.items():
        path = folder / f"{name}{known.extensions[0]}"
        known.write(path, SENTENCES)
        found[path.name] = path.read_bytes()
    rows = {"sentence": [1, 1, 2], "word": ["EU", "said", "Ada"], "tag": ["B-ORG", "O", "B-PER"]}
    pq.write_table(pa.table(rows), folder / "rows.parquet", compression="zstd")
    return found | {"rows.parquet": (folder / "rows.parquet").read_bytes()}


def flip(data, rng):
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
    return data


def overwrite(data, rng):
    for _ in range(rng.choice((1, 1, 2, 4))):
        data[rng.randrange(len(data))] = rng.choice(b"\0\t\n\r \"'\\,;[]{}:-0189eE.#\xff\xed\xc3\xef\x80")
    return data


def cut(data, rng):
    return data[: rng.randrange(len(data) + 1)]


def cut_out(data, rng):
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 9) :]


def insert(data, rng):
    pieces = [
        b"\0",
        b'"',
        b"'",
        b"\n",
        b"\r",
        b"\n\n",
        b"\t",
        b" ",
        b"\xef\xbb\xbf",
        b"[",
        b"{",
        b"NaN",
        b"1e999",
        b"\\u",
    ]
    pieces += [b"\\ud800", b"null", b"-", b"9" * 5000, b"[" * 3000, b"\xe2\x80\xa8", b",", b"-DOCSTART- O", b"[]"]
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(pieces) + data[place:]


def repeat(data, rng):
    start = rng.randrange(len(data))
    piece = data[start : start + rng.randrange(1, 40)]
    return data[:start] + piece * rng.randrange(2, 5) + data[start:]


def mix_tabs_and_spaces(data, rng):
    wanted, other = rng.choice([(b"\t", b" "), (b" ", b"\t"), (b",", b"\t"), (b"\n", b"\r"), (b"\n", b"\r\n")])
    first, *others = bytes(data).split(wanted)
    return bytearray(first + b"".join((other if rng.random() < 0.3 else wanted) + piece for piece in others))


def swap_quotes(data, rng):
    return bytearray(data.translate(bytes.maketrans(b"\"'", b"'\"")))


def encode_otherwise(data, rng):
    encoding = rng.choice(["latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "utf-7", "utf-8-sig"])
    return bytearray(bytes(data).decode("utf-8", "replace").encode(encoding, "replace"))


def noise(data, rng):
    return bytearray(rng.randbytes(rng.randrange(200)))


def mix(data, rng):
    return rng.choice(DAMAGES)(rng.choice(DAMAGES[:7])(data, rng) or bytearray(b"a"), rng)


DAMAGES = [
    flip,
    overwrite,
    cut,
    cut_out,
    insert,
    repeat,
    mix_tabs_and_spaces,
    swap_quotes,
    encode_otherwise,
    noise,
    mix,
]


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
        assert finding.path == path
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
    assert raised is None or str(path) in raised
    assert raised or strict == sentences
    return "unreadable" if unreadable else "findings" if raised else "read"


@contextlib.contextmanager
def at_most(seconds):
    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def damage_and_check(folder, num_cases, seed):
    """Counts how the cases of each kind of file ended."""
    rng = random.Random(seed)
    whole = seeds(folder)
    ended = Counter()
    for number in range(num_cases):
        name = list(whole)[number % len(whole)]
        damage = rng.choice(DAMAGES)
        data = bytes(damage(bytearray(whole[name]), rng))
        path = folder / name
        path.write_bytes(data)
        # What columns without names hold for the other tasks must be said, whatever is in the file.
        tasks = ["ner"] if path.suffix in (".conll", ".tsv", ".txt") else ["ner", "ner", "pos", "chunk"]
        layout = Layout(task="pos" if path.suffix == ".conllu" else rng.choice(tasks))
        try:
            with at_most(seconds=20):
                ended[name, check(path, layout)] += 1
        except Exception as error:
            raise AssertionError(f"case {number}, {damage.__name__} of {name}: {data[:3000]!r}") from error
    return ended


def test_damaged_files(tmp_path):
    ended = damage_and_check(tmp_path, 1000, seed=0)
    assert ended.total() == 1000
    assert {name for name, _ in ended} == seeds(tmp_path).keys()


@pytest.mark.slow
def test_many_damaged_files(tmp_path):
    ended = damage_and_check(tmp_path, 100_000, seed=1)
    by_file = Counter()
    for (name, _), number in ended.items():
        by_file[name] += number
    assert min(by_file.values()) >= 100_000 // len(by_file)
    for name, how in sorted(ended):
        print(f"{name:20} {how:12} {ended[name, how]:6}")


@pytest.mark.parametrize(
    "name", ["conll.conll", "tsv.tsv", "csv.csv", "lists.csv", "jsonl-spans.jsonl", "list.json", "parquet.parquet"]
)
def test_a_file_cut_anywhere(tmp_path, name):
    data = seeds(tmp_path)[name]
    for length in range(len(data)):
        (tmp_path / name).write_bytes(data[:length])
        check(tmp_path / name, Layout())


LONG = 10_000_000
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
    "line ends": b"\n" * (LONG // 10),
    "a record": b'{"words": ["' + b"a" * LONG + b'"], "tags": ["O"]}',
    "a text": b'{"text": "' + b"-" * LONG + b'", "spans": [[0, 1, "X"]]}',
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.conll", "a.conllu", "a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet"])
@pytest.mark.parametrize("content", LONG_LINES.values(), ids=LONG_LINES)
def test_ten_megabytes_in_a_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with at_most(seconds=60):
        check(tmp_path / name, Layout(task="pos" if name == "a.conllu" else "ner"))
