import json
import subprocess
import sys

import pytest

from tf_ner import CompareConfig, compare, score_entities
from tf_ner.cli import main
from tf_ner.corpus.formats.conll import write_conll
from tf_ner.errors import DataError
from tf_ner.options.train import PREDICTIONS

# Of ten sentences A misses half of the names and B one in ten.
WORDS = [["Ada", "Lovelace", f"came{number}"] for number in range(10)]
GOLD = [["B-PER", "I-PER", "O"]] * 10
A = [["B-PER", "I-PER" if number % 2 else "O", "O"] for number in range(10)]
B = [["B-PER", "I-PER" if number else "O", "O"] for number in range(10)]


def write(path, predicted, *, gold=GOLD, words=WORDS):
    with path.open("w", encoding="utf-8") as file:
        write_conll(file, zip(words, gold, predicted, strict=True))
    return path


@pytest.fixture
def files(tmp_path):
    return write(tmp_path / "a.conll", A), write(tmp_path / "b.conll", B)


def test_scores_intervals_and_difference(files):
    found = compare(CompareConfig(a=files[0], b=files[1], resamples=2000))
    assert (found["sentences"], found["words"], found["seed"]) == (10, 30, 42)
    for name, tags, path in zip("ab", (A, B), files, strict=True):
        scores = score_entities(GOLD, tags)
        assert {measure: scores[measure] for measure in ("precision", "recall", "f1")}.items() <= found[name].items()
        assert found[name]["file"] == str(path)
        low, high = found[name]["interval"]["f1"]
        assert low <= scores["f1"] <= high
        assert low < high
        assert found[name]["interval"]["resamples"] == 2000
    assert found["difference"]["f1"] == pytest.approx(0.9 - 0.5)
    # Four sentences differ, each in B's favour: of 16 swaps all and none make as much of a difference.
    assert found["difference"]["p"] == pytest.approx(2 / 16, abs=0.03)
    low, high = found["difference"]["interval"]["f1"]
    assert 0 < low < 0.4 < high < 1


