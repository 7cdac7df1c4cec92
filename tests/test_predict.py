"""`tf-ner predict`: what it reads, what it writes, and what is left out. The model is one that has learnt nothing."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tf_ner import Predictor, load_tokenizer, load_untrained
from tf_ner.cli import main
from tf_ner.corpus.schemes import illegal_positions
from tf_ner.errors import ConfigError, DataError, ModelError
from tf_ner.models.weights import save_model
from tf_ner.options.commands import EvaluateConfig, PredictConfig
from tf_ner.training.scoring import evaluate

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
LINES = ["Ada Lovelace lived in London.", "", "A shop in Lagos, 🦜 said Acme-Tools", "Nobody came to the town of Ada"]


@pytest.fixture(scope="module")
def model(tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_model(load_untrained(str(tiny_bert), tag_names=TAGS), load_tokenizer(str(tiny_bert)), folder)
    return str(folder)


@pytest.fixture
def predict(model, capsys):
    def run(*arguments):
        main(["predict", model, *map(str, arguments)])
        return capsys.readouterr().out

    return run


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def records(printed):
    return [json.loads(line) for line in printed.splitlines()]


def alike(found, expected):
    """Whether answers are the same but for the last digits, which depend on what else is in a batch."""
    without = [[{**entity, "score": 0} for entity in row["entities"]] for row in found]
    return without == [[{**entity, "score": 0} for entity in row["entities"]] for row in expected]


def test_json_lines_are_read_by_their_text_and_keep_their_keys(predict, tmp_path):
    plain = records(predict(write(tmp_path / "a.txt", *LINES)))
    assert any(row["entities"] for row in plain)
    given = [json.dumps({"id": n, "text": line, "entities": "mine", "x": [1]}) for n, line in enumerate(LINES)]
    found = records(predict(write(tmp_path / "a.jsonl", *given)))
    assert found == [{"id": n, "input_entities": "mine", "x": [1], **row} for n, row in enumerate(plain)]
    for row in found:
        assert all(row["text"][entity["start"] : entity["end"]] == entity["text"] for entity in row["entities"])
    [broken] = records(predict(write(tmp_path / "b.jsonl", json.dumps({"text": "Line one\nOslo two"}))))
    assert broken["text"] == "Line one\nOslo two"


def test_records_of_words(predict, tmp_path):
    words = [line.split() for line in LINES if line]
    given = [json.dumps({"words": row}) for row in words]
    found = records(predict(write(tmp_path / "a.jsonl", *given)))
    spaced = records(predict(write(tmp_path / "a.txt", *(" ".join(row) for row in words)), "--words"))
    assert found == spaced


def test_a_line_may_be_text_although_it_looks_like_a_record(predict, tmp_path):
    line = json.dumps({"text": "Ada"})
    path = write(tmp_path / "a.txt", line)
    assert records(predict(path))[0]["text"] == "Ada"
    assert records(predict(path, "--input", "text"))[0]["text"] == line
    assert records(predict(write(tmp_path / "b.txt", "{not JSON")))[0]["text"] == "{not JSON"


@pytest.mark.parametrize("record", [{}, {"text": 3}, {"words": ["a", ""]}, {"words": [1]}, {"words": "ab"}])
def test_a_record_without_input_is_told_after_what_stands_before(model, tmp_path, capsys, record):
    path = write(tmp_path / "a.jsonl", json.dumps({"text": "Ada"}), json.dumps(record))
    with pytest.raises(SystemExit, match="2"):
        main(["predict", model, str(path)])
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert "error: line 2: received" in printed.err


@pytest.mark.parametrize(
    ("name", "line"),
    [("a.csv", "text,label"), ("a.tsv", "a\tb"), ("a.json", '{"a":'), ("a.txt", '[{"text": "a"},'), ("a.txt", "[")],
)
def test_tables_and_lists_are_not_taken_for_text(model, tmp_path, capsys, name, line):
    path = write(tmp_path / name, line, "Ada")
    with pytest.raises(SystemExit, match="2"):
        main(["predict", model, str(path)])
    assert "expected lines of text, or JSON lines" in capsys.readouterr().err
    main(["predict", model, str(path), "--input", "text"])
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_files_and_folders_are_read_in_order(predict, tmp_path):
    (tmp_path / "in").mkdir()
    first, second = write(tmp_path / "in" / "a.txt", *LINES[:2]), write(tmp_path / "in" / "b.txt", *LINES[2:])
    write(tmp_path / "in" / "notes.csv", "not,read")
    whole = predict(write(tmp_path / "all.txt", *LINES))
    assert predict(first, second) == predict(tmp_path / "in") == whole
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="2"):
        predict(tmp_path / "empty")


def test_an_interrupted_prediction_goes_on(predict, tmp_path):
    path = write(tmp_path / "all.txt", *LINES)
    whole = records(predict(path))
    assert alike(records(predict(path, "--skip", 3)), whole[3:])
    out = write(tmp_path / "out.jsonl", *map(json.dumps, whole[:2]))
    predict(path, "--output", out, "--skip", 2)
    assert alike(records(out.read_text(encoding="utf-8")), whole)
    predict(path, "--output", out)
    assert records(out.read_text(encoding="utf-8")) == whole


def test_tables_hold_the_same(predict, tmp_path):
    path = write(tmp_path / "all.txt", *LINES)
    expected = [
        (number, entity) for number, row in enumerate(records(predict(path)), start=1) for entity in row["entities"]
    ]
    rows = list(csv.DictReader(io.StringIO(predict(path, "--to", "csv"))))
    assert [(int(row["input"]), int(row["start"]), row["text"], row["label"]) for row in rows] == [
        (number, entity["start"], entity["text"], entity["label"]) for number, entity in expected
    ]
    columns = predict(path, "--to", "conll")
    sentences = [block.strip().splitlines() for block in columns.split("\n\n") if block.strip()]
    assert len(sentences) == 3
    assert [line.split("\t")[0] for line in sentences[0]] == ["Ada", "Lovelace", "lived", "in", "London", "."]
    assert {line.split("\t")[1] for block in sentences for line in block} <= {*TAGS}


def test_entities_that_are_not_sure_enough_are_left_out(predict, tmp_path):
    path = write(tmp_path / "all.txt", *LINES)
    everything = [entity for row in records(predict(path)) for entity in row["entities"]]
    least = float(np.median([entity["score"] for entity in everything]))
    kept = [entity for row in records(predict(path, "--threshold", f"{least:.6f}")) for entity in row["entities"]]
    assert kept == [entity for entity in everything if entity["score"] >= float(f"{least:.6f}")]
    assert 0 < len(kept) < len(everything)
    label = everything[0]["label"]
    kept = [entity for row in records(predict(path, "--threshold", f"{label}=1")) for entity in row["entities"]]
    assert kept == [entity for entity in everything if entity["label"] != label]


def test_sequences_are_legal_with_viterbi_and_else_the_same(model, predict, tmp_path):
    lines = [
        " ".join(np.random.default_rng(seed).choice(LINES[0].split() + LINES[2].split(), 12)) for seed in range(40)
    ]
    by_decoder = {}
    for decoder in ("argmax", "viterbi"):
        predictor = Predictor.from_pretrained(model, decoder=decoder, batch_size=8)
        by_decoder[decoder] = list(predictor.tag_words([line.split() for line in lines]))
    illegal = {
        name: [bool(list(illegal_positions(row.tags, "iob2"))) for row in rows] for name, rows in by_decoder.items()
    }
    assert any(illegal["argmax"])
    assert not any(illegal["viterbi"])
    for is_illegal, plain, legal in zip(illegal["argmax"], *by_decoder.values(), strict=True):
        if not is_illegal:
            assert legal.tags == plain.tags
            np.testing.assert_allclose(legal.scores, plain.scores, atol=1e-6)
    path = write(tmp_path / "a.txt", *lines)
    assert len(records(predict(path, "--decoder", "viterbi"))) == 40


def test_options_that_do_not_fit(model):
    for options in ({"threshold": ("2",)}, {"threshold": ("PER=x",)}, {"threshold": ("0.1", "0.2")}, {"skip": -1}):
        with pytest.raises(ConfigError):
            PredictConfig(model=model, **options)
    with pytest.raises(ConfigError, match="a threshold for ORG, and a model for PER, LOC"):
        Predictor.from_pretrained(model, thresholds={"ORG": 0.5})
    with pytest.raises(DataError, match="line 1"):
        list(Predictor.from_pretrained(model).answer_lines([{"id": 1}]))


NUMBERED = {
    "id2label": {str(number): f"LABEL_{number}" for number in range(len(TAGS))},
    "label2id": {f"LABEL_{number}": number for number in range(len(TAGS))},
}


def changed(model, folder, **entries):
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text()) | entries
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def test_labels_that_are_numbers_get_names(model, predict, tmp_path, capsys, caplog):
    path = write(tmp_path / "a.txt", *LINES)
    numbered = changed(model, tmp_path / "m", **NUMBERED)
    main(["predict", numbered, str(path)])
    assert "LABEL_0 to LABEL_4; --label-names says" in caplog.text
    capsys.readouterr()
    main(["predict", numbered, str(path), "--label-names", *TAGS])
    assert capsys.readouterr().out == predict(path)
    for folder, message in ((numbered, "with 5 labels"), (model, "calls them LABEL_0")):
        with pytest.raises(SystemExit, match="2"):
            main(["predict", folder, str(path), "--label-names", "O", "B-A"])
        assert message in capsys.readouterr().err


def test_numbered_labels_are_scored_by_the_names_of_the_data(model, tmp_path):
    numbered = changed(model, tmp_path / "m", **NUMBERED)
    (tmp_path / "test.jsonl").write_text(json.dumps({"words": ["Ada", "came"], "tags": [1, 0]}) + "\n")
    options = {"test_file": tmp_path / "test.jsonl", "label_names": TAGS}
    found = evaluate(EvaluateConfig(model=numbered, **options))
    assert found == evaluate(EvaluateConfig(model=model, **options))
    assert found["test"]["support"] == 1


def test_pickled_weights_and_folders_without_a_model_are_told(model, tmp_path):
    folder = Path(changed(model, tmp_path / "m"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model.bin can hold any program.*save_pretrained"):
        Predictor.from_pretrained(str(folder))
    # transformers takes the letters mpt for a kind of model.
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"configuration: no config\.json"):
        Predictor.from_pretrained(str(tmp_path / "empty"))


def test_answers_are_never_written_over_what_is_read(model, tmp_path, capsys):
    path = write(tmp_path / "a.txt", *LINES)
    before = path.read_text()
    for source in (path, tmp_path):
        with pytest.raises(SystemExit, match="2"):
            main(["predict", model, str(source), "--output", str(path)])
        assert "which is read too" in capsys.readouterr().err
    assert path.read_text() == before
    kept = write(tmp_path / "kept.jsonl", "kept")
    bad = write(tmp_path / "bad.jsonl", "{}")
    with pytest.raises(SystemExit, match="2"):
        main(["predict", model, str(bad), "--output", str(kept)])
    assert kept.read_text() == "kept\n"


def test_half_a_line_is_cut_off_before_more_is_written(predict, tmp_path, caplog):
    path = write(tmp_path / "all.txt", *LINES)
    whole = records(predict(path))
    out = tmp_path / "out.jsonl"
    out.write_text(json.dumps(whole[0], ensure_ascii=False) + '\n{"text": "half', encoding="utf-8")
    predict(path, "--output", out, "--skip", 1)
    assert alike(records(out.read_text(encoding="utf-8")), whole)
    assert "half a line, which was cut off" in caplog.text
    rows = list(csv.DictReader(io.StringIO(predict(path, "--to", "csv", "--skip", 2))))
    assert {int(row["input"]) for row in rows} <= {3, 4}
    with pytest.raises(SystemExit, match="2"):
        predict(path, "--to", "csv", "--output", out, "--skip", 2)


def test_lines_of_records_are_objects_and_faults_have_their_lines(model, predict, tmp_path, capsys):
    spaced = write(tmp_path / "a.jsonl", ' {"text": "Ada", "id": 1}')
    assert records(predict(spaced))[0]["id"] == 1
    path = write(tmp_path / "b.jsonl", '{"text": "Ada"}', '{"text": "Bob",}')
    with pytest.raises(SystemExit, match="2"):
        main(["predict", model, str(path)])
    assert "b.jsonl:2: received" in capsys.readouterr().err
    path = write(tmp_path / "c.jsonl", '{"text": "Ada"}', '{"text": "Ada"}', '{"text": 3}')
    with pytest.raises(SystemExit, match="2"):
        main(["predict", model, str(path), "--skip", "1"])
    assert "error: line 3: received" in capsys.readouterr().err


def test_all_other_keys_come_back(predict, tmp_path):
    others = {"words": 12, "text_pair": "x", "s": "\ud800"}
    record = {"text": "Ada came", "entities": "new", "input_entities": "gold", **others}
    [found] = records(predict(write(tmp_path / "a.jsonl", json.dumps(record))))
    assert {**found, "entities": 0} == {
        "input_input_entities": "new", "input_entities": "gold", **others, "text": "Ada came", "entities": 0,
    }  # fmt: skip


def test_texts_in_python_are_texts(model):
    predictor = Predictor.from_pretrained(model)
    line = json.dumps({"text": "Ada"})
    [found] = predictor.find_entities([line])
    assert found.text == line
    with pytest.raises(ConfigError, match="expected a text"):
        list(predictor.find_entities(["Ada", None]))
    for options in ({"decoder": "x"}, {"aggregation": "x"}):
        with pytest.raises(ConfigError, match="'x'; expected"):
            Predictor.from_pretrained(model, **options)


def test_pairs_may_be_read_as_text(tiny_bert, tmp_path, capsys):
    classes = load_untrained(str(tiny_bert), tag_names=("no", "yes"), task="text-classification")
    save_model(classes, load_tokenizer(str(tiny_bert)), tmp_path / "pairs")
    path = write(tmp_path / "a.txt", "Ada came\tNobody came")
    main(["predict", str(tmp_path / "pairs"), str(path), "--input", "text"])
    [found] = records(capsys.readouterr().out)
    assert (found["text"], found["text_pair"]) == ("Ada came", "Nobody came")
