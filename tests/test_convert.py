import json
import os
import subprocess
import sys

import pytest

from tests.conftest import SENTENCES, conll
from tests.test_cli import fails
from tf_ner.cli import main
from tf_ner.corpus.convert import convert
from tf_ner.corpus.formats import FORMATS, read_corpus_file
from tf_ner.corpus.loading.splits import SAMPLE_DIR, find_split_files
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import ConfigError, DataError, OutputError
from tf_ner.options.commands import ConvertConfig

SCHEMES = ("iob1", "iob2", "bioes", "bilou", "io", "plain")


def run(source, output, **options):
    return convert(ConvertConfig(source=str(source), output=output, **options))


def read(path, **layout):
    return [(sentence.words, sentence.tags) for sentence in read_corpus_file(path, Layout(**layout))]


def write(tmp_path, text, name="in.conll"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_there_and_back(tmp_path, name):
    task = "pos" if name == "conllu" else "ner"
    source = write(tmp_path, conll(SENTENCES))
    if task == "pos":
        source = write(tmp_path, "EU NOUN\nsaid VERB\n\nAda NOUN\n")
        options = {"task": "pos", "tag_column": "1"}
    else:
        options = {}
    there = tmp_path / f"there{FORMATS[name].extensions[0]}"
    back = tmp_path / "back.conll"
    layout = Layout(**options)
    expected = [(s.words, s.tags) for s in read_corpus_file(source, layout)]
    [converted] = run(source, there, format=name, **options)
    assert (converted.path, converted.num_sentences) == (there, len(expected))
    run(there, back, task=task)
    assert read(back, **options) == expected


@pytest.mark.parametrize("first", SCHEMES)
@pytest.mark.parametrize("second", SCHEMES)
def test_every_scheme_there_and_back(tmp_path, first, second):
    """The sample of the tests has two entities that touch, `Bruno Ada`, which io and plain cannot hold."""
    apart = [sentence for sentence in SENTENCES if "Bruno/B-PER Ada" not in sentence]
    sentences = SENTENCES if not {"io", "plain"} & {first, second} else apart
    source = write(tmp_path, conll(sentences))
    run(source, tmp_path / "a.conll", to_scheme=first)
    run(tmp_path / "a.conll", tmp_path / "b.parquet", scheme=first, to_scheme=second)
    [converted] = run(tmp_path / "b.parquet", tmp_path / "c.csv", scheme=second, to_scheme="iob2")
    assert read(tmp_path / "c.csv") == read(source)
    assert converted.entities == {"PER": 5 if sentences is SENTENCES else 3, "ORG": 3, "LOC": 4, "MISC": 2}
    run(tmp_path / "a.conll", tmp_path / "d.jsonl", format="jsonl-spans", scheme=first)
    assert read(tmp_path / "d.jsonl") == read(source)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "conllu"])
def test_the_sample_as_a_folder(tmp_path, name):
    converted = run("sample", tmp_path / "out", format=name)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(c.path.name for c in converted)
    found = find_split_files(tmp_path / "out")
    for split, path in find_split_files(SAMPLE_DIR).items():
        assert read(found[split]) == read(path)
    run(tmp_path / "out", tmp_path / "again")
    for split, path in find_split_files(tmp_path / "again").items():
        assert read(path) == read(found[split])


def test_parts_of_speech_of_the_sample_as_conllu(tmp_path):
    [converted] = run("sample", tmp_path / "out", format="conllu", task="pos")
    assert converted.entities is None
    columns = {"columns": ("word", "pos", "chunk", "ner"), "task": "pos"}
    assert read(tmp_path / "out" / "train.conllu", task="pos") == read(SAMPLE_DIR / "pos_chunk.conll", **columns)


