"""What is read some lines at a time is as it is line by line, findings and their order included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import examples
from tests.damage import damage_and_check
from tests.test_formats_damage import MARKED, seeds
from tests.tool_writers import JSON, Marked
from tf_ner.corpus import annotated_text, lines, marked_text, sentences, spelling
from tf_ner.corpus.formats import conll, json_lines, read_corpus_file, tables
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.corpus.spelling import spelt
from tf_ner.corpus.words import split_texts, split_words
from tf_ner.errors import DataError

LAYOUTS = [
    Layout(),
    Layout(comments=True),
    Layout(overlaps="longest"),
    Layout(columns=("word", "ner")),
    Layout(word_column=1, tag_column=0),
    Layout(offset_ends="inclusive"),
    Layout(bare_labels="entity", several_tags="first"),
]

QUOTED = """{{"text": "{text}", "spans": [{{"start": {start}, "end": {end}, "label": "X", "text": "{quote}"}}]}}
"""
ODD = {
    "odd.conll": (
        "EU\tB-ORG\nsaid\tO\t\n \nAda\tB-PER\u00a0\n-\t-\n\u00a0\t\u00a0\nof\tO \n# a\n#\tO\n\n-DOCSTART-\tO\n\nit\t\n"
    ),
    "spaces.conll": "EU B-ORG\nsaid  O\n\nAda B-PER\n a O\nof\tO\n\n\nit O \n,  O\n",
    "tab.conll": "EU B-ORG\nsaid O\na\tb O\nit O\n\n",
    "three.conll": "EU\t\tB-ORG\nsaid\tV\tO\n\n\tN\tO\nAda\tN\tO\nof\tN\t\n\n",
    "again.csv": (
        "sentence,word,tag\n1,EU,B-ORG\n1,said,O\n,it,O\n2,Ada,B-PER\n\n1,[a],O\n1,a b,O B-X\n3,,O\n3,[a],[b]\n"
    ),
    "lines.csv": 'word;tag\nEU;B-ORG\n"a\nb";O\n\n"c";"B-X"\n;\nAda;B-PER\nlast;"O"\n',
    "odd.jsonl": '{"words": ["a"], "tags": [""]}\n{"text": "a b", "label": [[0, 1, "A"], [0, 1, "B"]]}\n',
    "units.jsonl": QUOTED.format(text="é Ada", start=2, end=5, quote="Ada")
    + QUOTED.format(text="é Bob", start=3, end=6, quote="Bob"),
    "ends.jsonl": QUOTED.format(text="Ada x", start=0, end=3, quote="Ada")
    + QUOTED.format(text="Bob x", start=0, end=2, quote="Bob"),
}
TEXTS = [
    Marked("Ada (London), isn't  it?", [(0, 3, "PER"), (5, 11, "LOC")]),
    Marked(" Ada's\u00a0🦜 U.S. ", [(0, 4, "PER"), (7, 8, "X")]),
    Marked("--Ada-- 5% a", [(0, 2, "A"), (2, 5, "B"), (5, 7, "B"), (8, 9, "O")]),
]


def whole_files(folder):
    marked = {f"odd_{name}": write(TEXTS + MARKED + TEXTS).encode() for name, write in JSON.items()}
    return seeds(folder) | marked | {name: (text * 4).encode() for name, text in ODD.items()}


def events(path, layout):
    """Sentences and findings in the order in which they come, and what is raised at last."""
    found: list[object] = []
    try:
        for sentence in spelt(read_corpus_file(path, layout, report=found.append), path, layout, found.append):
            found.append(sentence)
    except DataError as error:
        found.append(str(error))
    return found


def line_by_line(patch):
    """Has each line, word and span looked at on its own."""
    patch.setattr(lines, "_decoded", lambda data: None)
    patch.setattr(conll._Rows, "_at_once", lambda *_: None)
    patch.setattr(tables, "_one_of_each", lambda *_: None)
    patch.setattr(tables, "_cells_of", lambda *_: None)
    patch.setattr(sentences, "_are_right", lambda *_: False)
    patch.setattr(spelling._Spelling, "stays", lambda *_: False)
    patch.setattr(annotated_text, "_tagged_at_once", lambda *_: None)
    patch.setattr(marked_text.Offsets, "_says_nothing_new", lambda *_: False)

    def no_items(pieces):
        raise json_lines._NotListError(0, "")

    patch.setattr(json_lines, "_numbered_items", no_items)


def compare(path, layout, block, few):
    """Reads a file both ways; returns whether all of it can be read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK", block)
        patch.setattr(conll, "_FEW", few)
        patch.setattr(tables, "_FEW", few)
        at_once = events(path, layout)
    with pytest.MonkeyPatch.context() as patch:
        line_by_line(patch)
        expected = events(path, layout)
    assert at_once == expected, (path.name, layout, block, few)
    return all(isinstance(event, Sentence) for event in expected)


def compare_somehow(path, rng):
    return compare(path, rng.choice([LAYOUTS[0], *LAYOUTS]), rng.choice([16, 64, 8192]), rng.choice([1, 4]))


def test_whole_files_at_once(tmp_path):
    for name, data in whole_files(tmp_path).items():
        (tmp_path / name).write_bytes(data)
        for layout in LAYOUTS:
            for block in (16, 100, 8192):
                compare(tmp_path / name, layout, block, few=2)


def test_damaged_files_at_once(tmp_path):
    num_cases = max(600, examples(40))
    ended = damage_and_check(tmp_path, whole_files(tmp_path), compare_somehow, num_cases=num_cases, seed=2)
    assert {how for _, how in ended} == {True, False}


@given(st.text(st.sampled_from("aA1.,'’’s@#$-U \t\u00a0é🦜\u200b"), max_size=60))
def test_texts_of_words(text):
    assert split_texts(text) == [word.text for word in split_words(text)]
