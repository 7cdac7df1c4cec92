from tf_ner.inference.predictor import AnnotatedText, Entity
from tf_ner.terminal import print_entities, print_scores

RATIOS = {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "support": 2}


def test_entities_are_marked_where_they_stand(capsys):
    text = "Ada Lovelace lived in London."
    entities = [Entity("PER", 0, 12, "Ada Lovelace", 0.9), Entity("LOC", 22, 28, "London", 0.9)]
    print_entities([AnnotatedText(text, entities), AnnotatedText("Nobody came.", [])])
    assert capsys.readouterr().out == "[Ada Lovelace]PER lived in [London]LOC.\nNobody came.\n"


def test_colours_go_to_a_terminal_only(capsys, monkeypatch):
    annotated = AnnotatedText("London", [Entity("LOC", 0, 6, "London", 0.9)])
    print_entities([annotated])
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    colours = set()
    for label in ("LOC", "PER", "PRODUCT"):
        print_entities([AnnotatedText("London", [Entity(label, 0, 6, "London", 0.9)])])
        before, _, _ = capsys.readouterr().out.partition(f"[London]{label}")
        assert before.startswith("\x1b[")
        colours.add(before)
    assert len(colours) == 3


def test_long_texts_are_left_to_the_terminal_to_wrap(capsys):
    print_entities([AnnotatedText("word " * 50, [])])
    assert capsys.readouterr().out == "word " * 50 + "\n"


def test_data_cannot_steer_the_terminal(capsys):
    """Neither markup nor control characters in texts and labels."""
    text = "a [bold]b[/] \x1b[31mc"
    print_entities([AnnotatedText(text, [Entity("[red]", 2, 8, "[bold]", 0.9)])])
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