def test_spans_have_the_places_of_their_words(tmp_path):
    run(write(tmp_path, "New York\tB-LOC\n🦜\tI-LOC\n.\tO\n"), tmp_path / "out.jsonl", format="jsonl-spans")
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8")) == {
        "text": "New York 🦜 .",
        "tokens": [
            {"text": "New York", "start": 0, "end": 8, "id": 0},
            {"text": "🦜", "start": 9, "end": 10, "id": 1},
            {"text": ".", "start": 11, "end": 12, "id": 2},
        ],
        "spans": [{"start": 0, "end": 10, "label": "LOC", "token_start": 0, "token_end": 1}],
    }


def test_tags_stay_as_they_are_unless_told(tmp_path):
    source = write(tmp_path, "a I-X\nb B-X\nc O\nd I-Y\n")
    run(source, tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl") == read(source)


def test_labels_are_renamed_and_dropped_in_the_scheme_of_the_source(tmp_path):
    source = write(tmp_path, "a S-GPE\nb S-LOC\nc B-PER\nd E-PER\ne S-X\n")
    options = {"map_label": ("GPE=LOC",), "ignore_label": ("X",)}
    [converted] = run(source, tmp_path / "out.conll", **options)
    assert read(tmp_path / "out.conll") == [(list("abcde"), ["S-LOC", "S-LOC", "B-PER", "E-PER", "O"])]
    assert converted.entities == {"LOC": 2, "PER": 1}


def test_an_entity_called_o_does_not_vanish_among_plain_tags(tmp_path):
    source = write(tmp_path, "a B-PER\nb O\nc B-O\n")
    with pytest.raises(DataError, match=r"in\.conll:3: received an entity with the label O; expected another label"):
        run(source, tmp_path / "out.conll", to_scheme="plain")
    assert not (tmp_path / "out.conll").exists()
    run(source, tmp_path / "out.conll", to_scheme="bioes")
    assert read(tmp_path / "out.conll") == [(list("abc"), ["S-PER", "O", "S-O"])]


def test_a_label_is_dropped_by_name_and_not_by_o(tmp_path):
    with pytest.raises(ConfigError, match="Received --map-label PER=O; expected a NEW other than O"):
        ConvertConfig(source="a", output=tmp_path / "b", map_label=("PER=O",))
    assert ConvertConfig(source="a", output=tmp_path / "b", task="pos", map_label=("X=O",)).new_labels == {"X": "O"}


def test_a_misspelt_label_is_told(tmp_path, caplog):
    run(write(tmp_path, "a B-GPE\nb O\n"), tmp_path / "out.conll", map_label=("B-GPE=B-LOC",))
    assert caplog.messages == [
        "Received 'B-GPE' to be renamed, which is not a label of this data; expected one of GPE. Correct --map-label."
    ]


def test_options_of_reading_are_used(tmp_path):
    source = write(tmp_path, "# id 1\nO en:EU B-ORG x\n")
    options = {"comments": True, "word_prefix": "en:", "columns": ("x", "word", "ner", "y")}
    run(source, tmp_path / "a.csv", **options)
    assert read(tmp_path / "a.csv") == [(["EU"], ["B-ORG"])]
    run(write(tmp_path, "f,g,h\nEU,B-X,B-Y\n", "b.csv"), tmp_path / "b.conll", word_column="f", tag_column="-1")
    assert read(tmp_path / "b.conll") == [(["EU"], ["B-Y"])]


REFUSED = {
    "a tab": (
        '{"words": ["a", "b\\tc"], "tags": ["O", "O"]}',
        "out.conll",
        {},
        r"in.jsonl:1: received the word 'b\\tc'",
    ),
    "a line end": (
        '\n{"words": ["b\\nc"], "tags": ["O"]}',
        "out.tsv",
        {"format": "tsv"},
        r"in.jsonl:2: received the word",
    ),
    "a document start": ('{"words": ["-DOCSTART-"], "tags": ["O"]}', "out.txt", {}, r"1: received the word -DOCSTART-"),
    "entities that touch": (
        '{"words": ["a", "b"], "tags": ["B-X", "B-X"]}',
        "out.jsonl",
        {"to_scheme": "io"},
        "in.jsonl:1: received two X entities",
    ),
    "an inside that begins": (
        '{"words": ["a", "b", "c"], "tags": ["B-X", "O", "I-X"]}',
        "out.jsonl",
        {"format": "jsonl-spans"},
        "in.jsonl:1: received the tag 'I-X' where IOB2 has 'B-X'",
    ),
    "a tag of no scheme": ('{"words": ["a", "b"], "tags": ["B-X", "b-x"]}', "out.conll", {}, "1: received tag 'b-x'"),
    "a bad record": ('{"words": ["a"], "tags": ["O"]}\n{}', "out.conll", {}, "in.jsonl:2: received an object"),
    "nothing": ("", "out.conll", {}, "received no sentence"),
}


@pytest.mark.parametrize(("text", "output", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_held_is_refused_before_anything_is_written(tmp_path, text, output, options, message):
    source = write(tmp_path, text, "in.jsonl")
    with pytest.raises(DataError, match=message):
        run(source, tmp_path / output, **options)
    assert [file.name for file in tmp_path.iterdir()] == ["in.jsonl"]


def test_one_bad_split_stops_them_all(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder, '{"words": ["a"], "tags": ["O"]}', "train.jsonl")
    write(folder, '{"words": ["a\\t"], "tags": ["O"]}', "test.jsonl")
    with pytest.raises(DataError, match=r"test\.jsonl:1: received the word"):
        run(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_there_stays_unless_told(tmp_path):
    source, there = write(tmp_path, "a O\n"), write(tmp_path, "before", "out.csv")
    with pytest.raises(OutputError, match=r"out.csv, which already exists; .*--overwrite"):
        run(source, there)
    assert there.read_text() == "before"
    run(source, there, overwrite=True)
    assert read(there) == [(["a"], ["O"])]
    run(source, source, overwrite=True, to_scheme="bioes")
    assert read(source) == [(["a"], ["O"])]
    with pytest.raises(OutputError, match="expected a new folder"):
        run("sample", tmp_path)
    run("sample", tmp_path, overwrite=True)
    assert (tmp_path / "train.conll").exists()


@pytest.mark.parametrize("output", ["out.csv", "folder"])
def test_a_full_disk_leaves_what_was_there(tmp_path, output):
    source = tmp_path / "in.conll" if output == "out.csv" else tmp_path / "in"
    (tmp_path / "in").mkdir()
    (tmp_path / "folder").mkdir()
    write(tmp_path, "before", "out.csv")
    write(tmp_path / "folder", "before", "train.csv")
    for folder, name in ((tmp_path, "in.conll"), (tmp_path / "in", "train.conll"), (tmp_path / "in", "test.conll")):
        write(folder, ("word O\n" * 50 + "\n") * 200, name)
    code = f"""
import resource
from tf_ner.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
main(["convert", {str(source)!r}, {str(tmp_path / output)!r}, "--format", "csv", "--overwrite"])
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "in", "in.conll", "out.csv"]
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["train.csv"]
    assert (tmp_path / "out.csv").read_text() == (tmp_path / "folder" / "train.csv").read_text() == "before"


@pytest.mark.parametrize(
    ("source", "output", "options", "error", "message"),
    [
        ("in.conll", "out.xml", {}, ConfigError, r"expected a name that ends in one of \.bio, .*--format"),
        ("in.conll", "out", {}, ConfigError, "expected a name that ends in"),
        ("in.conll", "no/out.csv", {}, OutputError, "whose folder does not exist"),
        ("in.conll", ".", {"format": "csv"}, OutputError, "which is a folder; expected a file"),
        ("in.conll", "pipe.csv", {"overwrite": True}, OutputError, "which is a device or a pipe; expected a file"),
        (".", "in.conll", {}, OutputError, "which is a file; expected a folder"),
        ("in.conll", "out.conllu", {}, ConfigError, "--task pos"),
        ("nothing/here/at/all", "out", {}, DataError, "neither a folder nor a name on the Hub"),
        ("none.conll", "out.jsonl", {}, DataError, "Received none.conll, which does not exist"),
    ],
)
def test_paths_that_do_not_fit(tmp_path, source, output, options, error, message):
    write(tmp_path, "a O\n")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(error, match=message):
        run(tmp_path / source if source[0] != "n" else source, tmp_path / output, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"format": "xml"},
        {"to_scheme": "iob3"},
        {"to_scheme": "io", "task": "pos"},
        {"format": "jsonl-spans", "task": "pos"},
        {"format": "jsonl-spans", "to_scheme": "io"},
    ],
)
def test_options_that_do_not_fit(options):
    with pytest.raises(ConfigError, match=r"Received --(format|to-scheme) "):
        ConvertConfig(source="a", output="b", **options)


def test_warnings_are_told(tmp_path, caplog):
    lines = ['{"text": "AdaLovelace", "spans": [[0, 3, "PER"]]}'] * 12
    run(write(tmp_path, "\n".join(lines), "in.jsonl"), tmp_path / "out.conll")
    message, lost = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert lost.endswith("in.jsonl: 12 entities end inside words and are not written")
    assert "in.jsonl:1: received the span 'Ada' (0 to 3, PER), which ends inside the word" in message
    assert message.endswith(" (12 such places: `tf-ner check-data` lists them.)")


def test_a_tag_that_looks_like_another_is_told(tmp_path, caplog):
    run(write(tmp_path, "a B-X\nb O\nc B-X\u00a0\n"), tmp_path / "out.jsonl")
    [message] = caplog.messages
    assert "in.conll:3: received the tag 'B-X\\xa0' with U+00A0 NO-BREAK SPACE" in message


def test_the_scheme_is_said_and_what_breaks_it(tmp_path, caplog):
    caplog.set_level("INFO")
    run(write(tmp_path, "in O\nRome I-LOC\n\n"), tmp_path / "out.conll", to_scheme="bioes", scheme="iob2")
    assert "in.conll:2: " in caplog.text
    assert "Violations of IOB2: 1." in caplog.text
    run(write(tmp_path, "in O\nRome I-LOC\n\n"), tmp_path / "out.conll", overwrite=True)
    assert "The tags are IO." in caplog.text


def test_from_the_shell(tmp_path, capsys):
    write(tmp_path, conll(SENTENCES))
    main(["convert", str(tmp_path / "in.conll"), str(tmp_path / "out.parquet"), "--to-scheme", "bioes"])
    assert capsys.readouterr().out == (
        f"{tmp_path / 'out.parquet'}: 8 sentences, 48 words, 14 entities (LOC 4, MISC 2, ORG 3, PER 5)\n"
    )
    line = fails(["convert", tmp_path / "in.conll", tmp_path / "out.parquet"], capsys)
    assert "which already exists" in line


def test_no_heavy_library_is_needed(tmp_path):
    """Neither for CoNLL nor for JSON; pyarrow for Parquet only, `datasets` for the Hub only."""
    source = write(tmp_path, conll(SENTENCES))
    code = f"""
import sys
from tf_ner.cli import main
main(["convert", {str(source)!r}, {str(tmp_path / "out.jsonl")!r}])
heavy = {{"tensorflow", "transformers", "datasets", "numpy", "pandas", "pyarrow"}} & set(sys.modules)
assert not heavy, heavy
main(["convert", {str(source)!r}, {str(tmp_path / "out.parquet")!r}])
heavy = {{"tensorflow", "transformers", "datasets"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_conll2003_goes_through_every_format(shared, tmp_path):
    source = shared / "data" / "conll2003" / "valid.txt"
    expected = read(source)
    for name in ("jsonl", "jsonl-spans", "csv", "tsv", "parquet"):
        path = tmp_path / f"{name}{FORMATS[name].extensions[0]}"
        [converted] = run(source, path, format=name)
        assert (converted.num_sentences, converted.num_words) == (3250, 51362)
        assert converted.entities.total() == 5942
        assert read(path) == expected


def test_a_folder_for_splits_has_no_name_of_a_file(tmp_path):
    with pytest.raises(OutputError, match=r"out\.csv for the splits of sample; expected a folder"):
        convert(ConvertConfig(source="sample", output=tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()
