import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_ner.corpus.checks.check_data import check_data
from tf_ner.corpus.checks.repair import write_repaired
from tf_ner.corpus.loading.splits import Split
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError, OutputError
from tf_ner.options.commands import CheckConfig


def repair(folder, content, **options):
    """Repairs a file; gives the copy, and what was changed."""
    path, out = folder / "train.conll", folder / "out"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = path.read_bytes()
    checked = check_data(CheckConfig(**{"train_file": path, "scheme": "iob2", "fix": out} | options))
    assert path.read_bytes() == before
    return (out / "train.conll").read_bytes().decode(), [(c.line, c.old, c.new) for c in checked.changes]


CASES = {
    "nothing": ("a B-X\nb I-X\n\t\n# c O\n", "a B-X\nb I-X\n\t\n# c O\n", []),
    "an orphan": ("a O\nb I-X\nc I-X\n", "a O\nb B-X\nc I-X\n", [(2, "'I-X'", "'B-X'")]),
    "an orphan of another label": ("a B-Y\nb I-X\n", "a B-Y\nb B-X\n", [(2, "'I-X'", "'B-X'")]),
    "not beside an unknown tag": ("a I-X\nb x-X\nc I-X\n", "a I-X\nb x-X\nc I-X\n", []),
    "an unknown tag elsewhere": ("a x-X\n\nb I-X\n", "a x-X\n\nb B-X\n", [(3, "'I-X'", "'B-X'")]),
    "other columns, spaces and comments stay": (
        "# é  \n  a\u00ad  I-X   b I-X \n",
        "# é  \n  a  I-X   b B-X \n",
        [(2, "'a\\xad'", "'a'"), (2, "'I-X'", "'B-X'")],
    ),
    "between tabs": (
        "a b \tI-X\t x \tI-X \t\n",
        "a b\tI-X\t x \tB-X \t\n",
        [(1, "'a b '", "'a b'"), (1, "'I-X'", "'B-X'")],
    ),
    "a zero-width space at the end": ("a\u200b O\n", "a O\n", [(1, "'a\\u200b'", "'a'")]),
    "a space after a tag": (
        "a B-X\u00a0\nb I-X\u200b\n",
        "a B-X\nb I-X\n",
        [(1, "'B-X\\xa0'", "'B-X'"), (2, "'I-X\\u200b'", "'I-X'")],
    ),
    "no space inside": ("a\u200bb O\n1\u00a0000 O\n", "a\u200bb O\n1\u00a0000 O\n", []),
    "line ends": ("a O\r\n\r\nb O\rc O\n", "a O\n\nb O\nc O\n", [(1, "3 line ends (CR LF or CR)", "LF")]),
    "no line end": ("a\u00ad O", "a O", [(1, "'a\\xad'", "'a'")]),
    "a byte order mark": ("\ufeffa O\n", "a O\n", [(1, "a byte order mark", "nothing")]),
    "two byte order marks": (
        "\ufeff\ufeffa O\n",
        "a O\n",
        [(1, "'\\ufeffa'", "'a'"), (1, "a byte order mark", "nothing")],
    ),
    "a byte order mark that is all of a word": ("\ufeff\ufeff O\n", "\ufeff\ufeff O\n", []),
    "a prefix": ("en:a\u00ad O\n", "en:a O\n", [(1, "'en:a\\xad'", "'en:a'")]),
    "no new comment": ("\u00ad#a O\n", "\u00ad#a O\n", []),
    "no new document": ("\u00ad-DOCSTART- O\n", "\u00ad-DOCSTART- O\n", []),
}
OPTIONS = {"a prefix": {"word_prefix": "en:"}, "other columns, spaces and comments stay": {"comments": True}}
OPTIONS["no new comment"] = {"comments": True}


@pytest.mark.parametrize("case", CASES)
def test_repairs_what_has_one_right_answer(tmp_path, case):
    content, expected, changes = CASES[case]
    assert repair(tmp_path, content, **OPTIONS.get(case, {})) == (expected, changes)


