"""What annotation tools export: the same corpus from each, offsets in whatever they count, and what is refused."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import tool_writers
from tests.tool_writers import (
    JSON,
    Marked,
    azure,
    brat,
    dataturks,
    label_studio,
    lines,
    offsets,
    spacy_documents,
    webanno,
)
from tf_ner.cli import main
from tf_ner.corpus.findings import Finding
from tf_ner.corpus.formats import read_corpus_file
from tf_ner.corpus.loading.sources import load_corpus
from tf_ner.corpus.marked_text import CONVENTIONS
from tf_ner.corpus.sentences import Layout
from tf_ner.errors import DataError

CORPUS = [
    Marked("Greta Lund moved to Oslo.", [(0, 10, "PER"), (20, 24, "LOC")]),
    Marked("🦜 পদ্মা e\u0301tait là 🎉 Rīga !", [(2, 7, "LOC"), (20, 24, "LOC")]),
    Marked("גר בחיפה", [(3, 8, "LOC")]),
    Marked("Nobody came .", []),
]
EXPECTED = [
    ("Greta|Lund|moved|to|Oslo|.", "B-PER I-PER O O B-LOC O"),
    ("🦜|পদ্মা|e\u0301tait|là|🎉|Rīga|!", "O B-LOC O O O B-LOC O"),
    ("גר|בחיפה", "O B-LOC"),
    ("Nobody|came|.", "O O O"),
]
UTF16 = "received offsets that count UTF-16 units, as the texts that spans quote say; all of this file is read so."
SAID = {
    "label_studio.json": UTF16,
    "label_studio_min.json": UTF16,
    "dataturks.jsonl": UTF16.replace("UTF-16 units", "characters, with ends that are inclusive"),
}


def read(path, **layout):
    """The sentences of a file, and its findings."""
    findings: list[Finding] = []
    sentences = list(read_corpus_file(path, Layout(**layout), report=findings.append))
    return [("|".join(s.words), " ".join(s.tags)) for s in sentences], findings


def kinds(findings):
    return [(finding.kind, finding.is_error) for finding in findings]


def written(tmp_path, text, name="train.jsonl"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_the_marks_are_where_they_should_be():
    assert [[each[3] for each in offsets(marked)] for marked in CORPUS] == [
        ["Greta Lund", "Oslo"],
        ["পদ্মা", "Rīga"],
        ["בחיפה"],
        [],
    ]


@pytest.mark.parametrize("name", JSON)
def test_the_same_corpus_from_each_tool(tmp_path, name):
    sentences, findings = read(written(tmp_path, JSON[name](CORPUS), name))
    assert sentences == EXPECTED
    assert [finding.message for finding in findings] == [SAID[name]] if name in SAID else not findings


def test_the_same_corpus_from_brat(tmp_path):
    brat(CORPUS, tmp_path / "train")
    assert read(tmp_path / "train") == (EXPECTED, [])
    assert read(tmp_path / "train" / "doc.ann") == (EXPECTED, [])


def test_the_same_corpus_from_azure(tmp_path):
    azure(CORPUS, tmp_path / "project")
    assert read(tmp_path / "project" / "labels.json") == (EXPECTED, [])


def test_the_same_corpus_from_webanno(tmp_path):
    sentences = [(words.split("|"), tags.split()) for words, tags in EXPECTED]
    assert read(written(tmp_path, webanno(sentences), "train.tsv")) == (EXPECTED, [])


@pytest.mark.parametrize("tool", ["label_studio", "label_studio_min"])
@pytest.mark.parametrize("unit", ["characters", "utf-16", "bytes"])
def test_quoted_texts_say_what_offsets_count(tmp_path, tool, unit):
    sentences, findings = read(written(tmp_path, getattr(tool_writers, tool)(CORPUS, unit), "train.json"))
    assert sentences == EXPECTED
    assert kinds(findings) == ([] if unit == "characters" else [("offsets", False)])


@pytest.mark.parametrize("unit", ["characters", "utf-16", "bytes"])
def test_and_whether_ends_are_inclusive(tmp_path, unit):
    sentences, findings = read(written(tmp_path, dataturks(CORPUS, unit)))
    assert sentences == EXPECTED
    assert all("inclusive" in finding.message and not finding.is_error for finding in findings)
    assert findings


@pytest.mark.parametrize("unit", ["utf-16", "bytes"])
def test_a_corpus_from_brat_in_other_units(tmp_path, unit):
    brat(CORPUS, tmp_path / "train", unit)
    sentences, findings = read(tmp_path / "train")
    assert sentences == EXPECTED
    assert kinds(findings) == [("offsets", False)]


def test_without_quotes_options_say_it(tmp_path):
    record = {"text": "🦜 in Rīga", "spans": [[6, 9, "LOC"]]}
    path = written(tmp_path, json.dumps(record))
    assert read(path, offset_unit="utf-16", offset_ends="inclusive")[0] == [("🦜|in|Rīga", "O O B-LOC")]
    [finding] = read(path)[1]
    assert finding.kind == "span-inside-word"


def test_a_quote_that_nothing_confirms_is_an_error_of_its_line(tmp_path):
    good = {"text": "in Rīga", "spans": [{"start": 3, "end": 7, "label": "LOC", "text": "Rīga"}]}
    bad = {"text": "to Rīga now", "spans": [{"start": 2, "end": 6, "label": "LOC", "text": "Rīga"}]}
    sentences, findings = read(written(tmp_path, lines([good, bad, good])))
    assert sentences == [("in|Rīga", "O B-LOC")] * 2
    assert [(finding.kind, finding.line, finding.is_error) for finding in findings] == [("bad-span", 2, True)]
    assert "quotes 'Rīga', where the text has ' Rīg' (counted in characters)" in findings[0].message


def test_a_file_counts_in_one_way(tmp_path):
    in_utf16 = {"text": "🦜 Rīga", "spans": [{"start": 3, "end": 7, "label": "LOC", "text": "Rīga"}]}
    in_characters = {"text": "🦜 Rīga", "spans": [{"start": 2, "end": 6, "label": "LOC", "text": "Rīga"}]}
    sentences, findings = read(written(tmp_path, lines([in_utf16, in_characters])))
    assert len(sentences) == 1
    assert kinds(findings) == [("offsets", False), ("bad-span", True)]
    assert "In characters it would be; others in this file are not." in findings[1].message


def test_spans_that_were_read_before_it_was_known_are_told(tmp_path):
    unquoted = {"text": "🦜 in Rīga", "spans": [[6, 10, "LOC"]]}
    quoted = {"text": "🦜 Rīga", "spans": [{"start": 3, "end": 7, "label": "LOC", "text": "Rīga"}]}
    path = written(tmp_path, lines([unquoted, quoted]))
    [*_, told] = read(path)[1]
    assert (told.kind, told.line, told.is_error) == ("offsets", 2, True)
    assert "from line 1 on" in told.message
    assert "--offset-unit utf-16 --offset-ends exclusive" in told.message
    sentences, findings = read(path, offset_unit="utf-16", offset_ends="exclusive")
    assert (sentences[1], findings) == (("🦜|Rīga", "O B-LOC"), [])


OVERLAPPING = {"text": "The Bank of Oslo closed.", "label": [[0, 8, "X"], [4, 16, "ORG"], [17, 23, "ACT"]]}


@pytest.mark.parametrize(
    ("choice", "tags", "left_out"),
    [
        ("longest", "O B-ORG I-ORG I-ORG B-ACT O", 1),
        ("first", "B-X I-X O O B-ACT O", 1),
        ("drop", "O O O O B-ACT O", 2),
    ],
)
def test_overlaps_by_choice(tmp_path, choice, tags, left_out):
    path = written(tmp_path, json.dumps(OVERLAPPING))
    sentences, findings = read(path, overlaps=choice)
    assert sentences == [("The|Bank|of|Oslo|closed|.", tags)]
    assert kinds(findings) == [("overlapping-spans", False)] * left_out
    assert kinds(read(path)[1]) == [("overlapping-spans", True)]
    assert "--overlaps: longest, first or drop" in read(path)[1][0].message


def test_of_the_same_place_the_first_is_kept(tmp_path):
    path = written(tmp_path, json.dumps({"text": "Greta", "label": [[0, 5, "PER"], [0, 5, "AUTHOR"]]}))
    for choice in ("longest", "first"):
        assert read(path, overlaps=choice)[0] == [("Greta", "B-PER")]


def test_a_longer_one_behind_is_the_longest_and_not_the_first(tmp_path):
    path = written(tmp_path, json.dumps({"text": "a b c d", "label": [[0, 3, "X"], [2, 7, "Y"]]}))
    assert read(path, overlaps="longest")[0] == [("a|b|c|d", "O B-Y I-Y I-Y")]
    assert read(path, overlaps="first")[0] == [("a|b|c|d", "B-X I-X O O")]


WITH_GAPS = "T1\tPER 0 5;11 17\tGreta Lunden\nT2\tLOC 21 25\tOslo\n"


@pytest.mark.parametrize(
    ("choice", "tags"),
    [
        ("longest", "O O B-PER O B-LOC O"),
        ("first", "B-PER O O O B-LOC O"),
        ("drop", "O O O O B-LOC O"),
        ("error", "O O O O B-LOC O"),
    ],
)
def test_entities_with_gaps(tmp_path, choice, tags):
    (tmp_path / "doc.txt").write_text("Greta Anna Lunden in Oslo.")
    path = written(tmp_path, WITH_GAPS, "doc.ann")
    sentences, findings = read(path, overlaps=choice)
    assert sentences == [("Greta|Anna|Lunden|in|Oslo|.", tags)]
    assert kinds(findings) == [("overlapping-spans", choice == "error")]


def test_entities_of_brat_that_go_on_behind_a_line_break_are_whole(tmp_path):
    (tmp_path / "doc.txt").write_text("In New\nYork.\nBye.\n")
    path = written(tmp_path, "T1\tLOC 3 6;7 11\tNew York\nbroken\nT2 x\n#1\tNote T1\tx\n", "doc.ann")
    sentences, findings = read(path)
    assert sentences == [("In|New|York|.", "O B-LOC I-LOC O"), ("Bye|.", "O O")]
    assert [(finding.kind, Path(finding.path).name, finding.line) for finding in findings] == [
        ("bad-span", "doc.ann", 3)
    ]
    assert [sentence.lines[0] for sentence in read_corpus_file(path, report=lambda finding: None)] == [1, 3]


def test_a_span_of_brat_is_told_where_it_stands(tmp_path):
    (tmp_path / "doc.txt").write_text("in Oslo\n")
    path = written(tmp_path, "T1\tLOC 3 7\tOslo\nT2\tLOC 0 2\tOslo\n", "doc.ann")
    [finding] = read(path)[1]
    assert (finding.path, finding.line) == (path, 2)


def test_a_folder_of_brat_files_is_a_split(tmp_path):
    for split in ("train", "dev"):
        brat(CORPUS, tmp_path / split)
    corpus = load_corpus(tmp_path)
    assert {split: len(rows) for split, rows in corpus.items()} == {"train": 4, "validation": 4}


def test_brat_s_text_must_be_there(tmp_path):
    path = written(tmp_path, "T1\tLOC 0 1\tx\n", "doc.ann")
    with pytest.raises(DataError, match=r"doc\.txt, which does not exist"):
        read(path)


WORDS = ["Greta", "Lund", "moved", "to", "Oslo", "."]
PER, LOC = {"start": 0, "end": 2, "type": "PER"}, {"start": 4, "end": 5, "type": "LOC"}
BY_WORDS = {
    "SpERT": ({"tokens": WORDS, "entities": [PER, LOC]}, "exclusive"),
    "GLiNER": ({"tokenized_text": WORDS, "ner": [[0, 1, "PER"], [4, 4, "LOC"]]}, "inclusive"),
    "DyGIE": ({"doc_key": "a", "sentences": [WORDS], "ner": [[[0, 1, "PER"], [4, 4, "LOC"]]]}, "inclusive"),
}


@pytest.mark.parametrize("tool", BY_WORDS)
def test_spans_that_count_words(tmp_path, tool):
    record, ends = BY_WORDS[tool]
    sentences, findings = read(written(tmp_path, json.dumps(record)))
    assert sentences == [("|".join(WORDS), "B-PER I-PER O O B-LOC O")]
    assert kinds(findings) == [("words-counted", False)]
    assert f"with ends that are {ends}" in findings[0].message


def test_spans_that_count_words_over_sentences(tmp_path):
    record = {"sentences": [["a", "b"], ["c", "d"]], "ner": [[], [[2, 3, "X"]]]}
    assert read(written(tmp_path, json.dumps(record)))[0] == [("a|b", "O O"), ("c|d", "B-X I-X")]


def test_ends_that_cannot_be_are_told_with_the_option(tmp_path):
    path = written(tmp_path, json.dumps({"tokenized_text": ["a", "b"], "ner": [[0, 2, "X"]]}))
    assert "--offset-ends exclusive" in read(path)[1][-1].message
    assert read(path, offset_ends="exclusive")[0] == [("a|b", "B-X I-X")]


LABEL_STUDIO = {"id": 1, "data": {"text": "Oslo"}, "annotations": []}
DONE = {"result": [{"type": "labels", "value": {"start": 0, "end": 4, "labels": ["LOC"], "text": "Oslo"}}]}
OTHER = {"result": [{"type": "labels", "value": {"start": 0, "end": 4, "labels": ["PER"], "text": "Oslo"}}]}
TASKS = {
    "nobody": ([], None, "not-annotated"),
    "cancelled": ([DONE | {"was_cancelled": True}], None, "not-annotated"),
    "several": ([DONE, OTHER], "B-LOC", "several-annotations"),
    "the ground truth": ([DONE, OTHER | {"ground_truth": True}], "B-PER", "several-annotations"),
    "choices": ([{"result": [{"type": "choices", "value": {"choices": ["good"]}}, *DONE["result"]]}], "B-LOC", None),
}


@pytest.mark.parametrize(("annotations", "tag", "kind"), TASKS.values(), ids=TASKS)
def test_tasks_of_label_studio(tmp_path, annotations, tag, kind):
    task = LABEL_STUDIO | {"annotations": annotations}
    sentences, findings = read(written(tmp_path, json.dumps([task]), "train.json"))
    assert sentences == ([("Oslo", tag)] if tag else [])
    assert kinds(findings) == ([(kind, False)] if kind else [])


def test_texts_of_label_studio_may_have_another_name(tmp_path):
    task = {"data": {"title": "x", "body": "Oslo"}, "annotations": [DONE]}
    path = written(tmp_path, json.dumps([task]), "train.json")
    assert "Name it with --word-column" in read(path)[1][0].message
    assert read(path, word_column="body") == ([("Oslo", "B-LOC")], [])


def test_keys_in_other_case_and_labels_that_are_numbers(tmp_path):
    records = [
        {"text": "Oslo", "Entities": [[0, 4, "LOC"]]},
        {"text": "Oslo", "annotations": [{"label": 3, "start_offset": 0, "end_offset": 4}]},
    ]
    sentences, findings = read(written(tmp_path, lines(records)))
    assert sentences == [("Oslo", "B-LOC"), ("Oslo", "B-3")]
    assert kinds(findings) == [("number-label", False)]
    assert "--map-label 3=NAME" in findings[0].message


def test_an_unknown_key_with_offsets_is_named_and_the_advice_helps(tmp_path):
    path = written(tmp_path, json.dumps({"text": "Oslo", "marks": [{"start": 0, "end": 4, "label": "LOC"}]}))
    [finding] = read(path)[1]
    assert (finding.kind, finding.is_error) == ("unknown-key", True)
    assert "'marks'" in finding.message
    assert "--tag-column" in finding.message
    assert read(path, tag_column="marks") == ([("Oslo", "B-LOC")], [])


def test_sets_of_gate(tmp_path):
    def of(label):
        return {"annotations": [{"type": label, "start": 0, "end": 4}]}

    path = written(tmp_path, json.dumps({"text": "Oslo", "annotation_sets": {"": of("LOC"), "gold": of("CITY")}}))
    assert "Name it with --tag-column" in read(path)[1][0].message
    assert read(path, tag_column="gold") == ([("Oslo", "B-CITY")], [])


def test_older_json_of_gate(tmp_path):
    record = {"text": "in Oslo", "entities": {"LOC": [{"indices": [3, 7]}], "PER": []}}
    assert read(written(tmp_path, json.dumps(record))) == ([("in|Oslo", "O B-LOC")], [])


def test_training_json_of_spacy(tmp_path):
    tokens = [
        {"orth": "Greta", "tag": "NNP", "ner": "B-PER"},
        {"orth": "Lund", "tag": "NNP", "ner": "L-PER"},
        {"orth": "left", "tag": "VBD", "ner": "-"},
    ]
    document = [{"id": 0, "paragraphs": [{"raw": "x", "sentences": [{"tokens": tokens}]}]}]
    path = written(tmp_path, json.dumps(document), "train.json")
    sentences, findings = read(path)
    assert (sentences, kinds(findings)) == ([("Greta|Lund|left", "B-PER L-PER O")], [("unknown-tag", False)])
    assert read(path, task="pos") == ([("Greta|Lund|left", "NNP NNP VBD")], [])


def test_an_annotator_s_file_of_spacy(tmp_path):
    document = {
        "classes": ["LOC"],
        "annotations": [["Oslo\r", {"entities": [[0, 4, "LOC"]]}], None, ["", {"entities": []}]],
    }
    assert read(written(tmp_path, json.dumps(document), "train.json")) == ([("Oslo", "B-LOC")], [])


def test_records_of_argilla(tmp_path):
    tokens = {"tokens": ["Oslo", "now"], "text": "Oslo now"}
    annotated = {**tokens, "annotation": [["LOC", 0, 4]], "status": "Validated"}
    waiting = {**tokens, "annotation": None, "status": "Default"}
    sentences, findings = read(written(tmp_path, lines([annotated, waiting])))
    assert (sentences, kinds(findings)) == ([("Oslo|now", "B-LOC O")], [("not-annotated", False)])


def test_a_question_of_argilla_is_named(tmp_path):
    record = {
        "text": "Oslo",
        "a.responses": [[{"start": 0, "end": 4, "label": "X"}]],
        "b.responses": [[{"start": 0, "end": 4, "label": "Y"}]],
    }
    path = written(tmp_path, json.dumps(record))
    assert "--tag-column" in read(path)[1][0].message
    assert read(path, tag_column="b") == ([("Oslo", "B-Y")], [])


def test_texts_in_tables(tmp_path):
    cells = "Sentence: 1", "Greta left Oslo .", "\"['N','V','N','.']\"", "\"['B-p', 'O', 'B-g', 'O']\""
    path = written(tmp_path, f"Sentence #,Sentence,POS,Tag\n{','.join(cells)}\n", "train.csv")
    assert read(path) == ([("Greta|left|Oslo|.", "B-p O B-g O")], [])
    assert read(path, task="pos") == ([("Greta|left|Oslo|.", "N V N .")], [])
    spans = json.dumps([{"start": 3, "end": 7, "text": "Oslo", "labels": ["LOC"]}]).replace('"', '""')
    rows = f'in Oslo,1,"{spans}",1\nnowhere,2,[],1\nlater,3,,1\n'
    path = written(tmp_path, f"text,id,label,annotator\n{rows}", "studio.csv")
    sentences, findings = read(path)
    assert sentences == [("in|Oslo", "O B-LOC"), ("nowhere", "O")]
    assert [(finding.kind, finding.line) for finding in findings] == [("not-annotated", 4)]
    path = written(tmp_path, "text,tags\na b,\"['O']\"\na b,O O\n", "bad.csv")
    assert kinds(read(path)[1]) == [("bad-record", True)] * 2


STACKED = """#FORMAT=WebAnno TSV 3.3
#T_SP=webanno.custom.Tool|kind
#T_SP=de.NamedEntity|identifier|value


