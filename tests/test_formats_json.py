import json

import pytest

from tf_ner.corpus.findings import Finding
from tf_ner.corpus.formats import read_corpus_file
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.errors import DataError


def read(tmp_path, text, name="train.jsonl", **layout):
    """The sentences of a file, and its findings as (kind, line, is it an error)."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    findings: list[Finding] = []
    sentences = list(read_corpus_file(path, Layout(**layout), report=findings.append))
    return [("|".join(s.words), " ".join(s.tags)) for s in sentences], [
        (finding.kind, finding.line, finding.is_error) for finding in findings
    ]


def read_record(tmp_path, record, **layout):
    sentences, findings = read(tmp_path, json.dumps(record) + "\n", **layout)
    return sentences[0] if sentences else None, [(kind, is_error) for kind, _, is_error in findings]


EU = ("EU|rejects", "B-ORG O")
PAIRS = {
    "words and tags": ({"words": ["EU", "rejects"], "tags": ["B-ORG", "O"]}, {}, EU),
    "tokens and ner_tags": ({"tokens": ["EU", "rejects"], "ner_tags": ["B-ORG", "O"]}, {}, EU),
    "labels": ({"id": 7, "tokens": ["EU", "rejects"], "labels": ["B-ORG", "O"]}, {}, EU),
    "the task's own before the usual": (
        {"words": ["EU"], "tags": ["O"], "pos_tags": ["NNP"], "ner_tags": ["B-ORG"]},
        {"task": "pos"},
        ("EU", "NNP"),
    ),
    "upos": ({"words": ["EU"], "upos": ["PROPN"], "tags": ["O"]}, {"task": "pos"}, ("EU", "PROPN")),
    "chunks": ({"words": ["EU"], "chunk_tags": ["B-NP"], "ner_tags": ["O"]}, {"task": "chunk"}, ("EU", "B-NP")),
    "named": (
        {"words": ["x"], "tags": ["O"], "w": ["EU"], "t": ["B-ORG"]},
        {"word_column": "w", "tag_column": "t"},
        ("EU", "B-ORG"),
    ),
    "text beside words and tags": ({"text": "EU", "tokens": ["EU"], "ner_tags": ["B-ORG"]}, {}, ("EU", "B-ORG")),
}


@pytest.mark.parametrize(("record", "layout", "expected"), PAIRS.values(), ids=PAIRS)
def test_words_and_tags(tmp_path, record, layout, expected):
    assert read_record(tmp_path, record, **layout) == (expected, [])


TEXT = "Ada Lovelace lived in London."
TAGGED = ("Ada|Lovelace|lived|in|London|.", "B-PER I-PER O O B-LOC O")
SPANS = {
    "doccano": ({"id": 1, "text": TEXT, "label": [[0, 12, "PER"], [22, 28, "LOC"]]}, TAGGED),
    "doccano with relations": (
        {
            "text": TEXT,
            "entities": [
                {"id": 3, "label": "LOC", "start_offset": 22, "end_offset": 28},
                {"id": 2, "label": "PER", "start_offset": 0, "end_offset": 12},
            ],
            "relations": [],
            "Comments": [],
        },
        TAGGED,
    ),
    "spaCy": ({"text": TEXT, "entities": [[0, 12, "PER"], [22, 28, "LOC"]]}, TAGGED),
    "Prodigy": (
        {
            "text": "don't go",
            "tokens": [{"text": "don't", "start": 0, "end": 5, "id": 0}, {"text": "go", "start": 6, "end": 8, "id": 1}],
            "spans": [{"start": 6, "end": 8, "token_start": 1, "token_end": 1, "label": "VERB"}],
            "answer": "accept",
        },
        ("don't|go", "O B-VERB"),
    ),
    "type": ({"text": "EU", "spans": [{"start": 0, "end": 2, "type": "ORG"}]}, ("EU", "B-ORG")),
    "entity": ({"text": "EU", "spans": [{"start": 0, "end": 2, "entity": "ORG"}]}, ("EU", "B-ORG")),
    "touching": ({"text": "Ada Bruno", "label": [[0, 3, "PER"], [4, 9, "PER"]]}, ("Ada|Bruno", "B-PER B-PER")),
    "characters, not bytes": (
        {"text": "🦜 পদ্মা e\u0301 EU", "label": [[2, 7, "LOC"]]},
        ("🦜|পদ্মা|e\u0301|EU", "O B-LOC O O"),
    ),
    "right to left": ({"text": "גר בחיפה", "label": [[3, 8, "LOC"]]}, ("גר|בחיפה", "O B-LOC")),
    "keys without a value beside the spans": (
        {"text": "EU", "tokens": None, "label": [[0, 2, "ORG"]], "tags": None},
        ("EU", "B-ORG"),
    ),
    "tags of the whole beside spans and words": (
        {"text": "EU x", "words": ["EU", "x"], "label": [[0, 2, "ORG"]]},
        ("EU|x", "B-ORG O"),
    ),
    "a list of one label": ({"text": "EU", "label": [{"start": 0, "end": 2, "labels": ["ORG"]}]}, ("EU", "B-ORG")),
    "an empty list beside the spans": ({"text": "EU", "spans": [], "entities": [[0, 2, "ORG"]]}, ("EU", "B-ORG")),
    "no entity": ({"text": "Nobody came", "spans": []}, ("Nobody|came", "O O")),
}


@pytest.mark.parametrize(("record", "expected"), SPANS.values(), ids=SPANS)
def test_text_and_spans(tmp_path, record, expected):
    assert read_record(tmp_path, record) == (expected, [])


def test_text_and_spans_may_have_other_names(tmp_path):
    record = {"content": "EU", "marks": [[0, 2, "ORG"]], "text": "x", "spans": []}
    assert read_record(tmp_path, record, word_column="content", tag_column="marks") == (("EU", "B-ORG"), [])


TOKENS = [{"start": 0, "end": 3}, {"start": 4, "end": 9}]
WARNED = {
    "a border inside a word": (
        {"text": "Ada-Bruno left", "spans": [[1, 2, "PER"], [4, 9, "PER"]]},
        ("Ada|-|Bruno|left", "O O B-PER O"),
        ["span-inside-word"],
    ),
    "a border behind the first character": (
        {"text": "xAda", "spans": [[1, 4, "PER"]]},
        ("xAda", "O"),
        ["span-inside-word"],
    ),
    "white space before": ({"text": "the EU", "spans": [[3, 6, "ORG"]]}, ("the|EU", "O B-ORG"), ["span-with-spaces"]),
    "white space after": ({"text": "EU \u3000 x", "spans": [[0, 4, "ORG"]]}, ("EU|x", "B-ORG O"), ["span-with-spaces"]),
    "white space at tokens": (
        {"text": "Ada Bruno", "tokens": TOKENS, "spans": [[0, 4, "PER"]]},
        ("Ada|Bruno", "B-PER O"),
        ["span-with-spaces"],
    ),
    "spans that share white space": (
        {"text": "Ada Bruno", "spans": [[0, 4, "A"], [3, 9, "B"]]},
        ("Ada|Bruno", "B-A B-B"),
        ["span-with-spaces", "span-with-spaces"],
    ),
    "no spans": ({"text": "EU"}, ("EU", "O"), ["no-spans"]),
    "spans of null": ({"text": "EU", "spans": None}, ("EU", "O"), ["no-spans"]),
    "a text without a word": ({"text": " \n", "spans": []}, None, ["no-word"]),
    "no words beside a text": ({"text": "EU x", "tokens": [], "ner_tags": []}, None, ["no-word"]),
    "no words": ({"words": [], "tags": []}, None, ["no-word"]),
    "a refused one": ({"text": "EU", "spans": [], "answer": "reject"}, None, ["refused-record"]),
    "an ignored one": ({"text": "EU", "spans": [], "answer": "ignore"}, None, ["refused-record"]),
}


@pytest.mark.parametrize(("record", "expected", "kinds"), WARNED.values(), ids=WARNED)
def test_what_is_read_with_a_warning(tmp_path, record, expected, kinds):
    assert read_record(tmp_path, record) == (expected, [(kind, False) for kind in kinds])


def test_a_warning_names_span_word_and_place(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('\n{"text": "see London", "spans": [[7, 10, "LOC"]]}\n', encoding="utf-8")
    findings: list[Finding] = []
    [sentence] = read_corpus_file(path, report=findings.append)
    assert sentence == Sentence(["see", "London"], ["O", "O"], [2, 2], missed=("LOC",), word_rule="text")
    assert [str(finding) for finding in findings] == [
        f"{path}:2: received the span 'don' (7 to 10, LOC), which begins inside the word 'London' (4 to 10); expected "
        "whole words, because a model tags words. The span is left out, and counts as missed in scores. Fix the span, "
        "or give the words of the text as tokens."
    ]


def test_white_space_may_be_a_given_token(tmp_path):
    tokens = [{"start": 0, "end": 1}, {"start": 1, "end": 3}, {"start": 3, "end": 4}]
    record = {"text": " EU\n", "tokens": tokens, "spans": [[0, 3, "ORG"]]}
    assert read_record(tmp_path, record) == ((" |EU|\n", "B-ORG I-ORG O"), [])


BAD_SPANS = {
    "inside a given token": ({"text": "Ada Bruno", "tokens": TOKENS, "spans": [[0, 2, "X"]]}, "span-inside-word"),
    "out of range": ({"text": "EU", "spans": [[0, 3, "X"]]}, "bad-span"),
    "before the text": ({"text": "EU", "spans": [[-1, 1, "X"]]}, "bad-span"),
    "empty": ({"text": "EU", "spans": [[1, 1, "X"]]}, "bad-span"),
    "backwards": ({"text": "EU", "spans": [[2, 0, "X"]]}, "bad-span"),
    "only white space": ({"text": "a  b", "spans": [[1, 3, "X"]]}, "bad-span"),
    "fractions": ({"text": "EU", "spans": [[0, 2.0, "X"]]}, "bad-span"),
    "text for numbers": ({"text": "EU", "spans": [["0", "2", "X"]]}, "bad-span"),
    "true for one": ({"text": "EU", "spans": [[True, 2, "X"]]}, "bad-span"),
    "a huge number": ({"text": "EU", "spans": [[0, 10**400, "X"]]}, "bad-span"),
    "no label": ({"text": "EU", "spans": [[0, 2, ""]]}, "bad-span"),
    "a label that is none": ({"text": "EU", "spans": [{"start": 0, "end": 2, "label": 3.5}]}, "bad-span"),
    "half a character in a label": ({"text": "EU", "spans": [[0, 2, "\ud800"]]}, "bad-span"),
    "two members": ({"text": "EU", "spans": [[0, 2]]}, "bad-span"),
    "a number": ({"text": "EU", "spans": [3]}, "bad-span"),
    "spans that are text": ({"text": "EU", "spans": "0 2 X"}, None),
    "overlapping": ({"text": "Ada Bruno x", "spans": [[0, 9, "X"], [4, 11, "Y"]]}, "overlapping-spans"),
    "overlapping by a character": ({"text": "Ada Bruno", "spans": [[0, 5, "X"], [4, 9, "Y"]]}, "overlapping-spans"),
    "nested": ({"text": "Ada Bruno", "spans": [[0, 9, "X"], [4, 9, "Y"]]}, "overlapping-spans"),
    "twice": ({"text": "EU", "spans": [[0, 2, "X"], [0, 2, "X"]]}, "overlapping-spans"),
    "tokens that are not in the text": ({"text": "EU", "tokens": ["US"], "spans": []}, "bad-token"),
    "tokens of text with gaps": ({"text": "EU x", "tokens": ["EU"], "spans": []}, "bad-token"),
    "tokens of text out of order": ({"text": "a b", "tokens": ["b", "a"], "spans": []}, "bad-token"),
    "spans under a key that nothing reads": ({"text": "EU", "marks": [{"start": 0, "end": 2}]}, "unknown-key"),
    "tokens with gaps": ({"text": "Ada x Bruno", "tokens": [{"start": 0, "end": 3}], "spans": []}, "bad-token"),
    "tokens with a gap between": (
        {"text": "Ada x Bruno", "tokens": [{"start": 0, "end": 3}, {"start": 6, "end": 11}], "spans": []},
        "bad-token",
    ),
    "no tokens": ({"text": "Ada", "tokens": [], "spans": []}, "bad-token"),
    "tokens out of order": ({"text": "Ada Bruno", "tokens": TOKENS[::-1], "spans": []}, "bad-token"),
    "an empty token": ({"text": "A", "tokens": [{"start": 0, "end": 0}, {"start": 0, "end": 1}]}, "bad-token"),
    "a token past the end": ({"text": "A", "tokens": [{"start": 0, "end": 2}], "spans": []}, "bad-token"),
    "another text": ({"text": "A", "tokens": [{"start": 0, "end": 1, "text": "B"}], "spans": []}, "bad-token"),
    "half a character in the text": ({"text": "\ud800", "spans": []}, "bad-record"),
    "spans by label": ({"text": "Ada saw Rome", "entities": {"PER": [[0, 3]], "LOC": [[8, 12]]}}, "bad-record"),
    "labels of the whole text": ({"text": "Ada saw Rome", "labels": ["positive"]}, "bad-span"),
    "a label of the whole text": ({"text": "Ada saw Rome", "label": "positive"}, "bad-record"),
    "two lists of spans": ({"text": "Ada", "spans": [[0, 3, "PER"]], "entities": [[0, 3, "LOC"]]}, "bad-record"),
}


@pytest.mark.parametrize(("record", "kind"), BAD_SPANS.values(), ids=BAD_SPANS)
def test_spans_that_do_not_fit_are_errors(tmp_path, record, kind):
    good = {"text": "EU", "spans": [[0, 2, "ORG"]]}
    layout = {"tag_column": "spans"} if kind is None else {}
    sentences, findings = read(tmp_path, f"{json.dumps(record)}\n{json.dumps(good)}\n", **layout)
    assert sentences == [("EU", "B-ORG")]
    assert [found for found in findings if found[0] != "no-spans"] == [(kind or "bad-span", 1, True)]
    with pytest.raises(DataError, match=r"train.jsonl:1: received "):
        list(read_corpus_file(tmp_path / "train.jsonl", Layout(**layout)))


BAD_LINES = {
    "no JSON": "{'words': ['a']}",
    "half of it": '{"words": ["a"',
    "nothing but a number": "3",
    "a list": '["EU", ["B-ORG"]]',
    "nested deeply": "[" * 200_000,
    "nested deeply in an object": '{"a":' * 200_000,
    "a huge number": '{"words": ["a"], "tags": ["O"], "id": ' + "9" * 5000 + "}",
    "NaN": '{"words": ["a"], "tags": ["O"], "score": NaN}',
    "a key twice": '{"words": ["a"], "tags": ["O"], "words": ["b"]}',
    "half a character": '{"words": ["\\ud800"], "tags": ["O"]}',
    "tags by number": '{"words": ["a"], "tags": [0]}',
    "no tag": '{"words": ["a"], "tags": [null]}',
    "an empty word": '{"words": [""], "tags": ["O"]}',
    "an empty tag": '{"words": ["a"], "tags": [""]}',
    "words that are text": '{"words": "EU rejects", "tags": ["O", "O"]}',
    "unequal": '{"words": ["a", "b"], "tags": ["O"]}',
    "words without tags": '{"words": ["a"]}',
    "empty": "{}",
    "lists in lists": '{"words": [["a"]], "tags": [["O"]]}',
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_record_is_left_out_and_told(tmp_path, line):
    good = '{"words": ["EU"], "tags": ["B-ORG"]}'
    assert read(tmp_path, f"{good}\n\n{line}\n{good}\n") == ([("EU", "B-ORG")] * 2, [("bad-record", 3, True)])
    with pytest.raises(DataError) as error:
        list(read_corpus_file(tmp_path / "train.jsonl"))
    assert str(error.value).startswith(f"{tmp_path / 'train.jsonl'}:3: received ")
    assert len(str(error.value)) < 500


def test_numbers_for_tags_need_names(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"tokens": ["EU"], "ner_tags": [3]}\n')
    with pytest.raises(DataError, match=r"received the tag 3; expected tag names, such as 'B-PER'"):
        list(read_corpus_file(tmp_path / "a.jsonl"))


def test_keys_have_no_numbers(tmp_path):
    (tmp_path / "a.jsonl").write_text("{}")
    with pytest.raises(DataError, match="expected names"):
        list(read_corpus_file(tmp_path / "a.jsonl", Layout(word_column=0)))


def test_spans_are_no_parts_of_speech(tmp_path):
    assert read_record(tmp_path, {"text": "EU", "spans": []}, task="pos") == (None, [("bad-record", True)])


RECORD = '{"words": ["EU"],\n  "tags": ["B-ORG"]}'
LISTS = {
    "one line": (f"[{RECORD}, {RECORD}]", [1, 2], []),
    "many lines": (f"\ufeff\n[\n {RECORD},\r\n\r\n {RECORD}\n]\n", [3, 6], []),
    "empty": ("[ ]", [], []),
    "not ended": (f"[{RECORD}", [1], [("bad-list", 2)]),
    "no comma": (f"[{RECORD}\n{RECORD}]", [1], [("bad-list", 3)]),
    "broken": (f"[{RECORD},\n{{'a'}},{RECORD}]", [1], [("bad-list", 3)]),
    "a comma too many": (f"[{RECORD},]", [1], [("bad-list", 2)]),
    "more behind": (f"[{RECORD}]\n[]", [1], [("bad-list", 2)]),
    "no objects": ('[1,\n"a"]', [], [("bad-record", 1), ("bad-record", 2)]),
    "nested deeply": ("[" * 200_000, [], [("bad-list", 1)]),
}


@pytest.mark.parametrize(("text", "lines", "findings"), LISTS.values(), ids=LISTS)
def test_a_file_that_is_one_list(tmp_path, text, lines, findings):
    path = tmp_path / "train.json"
    path.write_text(text, encoding="utf-8", newline="")
    found: list[Finding] = []
    assert [s.lines for s in read_corpus_file(path, report=found.append)] == [[line] for line in lines]
    assert [(finding.kind, finding.line) for finding in found] == findings


def test_a_file_may_be_one_object_over_many_lines(tmp_path):
    assert read(tmp_path, '\n{\n "words": ["a"],\n "tags": ["O"]\n}', name="train.json") == ([("a", "O")], [])


def test_several_objects_over_many_lines_are_told_to_stand_on_one_each(tmp_path):
    (tmp_path / "train.json").write_text('{\n "words": ["a"],\n "tags": ["O"]\n}\n' * 2)
    with pytest.raises(DataError, match=r"train.json:1: .*write one record per line"):
        list(read_corpus_file(tmp_path / "train.json"))