def test_another_seed_draws_others(files):
    first, again, other = (compare(CompareConfig(a=files[0], b=files[1], seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first["difference"]["p"] != other["difference"]["p"]


def test_the_conclusion_follows_the_numbers(tmp_path):
    paths = {name: tmp_path / name for name in ("none", "a", "b", "other_half", "all")}
    half = [row if number % 2 else ["O"] * 3 for number, row in enumerate(GOLD)]
    other_half = [["O"] * 3 if number % 2 else row for number, row in enumerate(GOLD)]
    tags = {"none": [["O"] * 3] * 10, "a": half, "b": B, "other_half": other_half, "all": GOLD}
    for name, path in paths.items():
        write(path, tags[name])

    def conclusion(a, b):
        return compare(CompareConfig(a=paths[a], b=paths[b]))["conclusion"]

    assert conclusion("a", "a") == conclusion("a", "other_half") == "A and B have the same F1."
    assert conclusion("b", "all") == (
        "B's F1 is 0.1000 higher than A's, and chance alone may well account for it (p = 1): "
        "these sentences do not show which is better."
    )
    higher, lower = conclusion("none", "all"), conclusion("all", "none")
    assert higher.startswith("B's F1 is 1.0000 higher than A's, and chance alone rarely produces as much (p = 0.00")
    assert higher.endswith(": B is better on such sentences.")
    assert lower.startswith("B's F1 is 1.0000 lower than A's, and chance alone rarely produces as much (p = 0.00")
    assert lower.endswith(": A is better on such sentences.")


def test_plain_tags_are_compared_by_accuracy(tmp_path):
    words = [["it", "rains"], ["go"]]
    a = write(tmp_path / "a", [["PRP", "NNS"], ["VB"]], gold=[["PRP", "VBZ"], ["VB"]], words=words)
    b = write(tmp_path / "b", [["PRP", "VBZ"], ["VB"]], gold=[["PRP", "VBZ"], ["VB"]], words=words)
    found = compare(CompareConfig(a=a, b=b))
    assert (found["a"]["accuracy"], found["b"]["accuracy"]) == (2 / 3, 1.0)
    assert found["difference"]["accuracy"] == pytest.approx(1 / 3)
    assert "f1" not in found["a"]
    assert "accuracy is 0.3333 higher" in found["conclusion"]
    # One tag that is not IOB, if only predicted, is enough.
    c = write(tmp_path / "c", [["O", "S-X"], ["O"]], gold=[["O", "B-X"], ["O"]], words=words)
    assert compare(CompareConfig(a=c, b=c))["a"]["accuracy"] == 2 / 3


def test_folders_of_runs_and_a_file_for_the_numbers(files, tmp_path, capsys):
    for name, file in zip("ab", files, strict=True):
        (tmp_path / name).mkdir()
        file.rename(tmp_path / name / PREDICTIONS)
    main(["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--output", str(tmp_path / "c.json"), "--seed", "3"])
    found = json.loads((tmp_path / "c.json").read_text())
    assert found == compare(CompareConfig(a=str(tmp_path / "a"), b=str(tmp_path / "b"), seed=3))
    printed = capsys.readouterr().out
    assert found["conclusion"] in printed.splitlines()
    assert f"A: {tmp_path / 'a' / PREDICTIONS}" in printed.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    low, high = found["difference"]["interval"]["f1"]
    assert [cells[6][:3], cells[7][:3]] == [["F1", "A", "0.5000"], ["F1", "B", "0.9000"]]
    assert cells[8] == ["F1", "B - A", "0.4000", f"{low:.4f} to {high:.4f}"]
    assert len(cells) == 9


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("x\tO\tO\n\n", "y\tO\tO\n\n", "B:1: received 'y' with the gold tag 'O'; expected 'x' with the gold tag"),
        ("x\tO\tO\ny\tO\tO\n\n", "x\tO\tO\ny\tB-X\tO\n\n", "B:2: received 'y' with the gold tag 'B-X'; expected 'y'"),
        ("x\tO\tO\n\ny\tO\tO\n", "x\tO\tO\ny\tO\tO\n", "B:2: received 'y' with the gold tag 'O'; expected the end of"),
        ("x\tO\tO\n", "x\tO\tO\n\n\ny\tO\tO\n", "B:4: received 'y' with the gold tag 'O'; expected the end of the"),
        ("x\tO\tO\n\ny\tO\tO\n", "x\tO\tO\n\n", "B:2: received the end of the file; expected 'y'"),
        ("x\tO\tO\n\ny\tO\tO\n", "x\tO\tO\n", "B:2: received the end of the file; expected 'y' with the gold tag 'O', "
         "as in A:3. Compare predictions"),
        ("x\tO\tO\n", "x O O\n", "B:1: received 'x O O'; expected a word, its gold tag and its predicted tag separ"),
        ("x\tO\tO\n", "x\t\tO\n", "B:1: received 'x\\t\\tO'; expected a word"),
        ("x\tO\n", "x\tO\tO\n", "A:1: received 'x\\tO'; expected a word"),
        ("x\tO\tO\n", "x\tO\tO\n\n\xff", "B:3: received bytes that are not UTF-8"),
        ("\n", "x\tO\tO\n", "Received A, which contains no words; expected the predictions.test.conll of a run"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_named_by_line(tmp_path, monkeypatch, a, b, message):
    monkeypatch.chdir(tmp_path)
    for name, text in (("A", a), ("B", b)):
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError) as error:
        compare(CompareConfig(a="A", b="B"))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_what_the_words_are_does_not_matter(tmp_path):
    """Words that are spaces, empty, or of a kind that other files give a meaning; line ends of another system."""
    words = [["-DOCSTART-"], ["", "\u00a0", "#", "a b", "\u2028", "[bold]\x1b[31m"]]
    rows = [["O"], ["O", "B-X", "O", "O", "B-X", "O"]]
    file = write(tmp_path / "a", rows, gold=rows, words=words)
    (tmp_path / "b").write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n").rstrip())
    found = compare(CompareConfig(a=file, b=tmp_path / "b"))
    assert (found["sentences"], found["words"], found["b"]["f1"]) == (2, 7, 1.0)


def test_markup_in_a_path_is_not_read(tmp_path, capsys):
    (tmp_path / "[red]").mkdir()
    file = write(tmp_path / "[red]" / "a\x1b", B)
    main(["compare", str(file), str(file)])
    printed = capsys.readouterr().out
    assert "[red]" in printed
    assert "\x1b" not in printed


def test_comparing_needs_no_heavy_library(files):
    code = f"""
import sys
from tf_ner.cli import main
main(["compare", {str(files[0])!r}, {str(files[1])!r}])
heavy = ("tensorflow", "tf_keras", "transformers", "datasets", "evaluate", "pandas")
assert not [name for name in heavy if name in sys.modules]
"""
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "do not show which is better" in printed
