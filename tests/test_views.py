"""Answers to look at, and as tables; and texts divided into sentences. The models have learnt nothing."""

import html.parser
import json
import os
import pty
import re
import subprocess
import sys

import pyarrow as pa
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tf_ner import Predictor, load_tokenizer, load_untrained
from tf_ner.cli import main
from tf_ner.corpus.words import split_words
from tf_ner.errors import ConfigError, DataError
from tf_ner.inference.page import _COLOURS
from tf_ner.inference.sentences import divided
from tf_ner.models.weights import save_model

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
TEXT = 'Ada Lovelace lived in London. She met <script>alert(1)</script> & "Babbage"! Nobody saw it.'


@pytest.fixture(scope="module")
def model(tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_model(load_untrained(str(tiny_bert), tag_names=TAGS), load_tokenizer(str(tiny_bert)), folder)
    return str(folder)


@pytest.fixture(scope="module")
def predictor(model):
    return Predictor.from_pretrained(model)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [""]),
        ("no end", ["no end"]),
        ("One. Two! Three? Four", ["One .", "Two !", "Three ?", "Four"]),
        ("J. Smith met Mr. Hale. He left.", ["J. Smith met Mr. Hale .", "He left ."]),
        ('He said "Go." Then (so!) left.', ['He said " Go . "', "Then ( so ! ) left ."]),
        ("at approx. five... and so on. End", ["at approx . five ... and so on .", "End"]),
        ("王明住在北京。李华来到上海!", ["王明住在北京。李华来到上海 !"]),
        ("কর্মকর্তা। ব্যাংকের", ["কর্মকর্তা ।", "ব্যাংকের"]),
        ('He left. "I go," said Bob. "Stop."', ["He left .", '" I go , " said Bob .', '" Stop . "']),
        ("What?! Yes. ... No", ["What ? !", "Yes . ...", "No"]),
    ],
)
def test_sentences(text, expected):
    assert [" ".join(words) for words in divided([word.text for word in split_words(text)])] == expected


def test_sentences_of_letters():
    words = [word.text for word in split_words("王明住在北京。李华!J. Smith来", "text")]
    assert ["".join(row) for row in divided(words)] == ["王明住在北京。", "李华!", "J.Smith来"]
    words = [word.text for word in split_words("He said no. Then no. 5 won.", "text")]
    assert [" ".join(row) for row in divided(words)] == ["He said no .", "Then no . 5 won ."]


@given(st.lists(st.sampled_from([".", "!?", "。", '"', ")", "A", "b", "no", "..."]), max_size=12))
def test_sentences_are_all_of_the_words(words):
    sentences = divided(words)
    assert [word for row in sentences for word in row] == words
    assert all(sentences) or not words


def test_sentences_are_answered_one_by_one(predictor, model):
    sentences = ["Ada Lovelace lived in London.", "Nobody came to Lagos.", "Acme Tools is a shop."]
    [whole] = Predictor.from_pretrained(model, sentences=True).find_entities([" ".join(sentences)])
    start, expected = 0, []
    for annotated in predictor.find_entities(sentences):
        expected += [(one.start + start, one.end + start, one.label) for one in annotated.entities]
        start += len(annotated.text) + 1
    assert [(one.start, one.end, one.label) for one in whole.entities] == expected != []
    assert [found.entities for found in Predictor.from_pretrained(model, sentences=True).find_entities([""])] == [[]]


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.in_body = [], "", False

    def handle_starttag(self, tag, attrs):
        self.in_body |= tag == "body"
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data if self.in_body else ""


def test_a_page_renders_nothing_of_the_data(model, predictor, tmp_path, capsys):
    path = tmp_path / "in.txt"
    path.write_text(TEXT + "\n", encoding="utf-8")
    main(["predict", model, str(path), "--to", "html"])
    page = Page()
    page.feed(written := capsys.readouterr().out)
    [annotated] = predictor.find_entities([TEXT])
    assert "script" not in {tag for tag, _ in page.tags}
    assert not re.search("https?:", written)
    assert [tag for tag, _ in page.tags].count("mark") == len(annotated.entities) > 0
    expected, end = "", 0
    for entity in annotated.entities:
        expected += TEXT[end : entity.end] + entity.label
        end = entity.end
    assert page.text.strip() == expected + TEXT[end:]


def test_labels_can_be_read_on_their_colours():
    for colour in _COLOURS:
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (luminance + 0.05) >= 5


def test_what_cannot_be_added_to_or_is_for_terminals(model, tmp_path, capsys):
    path = tmp_path / "in.txt"
    path.write_text("Ada\n")
    out = tmp_path / "out.html"
    for options in (["--to", "text"], ["--to", "html", "--skip", "1"]):
        with pytest.raises(SystemExit, match="2"):
            main(["predict", model, str(path), "--output", str(out), *options])
        assert "which does not apply with --to" in capsys.readouterr().err
    assert not out.exists()


