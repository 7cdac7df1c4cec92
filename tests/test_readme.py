"""What the README shows must run."""

import re
from pathlib import Path

import pytest

from tests.conftest import IS_RELEASE
from tests.families import make_small_minilm

pytestmark = pytest.mark.usefixtures("graphs")

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
FIRST, *OTHERS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
@pytest.mark.release
def test_the_first_example_prints_what_it_says(tmp_path, monkeypatch, capsys):
    """Scores and places; the last digits of a score may differ from processor to processor, and so the score here."""
    monkeypatch.chdir(tmp_path)
    if not IS_RELEASE:
        make_small_minilm(tmp_path / "small-encoder")
        small = FIRST.replace('"minilm"', '"small-encoder"').replace("epochs=4", "epochs=1, max_train_examples=8")
        assert small.count("small") == small.count("max_train_examples=8") == 1
        exec(small, {})
        assert re.search(r"^F1 on test: 0\.\d{3}$", capsys.readouterr().out, flags=re.MULTILINE)
        return
    exec(FIRST, {})
    printed = capsys.readouterr().out.splitlines()
    shown = re.findall(r"^    (.*)", README.partition(FIRST)[2].partition("\n## ")[0], flags=re.MULTILINE)
    assert shown[1:] == printed[-len(shown) + 1 :]
    score, expected = (float(line.removeprefix("F1 on test: ")) for line in (printed[-len(shown)], shown[0]))
    assert score == pytest.approx(expected, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("example", OTHERS)
def test_the_others_run(example, corpus_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_corpus").symlink_to(corpus_dir)
    exec(example, {})
    assert "val_f1" in capsys.readouterr().out