SCHEMES = {
    "iob1": ("a B-X\nb I-X\n\nc I-X\nd B-X\n", "a I-X\nb I-X\n\nc I-X\nd B-X\n"),
    "iob2": ("a I-X\nb I-X\n", "a B-X\nb I-X\n"),
    "bioes": ("a B-X\n\nb I-X\nc I-X\n\nd B-X\ne E-X\n", "a S-X\n\nb B-X\nc E-X\n\nd B-X\ne E-X\n"),
    "bilou": ("a B-X\n\nb L-X\n\nc U-X\nd I-X\n", "a U-X\n\nb U-X\n\nc U-X\nd U-X\n"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tags_are_spelt_as_they_are_read(tmp_path, scheme):
    content, expected = SCHEMES[scheme]
    assert repair(tmp_path, content, scheme=scheme)[0] == expected


def test_prefixes_without_a_label_stay_without(tmp_path):
    assert repair(tmp_path, "a I\nb I\n")[0] == "a B\nb I\n"


def test_conllu_keeps_its_other_columns(tmp_path):
    pytest.importorskip("tf_ner.corpus.formats.conllu")
    row = "1\tRo\u00adme\tRo\u00adme\tPROPN\t_\t_\t0\troot\t_\t_\n"
    path = tmp_path / "train.conllu"
    path.write_text(f"# text = Ro\u00adme\n{row}\n", encoding="utf-8")
    check_data(CheckConfig(train_file=path, task="pos", fix=tmp_path / "out"))
    copy = (tmp_path / "out" / "train.conllu").read_text(encoding="utf-8")
    assert copy == "# text = Ro\u00adme\n1\tRome\tRo\u00adme\tPROPN\t_\t_\t0\troot\t_\t_\n\n"


def test_bytes_that_are_not_utf8_stay(tmp_path):
    path = tmp_path / "train.conll"
    path.write_bytes(b"\xff O\r\nb I-X\n")
    report = check_data(CheckConfig(train_file=path, scheme="iob2", fix=tmp_path / "out")).report
    assert (tmp_path / "out" / "train.conll").read_bytes() == b"\xff O\nb B-X\n"
    assert [(f.kind, f.line) for f in report.findings] == [("encoding", 1), ("rare-label", 2)]


def test_what_cannot_be_repaired_is_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.conll").write_text("a O\n")
    files = {"train_file": tmp_path / "a" / "x.conll", "test_file": tmp_path / "b" / "x.conll"}
    with pytest.raises(DataError, match="expected files with different names"):
        check_data(CheckConfig(**files, fix=tmp_path / "out"))
    with pytest.raises(OutputError, match="a, which is not empty; expected a new folder"):
        check_data(CheckConfig(train_file=files["train_file"], fix=tmp_path / "a"))
    assert (tmp_path / "a" / "x.conll").read_text() == "a O\n"


def test_other_formats_are_to_be_converted_first(tmp_path):
    pytest.importorskip("tf_ner.corpus.formats.json_lines")
    path = tmp_path / "train.jsonl"
    path.write_text('{"words": ["a\\u00ad"], "tags": ["O"]}\n')
    with pytest.raises(DataError, match=r"train.jsonl to repair; expected CoNLL or CoNLL-U columns.* `tf-ner convert`"):
        check_data(CheckConfig(train_file=path, fix=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_data_set_on_the_hub_is_to_be_converted_first(tmp_path):
    splits = {"train": Split("set[train]", [])}
    with pytest.raises(DataError, match=r"Received set\[train\] to repair; expected CoNLL or CoNLL-U columns"):
        write_repaired(splits, scheme="iob2", layout=Layout(), folder=tmp_path / "out")


ODD_CELLS = ["a", "b", "\u200ba", "a\u00ad", "\u00a0b", "a\u200bb", "\ufeff", "\ufeffa", "#", "\u00ad#", "x\r"]
CELLS = st.sampled_from(ODD_CELLS)
TAGS = st.sampled_from(["O", "B-X", "I-X", "E-X", "S-Y", "I-Y", "x-Y", "B"])
ROWS = st.tuples(CELLS, st.sampled_from([" ", "\t", "  "]), TAGS).map("".join)
LINES = ROWS | st.sampled_from(["", " ", "one", "# c d"])


@given(
    st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n"])).map("".join)).map("".join),
    st.sampled_from(["iob1", "iob2", "bioes", "bilou"]),
    st.booleans(),
)
def test_a_copy_has_nothing_left_to_repair_and_nothing_new(tmp_path_factory, text, scheme, comments):
    folder = tmp_path_factory.mktemp("data")
    (folder / "train.conll").write_bytes(text.encode())
    options = {"scheme": scheme, "comments": comments}
    before = check_data(CheckConfig(train_file=folder / "train.conll", **options)).report.findings
    fixed = check_data(CheckConfig(train_file=folder / "train.conll", fix=folder / "out", **options))
    after = fixed.report.findings
    spot = {(finding.kind, finding.line) for finding in before}
    assert {(finding.kind, finding.line) for finding in after} <= spot
    again = check_data(CheckConfig(train_file=folder / "out" / "train.conll", fix=folder / "again", **options))
    assert again.changes == []
    count = len(re.findall("\r\n|\r|\n", text))
    assert (folder / "out" / "train.conll").read_bytes().count(b"\n") == count