def test_a_terminal_gets_text_in_colour_and_a_prompt(model, predictor):
    code = f"from tf_ner.cli import main; main(['predict', {model!r}])"
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    try:
        for typed in (b"Ada Lovelace lived in London.\n", b"\x04"):
            prompt = shown.count(b"Ctrl-D")
            while shown.count(b"Ctrl-D") == prompt:
                shown += os.read(ours, 4096)
            os.write(ours, typed)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    [annotated] = predictor.find_entities(["Ada Lovelace lived in London."])
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert all(f"[{entity.text}]{entity.label}" in plain for entity in annotated.entities)
    assert "\x1b[" in shown.decode()


def test_a_table_comes_back_with_entities(predictor):
    texts = ["Ada Lovelace lived in London.", "", "Nobody came."]
    table = pa.table({"id": [1, 2, 3], "text": texts})
    found = predictor.annotate(table)
    assert found.column_names == ["id", "text", "entities"]
    assert found.drop_columns("entities") == table
    expected = [[vars(one) for one in answer.entities] for answer in predictor.find_entities(texts)]
    assert found["entities"].to_pylist() == expected
    words = pa.table({"words": [["Ada", "Lovelace"], ["x"]]})
    assert predictor.annotate(words)["entities"].to_pylist()[0] == [
        vars(one) for one in next(predictor.find_entities(["Ada Lovelace"])).entities
    ]
    assert predictor.annotate(table.slice(0, 0)).num_rows == 0
    with pytest.raises(DataError, match="columns id; expected text"):
        predictor.annotate(table.select(["id"]))
    with pytest.raises(DataError, match="the column entities, which answers have too"):
        predictor.annotate(found)


def test_tables_of_other_models(tiny_bert, tmp_path):
    tokenizer = load_tokenizer(str(tiny_bert))
    save_model(load_untrained(str(tiny_bert), tag_names=("NOUN", "VERB")), tokenizer, tmp_path / "pos")
    tagger = Predictor.from_pretrained(str(tmp_path / "pos"))
    found = tagger.annotate(pa.table({"words": [["Ada", "came"]]}))
    [expected] = tagger.tag_words([["Ada", "came"]])
    assert found["tags"].to_pylist() == [expected.tags]
    assert found["scores"].to_pylist() == [pytest.approx(expected.scores)]
    labels = load_untrained(str(tiny_bert), tag_names=("no", "yes"), task="text-classification")
    save_model(labels, tokenizer, tmp_path / "labels")
    classifier = Predictor.from_pretrained(str(tmp_path / "labels"))
    found = classifier.annotate(pa.table({"text": ["Ada came", "x"], "text_pair": ["Who", "y"]}))
    expected = list(classifier.classify([("Ada came", "Who"), ("x", "y")]))
    assert found["label"].to_pylist() == [one.label for one in expected]
    assert found["score"].to_pylist() == pytest.approx([one.score for one in expected])
    with pytest.raises(ConfigError, match="expected one that tags words"):
        Predictor.from_pretrained(str(tmp_path / "labels"), sentences=True)


def test_a_data_set_is_mapped(predictor):
    rows = Dataset.from_dict({"text": ["Ada Lovelace lived in London.", "Nobody came."]})
    found = rows.with_format("arrow").map(predictor.annotate, batched=True, batch_size=1, new_fingerprint="found")
    assert json.loads(json.dumps(found.with_format(None)["entities"][:])) == [
        [vars(one) for one in answer.entities] for answer in predictor.find_entities(rows["text"])
    ]


def test_sentences_are_of_words(tiny_bert, model):
    with pytest.raises(ConfigError, match="which is about words"):
        Predictor.from_pretrained(model, sentences=True, aggregation="max")


ON_TWO_PROCESSES = """
import json, sys
from functools import cache
from datasets import load_dataset

model, source, target = sys.argv[1:]

@cache
def predictor():
    from tf_ner import Predictor
    return Predictor.from_pretrained(model)

def annotate(table):
    import os
    found = predictor().annotate(table)
    return found.append_column("process", [[os.getpid()] * found.num_rows])

if __name__ == "__main__":
    rows = load_dataset("json", data_files=source, split="train").with_format("arrow")
    rows.map(annotate, batched=True, batch_size=10, num_proc=2).to_json(target)
"""


@pytest.mark.slow
def test_two_processes_give_what_one_gives(model, predictor, tmp_path):
    texts = [f"{TEXT} {number}" for number in range(60)]
    source, target, script = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "script.py"
    source.write_text("".join(json.dumps({"id": number, "text": text}) + "\n" for number, text in enumerate(texts)))
    script.write_text(ON_TWO_PROCESSES)
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf")}
    subprocess.run([sys.executable, script, model, source, target], check=True, timeout=600, env=environment)
    found = list(map(json.loads, target.read_text().splitlines()))
    whole = predictor.annotate(pa.table({"id": list(range(60)), "text": texts})).to_pylist()
    assert len({row.pop("process") for row in found}) == 2
    for row, expected in zip(found, whole, strict=True):
        assert (row["id"], row["text"]) == (expected["id"], expected["text"])
        places = [[(one["start"], one["end"], one["label"]) for one in rows["entities"]] for rows in (row, expected)]
        assert places[0] == places[1]
        assert [one["score"] for one in row["entities"]] == pytest.approx(
            [one["score"] for one in expected["entities"]], abs=1e-5
        )
