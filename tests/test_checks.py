import random
import subprocess
import sys
from itertools import chain

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tf_ner.corpus.checks.check_data import check_corpus, check_data
from tf_ner.corpus.loading.splits import Split
from tf_ner.corpus.sentences import Sentence
from tf_ner.errors import DataError
from tf_ner.options.commands import CheckConfig

ENOUGH = "".join(f"{label}{number} B-{label}\n\n" for label in ("PER", "LOC") for number in range(10))
"""Ten entities a label, one a sentence: 40 lines in which nothing is wrong, whether they come first or last."""


def check(folder, *, train=ENOUGH, validation=None, **options):
    """Writes the files of a corpus and checks them."""
    texts = {"train": train, "validation": validation}
    for split, text in texts.items():
        if text is not None:
            (folder / f"{split}.conll").write_bytes(text if isinstance(text, bytes) else text.encode())
    return check_data(CheckConfig(dataset=str(folder), **options)).report


def places(report):
    return [(finding.kind, finding.path.name, finding.line) for finding in report.findings]


# What stands in train, before or after what is well: kinds and lines.
CASES = {
    "nothing": ("", []),
    "not UTF-8": (b"\xff O\n\n", [("encoding", 1)]),
    "a ragged row": ("Rome O\nis\n\n", [("ragged-row", 2)]),
    "an empty word": ("a\tO\n\tO\n\n", [("empty-word", 2)]),
    "an unknown tag": ("Rome b-LOC\n\n", [("unknown-tag", 1)]),
    "an unknown tag and what follows it": ("Ada X-PER\nL I-PER\n\n", [("unknown-tag", 1)]),
    "an orphan": ("in O\nRome I-LOC\n\n", [("illegal-transition", 2)]),
    "an orphan of another label": ("Ada B-PER\nRome I-LOC\n\n", [("illegal-transition", 2)]),
    "an orphan in front": ("Rome I-LOC\n\n", [("illegal-transition", 1)]),
    "a space in a word": ("New\u00a0York B-LOC\n\n", [("space-in-word", 1)]),
    "a space after a word": ("x\tO\nRome \tB-LOC\n\n", [("space-in-word", 2)]),
    "a zero-width space": ("Ro\u200bme B-LOC\n\n", [("control-character", 1)]),
    "a no-break space after a tag": ("Rome B-LOC\u00a0\n\n", [("character-in-tag", 1), ("rare-label", 1)]),
    "a zero-width space in a tag": ("Rome B-L\u200bOC\n\n", [("character-in-tag", 1), ("rare-label", 1)]),
    "a space in a label": ("x\tO\nRome\tB-L OC\n\n", [("rare-label", 2)]),
    "a joiner that belongs": ("র\u200c্যাব B-LOC\n\n", []),
    "a copy": ("a O\nb O\n\nb O\n\na O\nb O\n\n", [("duplicate", 6)]),
    "a copy with other tags": ("a O\nb O\n\na O\nb B-LOC\n\n", [("conflicting-duplicate", 4)]),
    "three of a kind": ("a O\n\na O\n\na O\n\n", [("duplicate", 3), ("duplicate", 5)]),
    "a copy but for a soft hyphen": ("ab O\n\na\u00adb O\n\n", [("control-character", 3), ("duplicate", 3)]),
    "copies of the same entities": ("a B-LOC\n\na I-LOC\n\n", [("duplicate", 3), ("illegal-transition", 3)]),
    "a rare label": ("Acme B-ORG\n\nAjax B-ORG\n\n", [("rare-label", 1)]),
}


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_finds_by_kind_and_line(tmp_path, text, expected, is_first):
    text = text if isinstance(text, bytes) else text.encode()
    well = ENOUGH.replace(" ", "\t" if b"\t" in text else " ").encode()
    report = check(tmp_path, train=text + well if is_first else well + text)
    shift = 0 if is_first else well.count(b"\n")
    assert places(report) == [(kind, "train.conll", line + shift) for kind, line in expected]


