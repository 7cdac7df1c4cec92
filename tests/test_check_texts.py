"""`tf-ner check-data` of texts, and pairs of texts, with labels."""

import json

import pytest

from tf_ner.cli import main
from tf_ner.corpus.checks.check_data import check_data
from tf_ner.errors import ConfigError, DataError
from tf_ner.options.commands import CheckConfig


def write(folder, **splits):
    for name, rows in splits.items():
        lines = ["\t".join(row) for row in rows]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def check(folder, **options):
    report = check_data(CheckConfig(task="text-classification", dataset=str(folder), **options)).report
    return report, [(found.kind, found.line, found.is_error) for found in report.findings]


TEXTS = ("text", "label")
MANY = [(f"text {number}", "ab"[number % 2]) for number in range(40)]


def test_a_data_set_in_which_nothing_is_wrong(tmp_path):
    write(tmp_path, train=[TEXTS, *MANY], dev=[TEXTS, ("new", "a")], test=[("text",), ("newer",)])
    report, findings = check(tmp_path)
    assert findings == []
    assert [(name, split.sentences, split.words, split.labels) for name, split in report.splits.items()] == [
        ("train", 40, 80, {"a": 20, "b": 20}),
        ("validation", 1, 1, {"a": 1}),
        ("test", 1, 1, {}),
    ]


def test_each_kind_of_fault_is_told_by_line(tmp_path):
    train = [
        TEXTS,
        *MANY,
        ("text 0", "a"),
        ("text 1", "a"),
        ("", "b"),
        ("zero\u200bwidth", "a"),
        ("only", "rare"),
        ("x",),
    ]
    write(tmp_path, train=train, dev=[TEXTS, ("text 2", "a"), ("text 4", "b"), ("new", "new")])
    report, findings = check(tmp_path)
    assert findings == [
        ("duplicate", 42, False),
        ("conflicting-duplicate", 43, False),
        ("empty-text", 44, False),
        ("control-character", 45, False),
        ("rare-label", 46, False),
        ("ragged-row", 47, True),
        ("leak", 2, False),
        ("leak", 3, False),
        ("unseen-label", 4, False),
    ]
    messages = [finding.message for finding in report.findings]
    assert messages[1] == (
        "received the same text as on line 3 with another label ('a' here and 'b' there); expected the same label for "
        "the same text. Correct one of the two."
    )
    assert " with another label ('b' here and 'a' there); expected no text of train in validation" in messages[7]
    assert (report.splits["train"].duplicates, report.splits["validation"].leaks) == (2, 2)


def test_pairs_are_the_same_if_both_texts_are(tmp_path):
    header = ("sentence1", "sentence2", "label")
    rows = [(f"one {number}", f"two {number}", "ab"[number % 2]) for number in range(40)]
    write(tmp_path, train=[header, *rows, ("one 0", "two 1", "a"), ("one 0", "two 0", "b")])
    report, findings = check(tmp_path)
    assert findings == [("conflicting-duplicate", 43, False)]
    assert "received the same pair of texts as on line 2" in report.findings[0].message


def test_numbers_are_not_counted_as_labels(tmp_path):
    write(tmp_path, train=[TEXTS, ("a", "0.5"), ("b", "1.5"), ("a", "2")])
    report, findings = check(tmp_path)
    assert findings == [("conflicting-duplicate", 4, False)]
    assert "'2' here and '0.5' there" in report.findings[0].message
    assert report.splits["train"].labels == {}


def test_labels_are_renamed_and_columns_named(tmp_path):
    write(tmp_path, train=[("a", "b", "text"), *((f"id{n}", "01"[n % 2], f"text {n}") for n in range(40))])
    with pytest.raises(DataError, match="--label-column"):
        check(tmp_path)
    report, findings = check(tmp_path, label_column="b", map_label=("0=no", "1=yes"))
    assert (report.splits["train"].labels, findings) == ({"no": 20, "yes": 20}, [])


def test_the_sample_of_pairs_and_a_model(capsys):
    main(["check-data", "--task", "text-classification", "--dataset", "sample", "--model", "minilm", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["has_texts"]
    assert shown["splits"]["train"]["sentences"] > 100
    assert shown["tokenizer"]["pieces_per_word"] > 1


def test_texts_that_are_too_long_are_told_to_be_cut(tmp_path, capsys):
    write(tmp_path, train=[TEXTS, *MANY, ("word " * 600, "a")])
    main(["check-data", "--task", "text-classification", "--dataset", str(tmp_path), "--model", "minilm"])
    shown = capsys.readouterr().out
    assert "long-text: 1 warning" in shown
    assert "The rest of it is not read" in shown
    assert "windows" not in shown
    assert "│ texts" in shown or "┃ texts" in shown


def test_what_does_not_apply(tmp_path):
    write(tmp_path, train=[TEXTS, *MANY])
    for options in ({"fix": tmp_path / "new"}, {"validation_share": 0.1}):
        with pytest.raises(ConfigError, match="does not apply with --task text-classification"):
            check(tmp_path, **options)


def test_errors_end_with_1(tmp_path):
    write(tmp_path, train=[TEXTS, *MANY, ("no label", "")])
    with pytest.raises(SystemExit, match="1"):
        main(["check-data", "--task", "text-classification", "--dataset", str(tmp_path)])
