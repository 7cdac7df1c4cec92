"""What is written is read again, in every format and scheme, or refused before it is written."""

import tempfile
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import examples
from tf_ner.corpus.formats import FORMATS, format_of_name, read_corpus_file, what_cannot_be_written
from tf_ner.corpus.schemes import UnspeakableEntityError, spans_to_tags
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.corpus.tags import Span

HARD = [
    "-DOCSTART-",
    "#",
    "# text",
    "1-2",
    "_",
    "=1+1",
    '"',
    '""',
    "'",
    ",",
    ";",
    "\\",
    "\\n",
    "[",
    "[a]",
    "['a']",
    "{}",
]
HARD += ["\ufeff", "\ufeffa", "\u200b", "\u3000", "\u00a0", "\u2028", "\x0b", "\x0c", "\x1c", "\x85", " ", " a ", "a b"]
HARD += ["🦜", "e\u0301", "\u0301", "גר", "\u202eabc", "পদ্মা", "word", "token", "tag", "O", "NULL", "nan", "1", "-1"]
HARD += ["\t", "\n", "\r", "\r\n", "a\r\nb", "\0", "\ud800", ""]

WORDS = st.sampled_from(HARD) | st.text(min_size=1, max_size=5) | st.text("\"',;\t\r\n []\\", min_size=1, max_size=4)
LABELS = st.sampled_from(["PER", "A-B", "O", "_", "a b", "x ", "]", "ORG"]) | st.text(min_size=1, max_size=3)
FREE_TAGS = st.sampled_from(["O", "NOUN", "_", "tag", "[x]", "B-PER", "I-PER", "a "]) | st.text(max_size=3)


@st.composite
def tagged(draw, scheme):
    """A sentence of arbitrary words, its entities spelt in a scheme; None where the scheme cannot."""
    words = draw(st.lists(WORDS, min_size=1, max_size=6))
    spans, start = [], 0
    while start < len(words):
        length = draw(st.integers(0, 2))
        if length and start + length <= len(words):
            spans.append(Span(start, start + length, draw(LABELS)))
        start += max(length, 1)
    try:
        return Sentence(words, spans_to_tags(spans, len(words), scheme=scheme), [0] * len(words))
    except UnspeakableEntityError:
        return None


@st.composite
def freely_tagged(draw):
    words = draw(st.lists(WORDS, min_size=1, max_size=6))
    return Sentence(words, draw(st.lists(FREE_TAGS, min_size=len(words), max_size=len(words))), [0] * len(words))


def writable(sentences, name):
    return [sentence for sentence in sentences if sentence and what_cannot_be_written(sentence, name) is None]


def there_and_back(sentences, name, extension, folder):
    path = Path(folder) / f"file{extension}"
    FORMATS[name].write(path, sentences)
    task = "pos" if name == "conllu" else "ner"
    return [(s.words, s.tags) for s in read_corpus_file(path, Layout(task=task))]


def pairs(sentences):
    return [(s.words, s.tags) for s in sentences]


# CoNLL columns are written to many names, some of which are also those of tables with a header.
TARGETS = [(name, known.extensions[0]) for name, known in FORMATS.items()] + [("conll", ".txt"), ("conll", ".tsv")]


@pytest.mark.parametrize(("name", "extension"), TARGETS)
@given(sentences=st.lists(freely_tagged() | tagged("iob2"), max_size=4))
@example(sentences=[Sentence(["\ufeff"], ["O"], [0]), Sentence(["\ufeff"], ["O"], [0])])
@example(sentences=[Sentence(["word"], ["tag"], [0])])
@example(sentences=[Sentence(["[a]"], ["[x]"], [0])])
def test_what_is_written_is_read_again(name, extension, sentences):
    kept = writable(sentences, name)
    with tempfile.TemporaryDirectory() as folder:
        assert there_and_back(kept, name, extension, folder) == pairs(kept)


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "bioes", "bilou", "io", "plain"])
@given(data=st.data())
@settings(max_examples=examples(0.2))
def test_every_format_holds_every_scheme(scheme, data):
    """From each format to each other and back."""
    sentences = data.draw(st.lists(tagged(scheme), max_size=3))
    for first, second in permutations(FORMATS, 2):
        kept = writable(writable(sentences, first), second)
        with tempfile.TemporaryDirectory() as folder:
            for name in (first, second, first):
                again = there_and_back(kept, name, FORMATS[name].extensions[0], folder)
                assert again == pairs(kept)
                kept = [Sentence(words, tags, [0] * len(words)) for words, tags in again]


REFUSED = {
    "conll": {"\t", "\n", "\r", "\r\n", "a\r\nb", "\0", "\ud800", "", "-DOCSTART-"},
    "conllu": {"\t", "\n", "\r", "\r\n", "a\r\nb", "\0", "\ud800", ""},
    "tsv": {"\t", "\n", "\r", "\r\n", "a\r\nb", "\0", "\ud800", ""},
    "csv": {"\0", "\ud800", ""},
    "jsonl": {"\ud800", ""},
    "jsonl-spans": {"\ud800", ""},
    "parquet": {"\ud800", ""},
}


@pytest.mark.parametrize("name", FORMATS)
def test_no_more_is_refused_than_must_be(name):
    refused = {word for word in HARD if what_cannot_be_written(Sentence(["a", word], ["O", "B-X"], [1, 2]), name)}
    assert refused == REFUSED[name]


BAD_TAGS = {
    "conll": [("a", ""), ("a", "x "), ("a", "\t"), (" ", "\u3000"), ("Token", "label")],
    "conllu": [("a", "_"), ("a", "")],
    "csv": [("[a]", "[b]"), ("a", "")],
    "jsonl-spans": [("a", "I-X"), ("a", "B"), ("a", "S-X"), ("a", "X")],
}


@pytest.mark.parametrize(("name", "word", "tag"), [(name, *row) for name, rows in BAD_TAGS.items() for row in rows])
def test_tags_that_would_not_come_back_are_refused(name, word, tag):
    problem = what_cannot_be_written(Sentence(["x", word], ["O", tag], [1, 2]), name)
    assert problem.position == 1
    assert problem.message.startswith("received ")


def test_every_format_is_known_by_its_extension():
    for name, known in FORMATS.items():
        told = format_of_name(Path("a" + known.extensions[0].upper()))
        assert FORMATS[told].read is known.read or name == "tsv"
    assert format_of_name(Path("a.md")) is None
