"""Entities of a whole corpus, in any scheme: each run of tags is read once, however often it occurs."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from tf_ner.corpus.schemes import illegal_positions, spans_to_tags, to_iob2, what_is_wrong
from tf_ner.corpus.tags import OUTSIDE, Span, tags_to_spans
from tf_ner.options.train import SchemeName


class ReadSentence(NamedTuple):
    """A sentence and what its tags mean.

    Attributes:
        path: Where it was read from.
        lines: Of each word.
        words: Without what cannot be meant, such as zero-width spaces.
        tags: As they stand in the file.
        spans: The entities; where tags spell none, as parts of speech, one span a word.
    """

    path: Path | str
    lines: Sequence[int]
    words: Sequence[str]
    tags: Sequence[str]
    spans: Sequence[Span]


class Run(NamedTuple):
    """What stands between two words tagged `O`.

    Attributes:
        spans: The entities, read leniently; words whose tag is not of the scheme are outside.
        illegal: The words where the tags do not follow each other as the scheme says, and why.
        repaired: Tags that spell the same entities as the scheme does; as they are if one is not of the scheme.
    """

    spans: list[Span]
    illegal: list[tuple[int, str]]
    repaired: Sequence[str]


class EntityReader:
    """Reads the tags of sentences. All numbers of words are from 0, within the sentence.

    `found_illegal`: in some sentence read so far, tags do not follow each other as the scheme says.

    Args:
        scheme: How the tags spell entities.
        new_labels: New names of labels; None drops the entities.
    """

    def __init__(self, scheme: SchemeName, new_labels: Mapping[str, str | None] | None = None) -> None:
        self._scheme = scheme
        self._new_labels = new_labels or {}
        self._runs: dict[tuple[tuple[str, ...], bool], Run] = {}
        self.found_illegal = False

    def spans(self, tags: Sequence[str]) -> list[Span]:
        """The entities of a sentence, read leniently, by the new names of their labels."""
        spans = []
        for first, run in self._in_sentence(tags):
            for start, end, label in run.spans:
                name = self._new_labels.get(label, label)
                if name is not None:
                    spans.append(Span(first + start, first + end, name))
        return spans

    def illegal(self, tags: Sequence[str]) -> Iterator[tuple[int, str]]:
        """The words where the tags do not follow each other as the scheme says, and why."""
        for first, run in self._in_sentence(tags):
            for place, reason in run.illegal:
                yield first + place, reason

    def repaired(self, tags: Sequence[str]) -> list[str]:
        """The same entities, spelt as the scheme does wherever tags do not follow each other as it says."""
        new = list(tags)
        for first, run in self._in_sentence(tags):
            if run.illegal:
                new[first : first + len(run.repaired)] = run.repaired
        return new

    def _in_sentence(self, tags: Sequence[str]) -> Iterator[tuple[int, Run]]:
        first = 0
        for is_outside, group in groupby(tags, OUTSIDE.__eq__):
            run = tuple(group)
            if not is_outside:
                yield first, self._read(run, is_at_start=first == 0)
            first += len(run)

    def _read(self, tags: tuple[str, ...], *, is_at_start: bool) -> Run:
        run = self._runs.get((tags, is_at_start))
        if run is None:
            known = tuple(OUTSIDE if what_is_wrong(tag, self._scheme) else tag for tag in tags)
            spans = tags_to_spans(to_iob2(known, self._scheme))
            before = () if is_at_start else (OUTSIDE,)
            found = illegal_positions((*before, *tags), self._scheme)
            illegal = [(place - len(before), reason) for place, reason in found]
            repaired = self._respell(tags, spans) if illegal and known == tags else tags
            self.found_illegal |= bool(illegal)
            run = self._runs[tags, is_at_start] = Run(spans, illegal, repaired)
        return run

    def _respell(self, tags: Sequence[str], spans: Sequence[Span]) -> list[str]:
        new = spans_to_tags(spans, len(tags), scheme=self._scheme)
        # A prefix without a label stays one.
        return [tag if "-" in old else tag.partition("-")[0] for old, tag in zip(tags, new, strict=True)]