1-1\t0-4\tBank\tx\t*[1]|*\tORG[1]|LOC\t
1-2\t5-9\tOslo\t_\t*[1]\tORG[1]\t
1-2.1\t5-6\tO\t_\t_\t_\t
"""


def test_values_of_webanno(tmp_path):
    path = written(tmp_path, STACKED, "train.tsv")
    assert kinds(read(path)[1]) == [("span-inside-word", False), ("overlapping-spans", True)]
    assert read(path, overlaps="longest")[0] == [("Bank|Oslo", "B-ORG I-ORG")]
    assert read(path, tag_column="kind")[0] == [("Bank|Oslo", "B-x O")]
    unclear = STACKED.replace("NamedEntity|identifier|value", "Other|value").replace("\t*[1]|*", "")
    unclear = unclear.replace("\t*[1]", "").replace("_\t_\t_", "_\t_")
    path = written(tmp_path, unclear, "unclear.tsv")
    with pytest.raises(DataError, match=r"kind of Tool, value of Other; expected one .* Name it with --tag-column"):
        read(path)


# ruff: noqa: RUF001 letters of other scripts
CHARACTERS = st.sampled_from(["ab", "é", "ß", "я", "ه", "ש", "中", "🦜", "👩\u200d🚀", "é", "ক্ষ", ".", "-"])
LABELS = st.sampled_from(["PER", "LOC", "O-x", "a_b"])


@st.composite
def marked_texts(draw):
    """Words with spaces between, of which whole ones are entities."""
    words = draw(st.lists(st.lists(CHARACTERS, min_size=1, max_size=4).map("".join), min_size=1, max_size=6))
    starts = [sum(len(word) + 1 for word in words[:number]) for number in range(len(words))]
    entities, place = [], 0
    while place < len(words):
        length = draw(st.integers(0, 2))
        if length:
            last = min(place + length, len(words)) - 1
            entities.append((starts[place], starts[last] + len(words[last]), draw(LABELS)))
        place += max(length, 1)
    return Marked(" ".join(words), entities)


@given(st.lists(marked_texts(), min_size=1, max_size=4), st.sampled_from(sorted(JSON)))
def test_a_corpus_comes_back_from_each_tool(tmp_path_factory, corpus, name):
    path = written(tmp_path_factory.mktemp("tool"), JSON[name](corpus), name)
    expected, _ = read(written(path.parent, JSON["doccano.jsonl"](corpus), "expected.jsonl"))
    sentences, findings = read(path)
    assert sentences == expected
    assert not any(finding.is_error for finding in findings)


@given(st.lists(marked_texts(), min_size=1, max_size=4), st.sampled_from(CONVENTIONS))
def test_quoted_corpora_come_back_or_are_refused(tmp_path_factory, corpus, convention):
    """In each unit, with both ends: where several ways fit all that is quoted, the first may be another one."""
    inclusive = convention.ends == "inclusive"
    tasks = [
        {
            "text": marked.text,
            "label": [
                {"start": start, "end": end, "text": quote, "labels": [label]}
                for start, end, label, quote in offsets(marked, convention.unit, inclusive=inclusive)
            ],
        }
        for marked in corpus
    ]
    path = written(tmp_path_factory.mktemp("quoted"), lines(tasks))
    expected, _ = read(written(path.parent, JSON["doccano.jsonl"](corpus), "expected.jsonl"))
    sentences, findings = read(path)
    assert sentences == expected or any(finding.is_error for finding in findings)


@pytest.mark.parametrize("name", JSON)
def test_several_objects_and_broken_values_end_in_no_traceback(tmp_path, name):
    """What any of the values of an export may be instead."""
    text = JSON[name](CORPUS[:1])
    export = json.loads(text.splitlines()[0] if name.endswith("jsonl") else text)
    for place in places_in(export):
        for value in (None, 7, -1, "x", [], {}, [None], {"start": None}, True, 1.5):
            path = written(tmp_path, json.dumps(replaced(export, place, value)), f"broken{Path(name).suffix}")
            read(path)


def places_in(value, before=()):
    yield before
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places_in(part, (*before, key))


def replaced(whole, place, value):
    if not place:
        return value
    copy = json.loads(json.dumps(whole))
    part = copy
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return copy


def test_label_studio_s_export_trains_and_converts(tmp_path):
    for split in ("train", "valid"):
        written(tmp_path, label_studio(CORPUS), f"{split}.json")
    corpus = load_corpus(tmp_path)
    assert corpus["train"][0]["words"] == ["Greta", "Lund", "moved", "to", "Oslo", "."]
    assert set(corpus["train"].features["tags"].feature.names) == {"O", "B-LOC", "I-LOC", "B-PER", "I-PER"}


def test_each_command_of_the_docs_reads_its_export(tmp_path, monkeypatch, capsys):
    """What the table says, on exports of these names."""
    exports = {
        "label-studio.json": JSON["label_studio.json"],
        "doccano.jsonl": JSON["doccano.jsonl"],
        "prodigy.jsonl": JSON["prodigy.jsonl"],
        "lighttag.json": JSON["lighttag.json"],
        "spacy.json": JSON["spacy.json"],
        "argilla.jsonl": JSON["argilla.jsonl"],
        "dataturks.jsonl": JSON["dataturks.jsonl"],
        "gate.json": JSON["gate.jsonl"],
    }
    for name, write in exports.items():
        written(tmp_path, write(CORPUS), name)
    brat(CORPUS, tmp_path / "brat")
    azure(CORPUS, tmp_path / "azure")
    written(tmp_path, webanno([(words.split("|"), tags.split()) for words, tags in EXPECTED]), "inception.tsv")
    written(tmp_path, json.dumps(BY_WORDS["GLiNER"][0]), "gliner.json")
    (tmp_path / "docs.spacy").write_bytes(
        spacy_documents([(words.split("|"), tags.split()) for words, tags in EXPECTED])
    )
    docs = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    commands = re.findall(r"`(tf-ner check-data --train-file [^`]+)`", docs)
    assert len(commands) == 13
    monkeypatch.chdir(tmp_path)
    for command in commands:
        main([*command.split()[1:], "--json"])
        report = json.loads(capsys.readouterr().out)
        expected = {"LOC": 1, "PER": 1} if "gliner" in command else {"LOC": 4, "PER": 1}
        assert report["splits"]["train"]["labels"] == expected, command
    main(["convert", "label-studio.json", "train.conll"])
    assert "Greta\tB-PER\nLund\tI-PER" in (tmp_path / "train.conll").read_text(encoding="utf-8")


def test_tags_of_words_count_more_than_spans_beside_them(tmp_path):
    record = {"tokens": ["Greta", "left"], "ner_tags": ["B-PER", "O"], "spans": [{"start": 1, "end": 2, "type": "X"}]}
    path = written(tmp_path, json.dumps(record))
    assert read(path) == read(path, tag_column="ner_tags") == ([("Greta|left", "B-PER O")], [])
    assert read(path, tag_column="spans")[0] == [("Greta|left", "O B-X")]
    record = {"words": ["a", "b"], "pos_tags": ["N", "V"], "entities": [{"start": 0, "end": 1, "type": "X"}]}
    assert read(written(tmp_path, json.dumps(record)), task="pos") == ([("a|b", "N V")], [])


def test_sentences_without_spans_of_words(tmp_path):
    records = [BY_WORDS["SpERT"][0], {"tokens": ["x", "y"], "entities": [], "relations": []}]
    assert read(written(tmp_path, lines(records)))[0][1] == ("x|y", "O O")
    assert read(written(tmp_path, json.dumps({"tokenized_text": ["a"], "ner": []})))[0] == [("a", "O")]


def test_quotes_of_words_are_believed(tmp_path):
    span = {"start": 0, "end": 1, "type": "PER", "text": "Greta Lund"}
    path = written(tmp_path, json.dumps({"tokens": WORDS, "entities": [span]}))
    assert ("bad-span", True) in kinds(read(path)[1])
    assert read(path, offset_ends="inclusive")[0] == [("|".join(WORDS), "B-PER I-PER O O O O")]
    characters = {"tokens": WORDS, "entities": [{"start_offset": 0, "end_offset": 5, "label": "PER"}]}
    assert "characters and no text" in read(written(tmp_path, json.dumps(characters)))[1][-1].message


def test_only_a_file_of_one_object_is_a_document(tmp_path):
    tagged = {"tokens": ["a"], "ner_tags": ["O"]}
    path = written(tmp_path, lines([{**tagged, "examples": []}, tagged]))
    assert read(path) == ([("a", "O")] * 2, [])
    text = {"text": "Oslo", "classes": ["LOC"], "annotations": [{"start": 0, "end": 4, "label": "LOC"}]}
    assert read(written(tmp_path, json.dumps(text))) == ([("Oslo", "B-LOC")], [])


ANSWER = [{"start": 0, "end": 4, "label": "X"}]


@pytest.mark.parametrize(
    ("others", "sentences", "kind"),
    [
        ({"responses": {}}, 0, "not-annotated"),
        ({"responses": []}, 0, "not-annotated"),
        ({"q.responses": None, "q.suggestion": ANSWER}, 0, "not-annotated"),
        ({"responses": {"q": [{"value": ANSWER, "status": "discarded"}]}}, 0, "not-annotated"),
        ({"q.responses": [ANSWER], "q.responses.status": ["draft"]}, 0, "not-annotated"),
        ({"q.responses": [ANSWER], "q.responses.status": ["submitted"]}, 1, None),
        ({"responses": {"q": [{"value": [], "status": "submitted"}]}}, 1, None),
    ],
)
def test_what_nobody_has_submitted_to_argilla_is_left_out(tmp_path, others, sentences, kind):
    found, findings = read(written(tmp_path, json.dumps({"text": "Oslo", **others})))
    assert (len(found), kinds(findings)) == (sentences, [(kind, False)] if kind else [])


def test_regions_that_are_not_read_are_told(tmp_path):
    value = {"start": "/p[1]", "end": "/p[1]", "hypertextlabels": ["LOC"], "globalOffsets": {"start": 0, "end": 4}}
    task = {"data": {"text": "Oslo"}, "annotations": [{"result": [{"type": "hypertextlabels", "value": value}]}]}
    sentences, findings = read(written(tmp_path, json.dumps([task]), "train.json"))
    assert (sentences, kinds(findings)) == ([], [("bad-span", True)])


def test_plain_lists_under_an_unknown_key_are_told(tmp_path):
    path = written(tmp_path, json.dumps({"text": "Oslo", "ents": [[0, 4, "LOC"]]}))
    assert kinds(read(path)[1]) == [("unknown-key", True)]
    assert read(path, tag_column="ents") == ([("Oslo", "B-LOC")], [])


def test_one_quote_alone_says_nothing_of_spans_without(tmp_path):
    wrong = {"text": "Greta", "spans": [{"start": 0, "end": 4, "label": "PER", "text": "Greta"}]}
    unquoted = {"text": "Ada left", "spans": [[0, 3, "PER"]]}
    path = written(tmp_path, lines([wrong, unquoted]))
    sentences, findings = read(path)
    assert (len(sentences), kinds(findings)) == (1, [("offsets", False), ("offsets", True)])
    assert "--offset-unit characters --offset-ends inclusive" in findings[1].message
    assert read(path, offset_ends="exclusive")[0] == [("Ada|left", "B-PER O")]


def test_texts_of_azure_lie_where_their_places_say(tmp_path):
    azure(CORPUS[:2], tmp_path / "one")
    labels = json.loads((tmp_path / "one" / "labels.json").read_text())
    for number, folder in enumerate("ab"):
        (tmp_path / "one" / folder).mkdir()
        (tmp_path / "one" / f"{number}.txt").rename(tmp_path / "one" / folder / "doc.txt")
        labels["assets"]["documents"][number]["location"] = f"{folder}/doc.txt"
    path = written(tmp_path / "one", json.dumps(labels), "labels.json")
    assert read(path) == (EXPECTED[:2], [])
    (tmp_path / "one" / "a" / "doc.txt").rename(tmp_path / "one" / "doc.txt")
    with pytest.raises(DataError, match="several documents of one name"):
        read(path)


RELATED = (
    r"""#FORMAT=WebAnno TSV 3.3