MESSAGES = {
    "an orphan": (
        "Rome I-LOC\n",
        "received I-LOC at the start; expected B-LOC. Correct the tag; in column files, --fix rewrites it as it is "
        "read.",
    ),
    "a space": (
        "New\u00a0York O\n",
        "received 'New\\xa0York' with U+00A0 NO-BREAK SPACE; expected no white space in a word. Split the word, or "
        "remove the character.",
    ),
    "a soft hyphen": (
        "Ro\u00adme O\n",
        "received 'Ro\\xadme' with U+00AD SOFT HYPHEN; expected only visible characters. Remove it; --fix does "
        "so in column files.",
    ),
    "a copy": (
        "a O\nb O\n\na O\nb O\n",
        "received the same 2 words as on line 1; expected each sentence once. Remove one.",
    ),
    "a copy with other tags": (
        "a O\nb O\n\na O\nb B-LOC\n",
        "received the same 2 words as on line 1 with other tags ('b' is B-LOC here and O there); expected the same "
        "tags for the same words. Correct one of the two.",
    ),
    "a rare label": (
        "Acme B-ORG\n",
        "received ORG with a count of 1 in train; expected at least 10 to learn from. Tag more, or rename the label "
        "with --map-label or drop it with --ignore-label.",
    ),
}


@pytest.mark.parametrize(("text", "message"), MESSAGES.values(), ids=MESSAGES)
def test_says_what_was_received_and_how_to_fix_it(tmp_path, text, message):
    [finding] = check(tmp_path, train=f"{text}\n{ENOUGH}").findings
    assert finding.message == message
    assert not finding.is_error


def test_what_stands_in_train_must_not_stand_in_validation(tmp_path):
    report = check(tmp_path, train=f"a O\nb O\n\n{ENOUGH}", validation="x O\n\na O\nb O\n\na O\nb B-LOC\n")
    assert places(report) == [
        ("short-leak", "validation.conll", 3),
        ("conflicting-duplicate", "validation.conll", 6),
        ("short-leak", "validation.conll", 6),
    ]
    train = tmp_path / "train.conll"
    leak, _, other = (finding.message for finding in report.findings)
    assert leak.startswith(f"received the same 2 words as in {train}:1; expected no sentence of train in validation")
    assert other.startswith(
        f"received the same 2 words as in {train}:1 with other tags ('b' is B-LOC here and O there)"
    )
    summary = report.splits["validation"]
    assert (summary.leaks, summary.leak_share, summary.duplicates) == (2, 2 / 3, 1)
    assert report.splits["train"].leaks == 0


def test_what_stands_in_validation_must_not_stand_in_test(tmp_path):
    (tmp_path / "test.conll").write_text("a O\nb O\n", encoding="utf-8")
    report = check(tmp_path, validation="a O\nb O\n")
    assert places(report) == [("short-leak", "test.conll", 1)]
    assert "expected no sentence of validation in test" in report.findings[0].message


def test_a_test_split_can_be_checked_alone(tmp_path):
    (tmp_path / "test.conll").write_text("Acme B-ORG\n", encoding="utf-8")
    report = check_data(CheckConfig(test_file=tmp_path / "test.conll")).report
    assert (report.findings, report.splits["test"].labels) == ([], {"ORG": 1})


def test_labels_that_train_lacks_cannot_be_learnt(tmp_path):
    report = check(tmp_path, validation="x O\nAcme B-ORG\n\nAjax B-ORG\n")
    assert places(report) == [("unseen-label", "validation.conll", 2)]
    assert "received ORG with a count of 2 in validation and 0 in train" in report.findings[0].message


def test_labels_are_counted_by_their_new_names(tmp_path):
    text = f"Acme B-ORG\n\nMay B-DATE\n\n{ENOUGH}"
    report = check(tmp_path, train=text, map_label=("ORG=LOC",), ignore_label=("DATE",))
    assert places(report) == []
    assert report.splits["train"].labels == {"LOC": 11, "PER": 10}


def test_a_misspelt_label_is_told(tmp_path, caplog):
    check(tmp_path, train=f"Acme X-ORG\n\n{ENOUGH}", map_label=("PRE=LOC",), ignore_label=("ORG",))
    assert [message.partition(";")[0] for message in caplog.messages] == [
        "Received 'ORG' to be dropped, which is not a label of this data",
        "Received 'PRE' to be renamed, which is not a label of this data",
    ]


def usual(word, tag, times):
    return "".join(f"x{number} O\n{word} {tag}\n\n" for number in range(times))


# The usual reading, how often, the odd sentence, and whether it is a slip.
SLIPS = {
    "once otherwise": ("Rome", "B-LOC", 20, "x O\nRome B-PER\n", True),
    "once no entity": ("Rome", "B-LOC", 20, "x O\nRome O\n", True),
    "once an entity": ("but", "O", 20, "x O\nbut B-PER\n", True),
    "too few": ("Rome", "B-LOC", 9, "x O\nRome B-PER\n", False),
    "too small a share": ("Rome", "B-LOC", 18, "x O\nRome B-PER\n", False),
    "in other capitals": ("Rome", "B-LOC", 20, "x O\nROME B-PER\n", False),
    "a part of a longer entity": ("Rome", "B-LOC", 20, "AS B-PER\nRome I-PER\n", False),
}


