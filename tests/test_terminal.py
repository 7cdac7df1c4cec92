from pathlib import Path

from tf_ner.cli.terminal import print_answers, print_changes, print_report, print_scores, with_progress
from tf_ner.corpus.checks.repair import Change
from tf_ner.corpus.checks.report import CorpusReport, SplitSummary
from tf_ner.corpus.findings import Finding
from tf_ner.inference.predictor import AnnotatedText, Entity
from tf_ner.tasks.tokenizer_checks import TokenizerSummary

RATIOS = {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "support": 2}


def test_entities_are_marked_where_they_stand(capsys):
    text = "Ada Lovelace lived in London."
    entities = [Entity("PER", 0, 12, "Ada Lovelace", 0.9), Entity("LOC", 22, 28, "London", 0.9)]
    print_answers(enumerate([AnnotatedText(text, entities), AnnotatedText("Nobody came.", [])]))
    assert capsys.readouterr().out == "[Ada Lovelace]PER lived in [London]LOC.\nNobody came.\n"


def test_colours_go_to_a_terminal_only(capsys, monkeypatch):
    annotated = AnnotatedText("London", [Entity("LOC", 0, 6, "London", 0.9)])
    print_answers(enumerate([annotated]))
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    colours = set()
    for label in ("LOC", "PER", "PRODUCT"):
        print_answers(enumerate([AnnotatedText("London", [Entity(label, 0, 6, "London", 0.9)])]))
        before, _, _ = capsys.readouterr().out.partition(f"[London]{label}")
        assert before.startswith("\x1b[")
        colours.add(before)
    assert len(colours) == 3


def test_long_texts_are_left_to_the_terminal_to_wrap(capsys):
    print_answers(enumerate([AnnotatedText("word " * 50, [])]))
    assert capsys.readouterr().out == "word " * 50 + "\n"


def test_intervals_are_shown_where_they_were_computed(capsys):
    interval = {"level": 0.95, "f1": [0.5, 0.75]}
    print_scores({"test": {**RATIOS, "per_label": {"PER": RATIOS}, "interval": interval}})
    assert "test: F1 0.5000 to 0.7500 (95% interval)" in capsys.readouterr().out


def test_data_cannot_steer_the_terminal(capsys):
    """Neither markup nor control characters in texts and labels."""
    text = "a [bold]b[/] \x1b[31mc"
    print_answers(enumerate([AnnotatedText(text, [Entity("[red]", 2, 8, "[bold]", 0.9)])]))
    print_scores({"[i]test": {**RATIOS, "per_label": {"[red]X\x1b[31m\u202e": RATIOS}}, "training": {"seconds": 1}})
    out = capsys.readouterr().out
    assert out.startswith("a [[bold]][red]b[/] \N{REPLACEMENT CHARACTER}[31mc\n")
    assert "[red]X\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}" in out
    assert "[i]test" in out
    assert "\x1b" not in out


def test_the_table_has_a_row_a_label_and_one_for_all(capsys):
    print_scores({"test": {**RATIOS, "per_label": {"LOC": {**RATIOS, "support": 7}}}})
    rows = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["test", "LOC", "1.0000", "0.5000", "0.6667", "7"],
        ["test", "all", "1.0000", "0.5000", "0.6667", "2"],
    ]


SUMMARY = SplitSummary(
    path="a.conll",
    sentences=4,
    words=9,
    longest=5,
    labels={"LOC": 3, "[b]X\u202e": 1},
    imbalance=3.0,
    duplicates=1,
    duplicate_share=0.25,
    leaks=0,
    leak_share=0.0,
)


def printed_report(capsys, findings, *, tokenizer=None, limit=10):
    print_report(CorpusReport("iob2", {"train": SUMMARY}, findings), tokenizer, limit=limit)
    return capsys.readouterr().out


def test_findings_are_grouped_and_errors_come_first(capsys):
    warnings = [Finding("duplicate", "a.conll", line, "received it", is_error=False) for line in (2, 5, 7)]
    out = printed_report(capsys, [*warnings, Finding("ragged-row", "a.conll", 3, "received 1 column")], limit=2)
    lines = out.splitlines()
    assert lines[lines.index("ragged-row: 1 error") :] == [
        "ragged-row: 1 error",
        "a.conll:3: received 1 column",
        "",
        "duplicate: 3 warnings",
        "a.conll:2: received it",
        "a.conll:5: received it",
        "… and 1 more (--limit 0 shows all)",
        "",
        "Tags: IOB2. Errors: 1, warnings: 3.",
    ]
    assert "a.conll:7: received it" in printed_report(capsys, warnings, limit=0)


def test_the_tables_of_a_report(capsys):
    out = printed_report(capsys, [])
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    assert rows == [
        ["train", "4", "9", "5", "4", "1 (25.0%)", "0 (0.0%)"],
        ["LOC", "3 (75.0%)"],
        ["[b]X\\u202e", "1 (25.0%)"],
        ["most to least frequent", "3.0"],
    ]


def test_what_a_tokenizer_makes_of_the_words_is_told(capsys):
    tokenizer = TokenizerSummary(True, 512, 4.291, 0.084, 0.4, 0.0, 2)
    out = " ".join(printed_report(capsys, [], tokenizer=tokenizer).split())
    assert "The tokenizer is uncased: it lowercases all letters. 4.29 subwords per word." in out
    assert "40.0% of the words change their spelling, 8.4% contain unknown pieces, 0.0% have no piece." in out
    assert "2 sentences exceed 512 subwords and are split into windows, 0 words lost." in out


def test_findings_cannot_steer_the_terminal(capsys):
    long = "a" * 200
    out = printed_report(capsys, [Finding("[b]kind", Path("[red].conll"), 1, f"received \x1b[31m\u200b\u202e{long} é")])
    assert f"[red].conll:1: received \\x1b[31m\\u200b\\u202e{long} é\n" in out
    assert "[b]kind: 1 error" in out
    print_changes([Change(Path("a"), 1, "'[b]'", "\x1b"), Change(Path("a"), 2, "x", "y")])
    assert capsys.readouterr().out == "a:1: '[b]' → \\x1b\na:2: x → y\n"


def test_progress_is_for_terminals(capsys, monkeypatch):
    assert list(with_progress("abc", every=0)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(with_progress("abc", every=0)) == ["a", "b", "c"]
    shown = capsys.readouterr().err
    assert [line.partition(" texts, ")[0] for line in shown.split("\r")[1:]] == ["1", "2", "3", "3"]
    assert shown.endswith(" a second\n")
    assert list(with_progress("", every=0)) == []
    assert capsys.readouterr().err == ""