#T_RL=de.Dependency|DependencyType|flavor|BT_de.POS
#T_SP=de.NamedEntity|value

1-1 0-4 \[Ada\] a b 1-1 PER |
1-2 5-9 left _ _ _ _ |
""".replace(" |\n", "\t\n")
    .replace(" ", "\t")
    .replace("WebAnno\tTSV\t", "WebAnno TSV ")
)


def test_relations_and_escapes_of_webanno(tmp_path):
    assert read(written(tmp_path, RELATED, "train.tsv")) == ([("[Ada]|left", "B-PER O")], [])
    short = RELATED.replace("\tPER\t", "\t\t")
    assert kinds(read(written(tmp_path, short, "short.tsv"))[1]) == [("ragged-row", True)]


def test_what_is_not_read_of_a_folder_of_brat_is_told(tmp_path):
    brat(CORPUS, tmp_path / "train")
    (tmp_path / "train" / "other.txt").write_text("x")
    brat(CORPUS, tmp_path / "train" / "more")
    sentences, findings = read(tmp_path / "train")
    assert sentences == EXPECTED
    assert [(Path(each.path).name, each.is_error) for each in findings] == [("more", False), ("other.txt", False)]


@pytest.mark.parametrize("counts", [False, True])
def test_a_mark_at_the_beginning_of_a_text_of_brat(tmp_path, counts):
    (tmp_path / "doc.txt").write_text("in Oslo\n", encoding="utf-8-sig")
    path = written(tmp_path, f"T1\tLOC {3 + counts} {7 + counts}\tOslo\n", "doc.ann")
    assert [tags for _, tags in read(path)[0]] == ["O B-LOC"]


def test_files_of_brat_may_be_named_after_splits(tmp_path):
    brat(CORPUS, tmp_path / "all")
    for split in ("train", "dev"):
        for ending in ("ann", "txt"):
            (tmp_path / f"{split}.{ending}").write_bytes((tmp_path / "all" / f"doc.{ending}").read_bytes())
    assert {split: len(rows) for split, rows in load_corpus(tmp_path).items()} == {"train": 4, "validation": 4}


def test_many_spans_and_lines_take_no_longer_each(tmp_path):
    """Ten thousand of each, in seconds; quadratic loops would take minutes."""
    corpus = [Marked("ab cd", [(0, 2, "X"), (3, 5, "Y")])] * 10_000
    brat(corpus, tmp_path / "train")
    assert len(read(tmp_path / "train")[0]) == 10_000
    text = "ab " * 10_000
    spans = [[3 * place, 3 * place + 5, "X"] for place in range(9_999)]
    path = written(tmp_path, json.dumps({"text": text, "spans": spans}))
    for choice in ("longest", "first", "drop"):
        [(_, tags)] = read(path, overlaps=choice)[0]
        assert tags.count("B-X") == (0 if choice == "drop" else 5000)
