"""What a program can check of the sample corpus."""

import re
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from tf_ner import load_corpus
from tf_ner.corpus.formats.conll import read_conll
from tf_ner.corpus.loading.splits import SAMPLE_DIR
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.tags import tags_to_spans

SIZES = {"train": 600, "validation": 150, "test": 150}


@pytest.fixture(scope="module")
def splits():
    """For each split, its sentences as (words, tags)."""
    loaded = {}
    for split, rows in load_corpus("sample").items():
        names = rows.features["tags"].feature.names
        loaded[split] = [(row["words"], [names[tag] for tag in row["tags"]]) for row in rows]
    return loaded


def entities(sentences):
    return [
        (" ".join(words[span.start : span.end]), span.label)
        for words, tags in sentences
        for span in tags_to_spans(tags)
    ]


def test_sizes(splits):
    assert {split: len(rows) >= SIZES[split] for split, rows in splits.items()} == dict.fromkeys(SIZES, True)


def test_no_sentence_stands_twice(splits):
    rows = [*(row for rows in splits.values() for row in rows), *exercise()]
    sentences = Counter(" ".join(words).lower() for words, _ in rows)
    assert [sentence for sentence, count in sentences.items() if count > 1] == []


def exercise():
    """The sentences with parts of speech and chunks, as (words, tags of entities)."""
    return [(row.words, row.tags) for row in read_conll(SAMPLE_DIR / "pos_chunk.conll")]


def frame(words, tags):
    """A sentence in small letters, with its entities' labels in their place."""
    lowered = [word.lower() for word in words]
    for span in reversed(tags_to_spans(tags)):
        lowered[span.start : span.end] = [span.label]
    return lowered


@pytest.mark.parametrize("length", [5, 6])
def test_no_two_sentences_share_a_frame(splits, length):
    """No template filled with different names: a run of words, five of them no names, stands once."""
    seen = Counter()
    for words, tags in [*(row for rows in splits.values() for row in rows), *exercise()]:
        cells = frame(words, tags)
        runs = {tuple(cells[start : start + length]) for start in range(len(cells) - length + 1)}
        seen.update(run for run in runs if sum(cell.islower() for cell in run) >= 5)
    assert [run for run, count in seen.items() if count > 1] == []


def test_no_two_sentences_are_alike_but_for_names_and_numbers(splits):
    cells = [
        frozenset(cell for cell in frame(words, tags) if cell.isalpha())
        for words, tags in [*(row for rows in splits.values() for row in rows), *exercise()]
    ]
    long = [row for row in cells if len(row) >= 6]
    alike = [(a, b) for a, b in combinations(long, 2) if len(a & b) >= 0.75 * max(len(a), len(b))]
    assert alike == []


def test_tags_are_strict_iob2(splits):
    for rows in splits.values():
        for words, tags in rows:
            assert tags_to_spans(tags) == tags_to_spans(tags, strict=True), words


def test_each_label_is_common(splits):
    for split, rows in splits.items():
        labels = Counter(label for _, label in entities(rows))
        assert labels.keys() == {"PER", "ORG", "LOC", "MISC"}
        assert min(labels.values()) >= 0.1 * labels.total(), split


def test_about_a_fifth_has_no_entity(splits):
    for split, rows in splits.items():
        share = sum(set(tags) == {"O"} for _, tags in rows) / len(rows)
        assert 0.17 <= share <= 0.24, split


def share_of_new_names(splits, split):
    seen = {name.lower() for name, _ in entities(splits["train"])}
    names = {name.lower() for name, _ in entities(splits[split])}
    return sum(name not in seen for name in names) / len(names)


def test_most_names_of_the_test_split_are_new(splits):
    assert share_of_new_names(splits, "test") > 0.75


def test_lengths_are_spread(splits):
    for rows in splits.values():
        lengths = sorted(len(words) for words, _ in rows)
        assert lengths[0] <= 5
        assert 12 <= lengths[len(lengths) // 2] <= 22
        assert lengths[-1] >= 35


def test_what_makes_names_hard_is_there(splits):
    rows = [row for split in splits.values() for row in split]
    names = entities(rows)
    labels_by_name = {}
    for name, label in names:
        labels_by_name.setdefault(name.lower(), set()).add(label)
    words = {word for row, _ in rows for word in row}
    spans = [tags_to_spans(tags) for _, tags in rows]
    assert sum(len(labels) > 1 for labels in labels_by_name.values()) >= 12
    assert labels_by_name["washington"] == {"PER", "LOC", "ORG"}
    assert {"Apple", "apple", "Turkey", "turkey"} <= words
    assert sum(a.end == b.start for row in spans for a, b in pairwise(row)) >= 20
    assert sum(len(name.split()) >= 3 for name, _ in names) >= 80
    for mark in ("-", "'", "."):
        assert sum(mark in name.strip(mark) for name, _ in names) >= 10, mark
    assert sum(any(letter.isdigit() for letter in name) for name, _ in names) >= 10
    assert sum(not name.isascii() for name, _ in names) >= 50
    assert sum(" ".join(row).isupper() for row, _ in rows) >= 40


def test_the_readme_counts_right(splits):
    text = (SAMPLE_DIR / "README.md").read_text(encoding="utf-8")
    for file, split in {"train": "train", "valid": "validation", "test": "test"}.items():
        rows = splits[split]
        labels = Counter(label for _, label in entities(rows))
        counts = [len(rows), sum(len(words) for words, _ in rows), *(labels[x] for x in ("PER", "ORG", "LOC", "MISC"))]
        counts.append(sum(set(tags) == {"O"} for _, tags in rows))
        assert f"| `{file}.conll` | " + " | ".join(map(str, counts)) + " |" in text
    for file, split in {"valid": "validation", "test": "test"}.items():
        assert re.search(rf"`{file}\.conll`\s\({100 * share_of_new_names(splits, split):.0f} %\)", text)
    assert f"holds {len(exercise())} further sentences" in text
    project = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"{sum(map(len, splits.values()))} English sentences" in project


def test_parts_of_speech_are_those_of_the_penn_treebank():
    penn = (
        "CC CD DT EX FW IN JJ JJR JJS LS MD NN NNS NNP NNPS PDT POS PRP PRP$ RB RBR RBS RP SYM TO UH VB VBD VBG VBN "
        "VBP VBZ WDT WP WP$ WRB # $ . , : ( ) `` '' \""
    )
    pos = load_corpus("sample", task="pos")["train"]
    names = pos.features["tags"].feature.names
    assert set(names) <= set(penn.split())
    assert pos.features["tags"].feature.int2str(pos[0]["tags"][:4]) == ["DT", "NN", "IN", "NNP"]
    chunks = load_corpus("sample", task="chunk")["train"]
    assert chunks.features["tags"].feature.int2str(chunks[0]["tags"][:4]) == ["B-NP", "I-NP", "B-PP", "B-NP"]
    assert chunks["words"] == pos["words"]


@pytest.mark.parametrize("column", [2, 3])
def test_chunks_and_entities_of_the_exercise_are_strict_iob2(column):
    sentences = list(read_conll(SAMPLE_DIR / "pos_chunk.conll", Layout(tag_column=column)))
    assert len(sentences) == 60
    for sentence in sentences:
        assert tags_to_spans(sentence.tags) == tags_to_spans(sentence.tags, strict=True)