@pytest.mark.parametrize(("word", "tag", "times", "odd", "is_slip"), SLIPS.values(), ids=SLIPS)
def test_slips_are_what_differs_from_the_usual(tmp_path, word, tag, times, odd, is_slip):
    report = check(tmp_path, train=f"{usual(word, tag, times)}{odd}\n{ENOUGH}")
    assert places(report) == [("likely-slip", "train.conll", 3 * times + 2)] * is_slip


@pytest.mark.parametrize(("times", "is_slip"), [(2, True), (3, False)])
def test_what_is_odd_more_than_twice_is_no_slip(tmp_path, times, is_slip):
    odd = "".join(f"y{number} O\nRome B-PER\n\n" for number in range(times))
    kinds = [finding.kind for finding in check(tmp_path, train=usual("Rome", "B-LOC", 100) + odd + ENOUGH).findings]
    assert kinds == ["likely-slip"] * times * is_slip


def test_a_slip_tells_the_usual_reading(tmp_path):
    [slip] = check(
        tmp_path, train=usual("New B-LOC\nYork", "I-LOC", 20) + "New B-PER\nYork I-PER\n\n" + ENOUGH
    ).findings
    assert slip.message == (
        "received 'New York' as PER; expected LOC, as in 20 of the 21 sentences with these words. Correct the tag if "
        "it is a slip."
    )


def test_copies_of_a_sentence_are_one_decision(tmp_path):
    copies = "x O\nRome B-LOC\n\n" * 20
    kinds = {finding.kind for finding in check(tmp_path, train=f"{copies}y O\nRome O\n\n{ENOUGH}").findings}
    assert kinds == {"duplicate"}


def test_chunks_have_no_slips(tmp_path):
    text = usual("to", "B-PP", 20) + "to B-VP\n\n" * 1 + ENOUGH
    kinds = [finding.kind for finding in check(tmp_path, train=text, task="chunk", tag_column="1").findings]
    assert kinds == ["rare-label"]


def test_parts_of_speech_have_no_transitions_and_no_slips(tmp_path):
    text = usual("run", "NOUN", 20) + "x O\nrun I-VERB\n\n" + "a O\n\na I-VERB\n\n"
    report = check(tmp_path, train=text, validation="x X\n", task="pos", tag_column="1")
    assert places(report) == [
        ("rare-label", "train.conll", 62),
        ("conflicting-duplicate", "train.conll", 66),
        ("unseen-label", "validation.conll", 1),
    ]
    assert report.scheme is None
    assert report.splits["train"].labels == {"O": 22, "NOUN": 20, "I-VERB": 2}


