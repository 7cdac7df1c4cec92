"""Tags that are spelt as no scheme has them: in small letters, several in a cell, without a prefix among others."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from tf_ner.corpus.findings import Finding, Report
from tf_ner.corpus.sentences import Layout, Sentence
from tf_ner.corpus.tags import OUTSIDE

_HEAD = 500
"""Of so many sentences the tags say how those of a file are spelt."""

_PREFIXED = re.compile(r"[BIESLU]-.+")
_SMALL = re.compile(r"o|[bieslu]-.+")
_BETWEEN = re.compile(r"[|,;/ ]+")


def spelt(sentences: Iterable[Sentence], path: Path | str, layout: Layout, report: Report) -> Iterator[Sentence]:
    """The sentences of a file with tags as schemes have them, where that is clear or an option says how.

    Numbers get the names that `layout.label_names` has for them. Prefixes in small letters are read as capitals, which
    is reported. Several tags in a cell are an error, unless `layout.several_tags` says which counts. Labels without a
    prefix among tags with one stay, to be found wrong with the rest, unless `layout.bare_labels` says what they are. A
    label called O is reported.

    Args:
        sentences: As they were read.
        path: Where from.
        layout: What the options say.
        report: What to do with tags that cannot be read, and with warnings.
    """
    if layout.label_names:
        sentences = _named(sentences, layout.label_names)
    remaining = iter(sentences)
    head = list(islice(remaining, _HEAD))
    if layout.task == "pos" or not head:
        yield from chain(head, remaining)
        return
    spelling = _Spelling({tag for sentence in head for tag in sentence.tags}, path, layout, report)
    if spelling.is_small:
        small = next((tag for sentence in head for tag in sentence.tags if tag != "o"), "")
        message = _SMALL_TAGS.format(small=small, capital=small[:1].upper() + small[1:])
        report(Finding("small-tags", path, head[0].lines[0] if head[0].lines else 1, message, is_error=False))
    for sentence in chain(head, remaining):
        yield sentence if spelling.stays(sentence.tags) else sentence._replace(tags=spelling.of(sentence))


def _named(sentences: Iterable[Sentence], label_names: Sequence[str]) -> Iterator[Sentence]:
    """The sentences with names for tags that are numbers, as columns of text hold them."""
    names = {str(number): name for number, name in enumerate(label_names)}
    for sentence in sentences:
        yield sentence._replace(tags=[names.get(tag, tag) for tag in sentence.tags])


class _Spelling:
    """How tags are read.

    Args:
        used: The tags of the first sentences.
        path: Where from.
        layout: What the options say.
        report: What to do with tags that cannot be read, and with warnings.

    Attributes:
        is_small: The prefixes are small letters.
    """

    def __init__(self, used: set[str], path: Path | str, layout: Layout, report: Report):
        self.is_small = "o" in used and len(used) > 1 and all(map(_SMALL.fullmatch, used))
        self._has_prefixes = any(map(_PREFIXED.fullmatch, used))
        self._path = path
        self._layout = layout
        self._report = report
        self._known: dict[str, str | None] = {}
        self._as_they_are: set[str] = set()
        self._has_label_o = False

    def stays(self, tags: Iterable[str]) -> bool:
        """Whether tags, which have been read before, stay as they are; most do."""
        return self._as_they_are.issuperset(tags)

    def of(self, sentence: Sentence) -> list[str]:
        """The tags of a sentence."""
        tags: list[str] = []
        bare = None
        for place, tag in enumerate(sentence.tags):
            if tag not in self._known:
                self._known[tag] = self._read(tag, sentence.lines[place] if sentence.lines else 1)
                if self._known[tag] == tag:
                    self._as_they_are.add(tag)
            known = self._known[tag]
            if known is not None:
                tags.append(known)
            else:
                tags.append(f"{'I' if bare == tag else 'B'}-{tag}")
            bare = tag if known is None else None
        return tags

    def _read(self, tag: str, line: int) -> str | None:
        """A tag as it is read; None for a label without a prefix that is read as an entity."""
        if self.is_small and _SMALL.fullmatch(tag):
            tag = tag[0].upper() + tag[1:]
        parts = _BETWEEN.split(tag)
        if len(parts) > 1 and all(part == OUTSIDE or _PREFIXED.fullmatch(part) for part in parts):
            if self._layout.several_tags == "error":
                self._report(Finding("several-tags", self._path, line, _SEVERAL.format(tag=tag[:40])))
            tag = {"first": parts[0], "none": OUTSIDE}.get(self._layout.several_tags, tag)
        if (
            tag[2:] == OUTSIDE
            and _PREFIXED.fullmatch(tag)
            and not self._has_label_o
            and OUTSIDE not in self._layout.renamed
        ):
            self._has_label_o = True
            self._report(Finding("label-o", self._path, line, _LABEL_O.format(tag=tag), is_error=False))
        if self._has_prefixes and tag != OUTSIDE and not _PREFIXED.fullmatch(tag):
            # What is to be renamed or ignored is a label, and is so once it is read as one.
            choice = "entity" if tag in self._layout.renamed else self._layout.bare_labels
            return {"entity": None, "outside": OUTSIDE}.get(choice, tag)
        return tag


_SMALL_TAGS = "received tags in small letters, such as {small!r} and 'o'; they are read as {capital!r} and 'O'."
_SEVERAL = (
    "received several tags in one cell ({tag!r}); expected one, because a word has one tag. Choose with "
    "--several-tags: first keeps the first, none reads such words as O."
)
_LABEL_O = (
    "received the tag {tag!r}, of a label that is called O like what is no entity; other programs, such as the "
    "pipeline of transformers, leave its entities out. Rename it, for example with --map-label O=OTHER."
)
