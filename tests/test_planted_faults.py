"""Faults planted in real data: all of them are found, and nothing else."""

import random
from collections import Counter

import pytest

from tf_ner.corpus.checks.check_data import check_data
from tf_ner.options.commands import CheckConfig

FILES = {"train": "wnut17train.conll", "validation": "emerging.dev.conll", "test": "emerging.test.annotated"}
KINDS = (
    "encoding",
    "ragged-row",
    "unknown-tag",
    "illegal-transition",
    "space-in-word",
    "control-character",
    "likely-slip",
    "duplicate",
    "conflicting-duplicate",
    "leak",
)


class Corpus:
    """Three files whose lines have names, which stay when lines are put before them."""

    def __init__(self, folder):
        self.splits = {}
        for split, file in FILES.items():
            lines = (folder / file).read_bytes().splitlines()
            self.splits[split] = [((split, number), line) for number, line in enumerate(lines, start=1)]

    def findings(self, folder):
        """How often each kind is found at the line of each name."""
        folder.mkdir()
        for split, lines in self.splits.items():
            (folder / f"{split}.conll").write_bytes(b"".join(line + b"\n" for _, line in lines))
        found = check_data(CheckConfig(dataset=str(folder))).report.findings
        return Counter((finding.kind, self.splits[finding.path.stem][finding.line - 1][0]) for finding in found)

    def sentences(self, split):
        """The places of the lines of each sentence."""
        rows, sentences = self.splits[split], [[]]
        for place, (_, line) in enumerate(rows):
            if line.strip():
                sentences[-1].append(place)
            elif sentences[-1]:
                sentences.append([])
        return [sentence for sentence in sentences if sentence]

    def replace(self, split, place, line):
        name, _ = self.splits[split][place]
        self.splits[split][place] = (name, line)
        return name

    def insert(self, split, place, lines, name):
        """Puts a sentence before a place; gives the name of its first line."""
        self.splits[split][place:place] = [((name, number), line) for number, line in enumerate([*lines, b""])]
        return name, 0


class Planter:
    """Plants faults where each can only be what it is: in sentences that are unique and have nothing else wrong."""

    def __init__(self, corpus, clean, *, seed):
        self.corpus, self.random = corpus, random.Random(seed)
        self.wrong = {name for _, name in clean}
        every = [(split, places) for split in FILES for places in corpus.sentences(split)]
        texts = Counter(self.words(*sentence) for sentence in every)
        words = Counter(word for text in texts for word in text)
        self.lone = {word for word, count in words.items() if count == 1 and word.isalpha()}
        entities = {word for s in every for word, tag in self.rows(*s) if tag != b"O"}
        self.common = {word for word, count in words.items() if count >= 40 and word.isalpha()} - entities
        self.free = [s for s in every if texts[self.words(*s)] == 1 and len(s[1]) >= 8 and self.has_nothing(*s)]
        self.random.shuffle(self.free)

    def rows(self, split, places):
        return [self.corpus.splits[split][place][1].split(b"\t") for place in places]

    def words(self, split, places):
        return tuple(word for word, _ in self.rows(split, places))

    def has_nothing(self, split, places):
        """No entity, and no finding of its own."""
        names = {self.corpus.splits[split][place][0] for place in places}
        return not names & self.wrong and all(tag == b"O" for _, tag in self.rows(split, places))

    def sentence_with(self, words, *, splits=tuple(FILES)):
        """Takes a sentence with one of these words; gives its split, its places and the place of the word."""
        for number, (split, places) in enumerate(self.free):
            found = [place for place, (word, _) in zip(places, self.rows(split, places), strict=True) if word in words]
            if found and split in splits:
                del self.free[number]
                return split, places, self.random.choice(found)
        raise AssertionError("no sentence left")

    def plant(self, kind):
        """Gives the kind, and the name of the line where it must be found."""
        if kind in ("duplicate", "conflicting-duplicate", "leak"):
            return kind, self.copy(kind)
        split, _, place = self.sentence_with(self.common if kind == "likely-slip" else self.lone)
        name, line = self.corpus.splits[split][place]
        word, tag = line.split(b"\t")
        self.common.discard(word)
        new = {
            "encoding": b"\xe9" + line,
            "ragged-row": word,
            "unknown-tag": word + b"\tB_person",
            "illegal-transition": word + b"\tI-group",
            "space-in-word": word[:1] + "\u00a0".encode() + word[1:] + b"\t" + tag,
            "control-character": word + "\u00ad".encode() + b"\t" + tag,
            "likely-slip": word + b"\tB-location",
        }
        self.corpus.replace(split, place, new[kind])
        return kind, name

    def copy(self, kind):
        """Copies a sentence behind itself, or from train to validation."""
        split, places, _ = self.sentence_with(self.lone, splits=("train",) if kind == "leak" else tuple(FILES))
        lines = [self.corpus.splits[split][place][1] for place in places]
        if kind == "conflicting-duplicate":
            number = self.random.randrange(len(lines))
            lines[number] = lines[number].removesuffix(b"O") + b"B-person"
        into = "validation" if kind == "leak" else split
        behind = [s[0] for s in self.corpus.sentences(into) if kind == "leak" or s[0] > places[0]]
        return self.planted(into, self.random.choice(behind), lines, kind)

    def planted(self, split, place, lines, kind):
        name = self.corpus.insert(split, place, lines, f"{kind} {self.random.random()}")
        self.free = [(s, [p + (len(lines) + 1) * (s == split and p >= place) for p in ps]) for s, ps in self.free]
        return name


@pytest.mark.parametrize("seed", range(3))
def test_planted_faults_are_found_and_nothing_else(shared, tmp_path, seed):
    corpus = Corpus(shared / "data" / "wnut17")
    clean = corpus.findings(tmp_path / "clean")
    planter = Planter(corpus, clean, seed=seed)
    planted = Counter(planter.plant(kind) for kind in KINDS * 2)
    assert len(planted) == 20
    found = corpus.findings(tmp_path / "planted")
    assert found - clean == planted
    assert clean - found == Counter()
