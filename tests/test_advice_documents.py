"""What messages on documents of spaCy, and on a part of the training data for validation, advise helps."""

import sys
from contextlib import contextmanager
from unittest import mock

from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from tests.advice import Case, Fix, do_what_is_advised, each
from tf_ner.corpus.loading.sources import load_corpus
from tf_ner.corpus.loading.validation import fold_of_rows

LINES = {"train.jsonl": '{"text": "Greta left", "spans": [[0, 5, "PER"]]}\n'}
READ = "Greta/B-PER left/O"


def docs(spans=None, **annotations):
    """A file with one document of two words."""

    def written(path):
        document = Doc(Vocab(), words=["Greta", "left"], **annotations)
        for name, label in (spans or {}).items():
            document.spans[name] = [Span(document, 0, 1, label)]
        DocBin(docs=[document]).to_disk(path)

    return {"train.spacy": written}


GOOD = docs(ents=["B-PER", "O"])


@contextmanager
def without_spacy():
    with mock.patch.dict(sys.modules, {"spacy": None}):
        yield


def read_without_spacy():
    with without_spacy():
        return load_corpus(files={"train": "train.spacy"})


DOCUMENTS = [
    Case(
        "no spaCy",
        GOOD,
        "expected spaCy to read it with",
        [
            Fix(command=lambda: load_corpus(files={"train": "train.spacy"}), reads=READ),
            Fix(files=LINES, command=lambda: load_corpus(files={"train": "train.jsonl"}), reads=READ),
        ],
        read_without_spacy,
    ),
    Case(
        "no documents",
        {"train.spacy": b"text"},
        "expected what DocBin of spaCy 3 writes",
        [Fix(files=GOOD, reads=READ)],
    ),
    Case(
        "nothing marked",
        docs(),
        "received a document without entities or parts of speech",
        [Fix(files=GOOD, reads=READ)],
    ),
    Case(
        "some words not marked",
        docs(ents=["B-PER", ""]),
        "received tokens of which spaCy does not know whether they are entities; they are O.",
        reads=READ,
    ),
    Case(
        "two groups of spans",
        docs({"a": "PER", "b": "X"}),
        "received the groups of spans a, b; expected one",
        [Fix("--tag-column a", reads=READ)],
    ),
    Case(
        "a word without a part of speech",
        docs(pos=["PROPN", ""]),
        "received 'left' without a part of speech",
        [Fix(files=docs(pos=["PROPN", "VERB"]), reads="Greta/PROPN left/VERB")],
        "check-data --train-file train.spacy --task pos",
    ),
]

ROWS = "".join(f"Town{number} B-LOC\nleft O\n\n" for number in range(10))
ALONE = {"data/train.conll": ROWS}
SHARE = "train --dataset data --validation-share"


def divided_into(num_folds):
    fold_of_rows(load_corpus("data")["train"]["words"], num_folds)


PARTS = [
    Case(
        "a validation split that is there",
        {**ALONE, "data/dev.conll": "Oslo B-LOC\n"},
        "Received --validation-share for data that have a split for validation",
        [
            Fix(command="train --dataset data"),
            Fix(command="train --train-file data/train.conll --validation-share 0.2"),
        ],
        f"{SHARE} 0.2",
    ),
    Case(
        "nothing to divide",
        {"data/test.conll": ROWS},
        "for data with the splits test; expected train",
        [Fix(command="train --dataset data"), Fix(files=ALONE)],
        f"{SHARE} 0.2",
    ),
    Case(
        "too few rows",
        ALONE,
        "expected enough to divide",
        [Fix(command=f"{SHARE} 0.2"), Fix(files={"data/train.conll": ROWS * 2 + ROWS.replace("Town", "City") * 2})],
        f"{SHARE} 0.04",
    ),
    Case(
        "too few rows for folds",
        ALONE,
        "Received --folds 11 for 10 sentences",
        [
            Fix(command=lambda: divided_into(10)),
            Fix(files={"data/train.conll": ROWS + ROWS.replace("Town", "City")}),
        ],
        lambda: divided_into(11),
    ),
]

CASES = [*DOCUMENTS, *PARTS]


@each(CASES)
def test_what_is_advised_helps(case, fix):
    do_what_is_advised(case, fix)