SCHEMES = {
    "iob1": ("a I-PER\nb O\n\nc B-PER\n\n" + "".join(f"w{n} I-PER\n\n" for n in range(10)), 4),
    "bioes": ("a B-PER\nb O\n\n" + "".join(f"w{n} S-PER\n\n" for n in range(10)), 1),
    "bilou": ("a L-PER\nb O\n\n" + "".join(f"w{n} U-PER\n\n" for n in range(10)), 1),
    "io": ("a I-PER\nb O\n\n" + "".join(f"w{n} I-PER\n\n" for n in range(10)), None),
    "plain": ("a PER\nb O\n\n" + "".join(f"w{n} PER\n\n" for n in range(10)), None),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_has_its_own_transitions(tmp_path, scheme):
    text, line = SCHEMES[scheme]
    report = check(tmp_path, train=text)
    assert report.scheme == scheme
    assert places(report) == ([("illegal-transition", "train.conll", line)] if line else [])
    assert set(report.splits["train"].labels) == {"PER"}


def test_the_summary_counts(tmp_path):
    summary = check(tmp_path, train=f"a O\nb O\nc B-LOC\n\na O\nb O\nc B-LOC\n\n{ENOUGH}").splits["train"]
    assert (summary.sentences, summary.words, summary.longest) == (22, 26, 3)
    assert summary.labels == {"LOC": 12, "PER": 10}
    assert summary.imbalance == 1.2
    assert (summary.duplicates, summary.duplicate_share) == (1, 1 / 22)


def test_a_file_without_sentences_is_an_error(tmp_path):
    assert places(check(tmp_path, validation="\n\n")) == [("no-sentence", "validation.conll", 1)]


def test_lines_that_cannot_be_read_are_told_before_tags_without_a_scheme(tmp_path):
    with pytest.raises(DataError, match=r"train\.conll:2: received 1 column"):
        check(tmp_path, train="EU NNP\nrejects\n")


def test_conll2003_and_wnut17(shared):
    """What is known of them: no tag out of place, two characters that nobody sees, and slips to judge by eye."""
    conll = check_data(CheckConfig(dataset=str(shared / "data" / "conll2003"))).report
    assert (conll.scheme, conll.splits["train"].words) == ("iob2", 203621)
    assert {finding.kind for finding in conll.findings} == {
        "duplicate",
        "conflicting-duplicate",
        "leak",
        "short-leak",
        "likely-slip",
    }
    slips = [finding.line for finding in conll.findings if finding.kind == "likely-slip"]
    assert len(slips) == 10
    assert 91425 in slips  # The `1,000` of 1,000 Lakes Rally, cut off by a line break.
    folder = shared / "data" / "wnut17"
    files = {"train_file": "wnut17train.conll", "validation_file": "emerging.dev.conll"}
    wnut = check_data(CheckConfig(**{option: folder / name for option, name in files.items()})).report
    odd = [finding.line for finding in wnut.findings if finding.kind == "control-character"]
    assert odd == [15556, 16730]


WORDS = st.sampled_from(["a", "b", "New", "York", "\u200b", "\u00a0x", "র\u200c্", "-DOCSTART-", "#"]) | st.text(
    min_size=1
)
TAGS = st.sampled_from(["O", "B-X", "I-X", "I-Y", "E-X", "S-X", "L-Y", "U-X", "B", "I-", "b-X", "X"])
SENTENCES = st.lists(st.lists(st.tuples(WORDS, TAGS)), max_size=6)


@given(
    st.fixed_dictionaries({"train": SENTENCES}, optional={"test": SENTENCES, "other": SENTENCES}),
    st.sampled_from(["iob1", "iob2", "bioes", "bilou", "io", "plain", None]),
)
def test_any_corpus_can_be_checked_and_every_finding_has_a_line(corpus, scheme):
    splits, lines = {}, {}
    for name, rows in corpus.items():
        sentences, line = [], 1
        for row in rows:
            words, tags = ([cell[place] for cell in row] for place in (0, 1))
            sentences.append(Sentence(words, tags, list(range(line, line + len(row)))))
            line += len(row) + 1
        splits[name] = Split(name, sentences)
        lines[name] = {number for sentence in sentences for number in sentence.lines}
    report = check_corpus(splits, scheme)
    assert all(finding.line in lines[finding.path] for finding in report.findings)
    assert sum(s.sentences for s in report.splits.values()) == sum(map(bool, chain(*corpus.values())))


@given(st.binary(max_size=60) | st.text("ab\tO-BIX \n\r\ufeff\u200b", max_size=60).map(str.encode))
def test_any_file_can_be_checked(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("data")
    # The one thing that is told of a whole file.
    assume(not content.startswith(b"version https://git-lfs.github.com/spec/"))
    report = check(folder, train=content, scheme="iob2")
    num_lines = max(len(content.splitlines()), 1)
    assert all(1 <= finding.line <= num_lines for finding in report.findings)


def test_no_model_library_is_needed():
    code = """
import sys
from tf_ner.options.commands import CheckConfig
from tf_ner.corpus.checks.check_data import check_data
assert check_data(CheckConfig(dataset="sample")).report.splits["train"].sentences == 643
assert not {"tensorflow", "tf_keras", "transformers", "datasets", "numpy"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rows_that_were_shuffled_apart_are_told_as_such_and_not_as_duplicates(tmp_path):
    rows = [(number, *cells) for number in range(50) for cells in (("Greta", "B-PER"), ("left", "O"), ("town", "O"))]
    random.Random(0).shuffle(rows)
    text = "".join(f"{number},{word},{tag}\n" for number, word, tag in rows)
    (tmp_path / "train.csv").write_text(f"sentence,word,tag\n{text}")
    report = check_data(CheckConfig(dataset=str(tmp_path))).report
    assert [finding.kind for finding in report.findings] == ["sentence-again"]
    assert report.splits["train"].duplicates > 100
