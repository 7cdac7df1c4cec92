"""Words that are empty, or of which nothing is visible."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tf_ner.corpus.characters import is_invisible
from tf_ner.corpus.findings import Finding, Report
from tf_ner.corpus.sentences import NO_WORD, Layout, Sentence


def without_empty_words(
    sentences: Iterable[Sentence], path: Path | str, layout: Layout, report: Report
) -> Iterator[Sentence]:
    """The sentences as `layout.empty_words` says, each such word reported.

    Args:
        sentences: As they were read; only where they are not refused may words be empty.
        path: Where from.
        layout: What the options say.
        report: What to do with warnings.
    """
    if layout.empty_words == "error":
        yield from sentences
        return
    drops = layout.empty_words == "drop"
    what = _DROPPED if drops else _KEPT
    # Most words occur again.
    known: dict[str, bool] = {}
    for sentence in sentences:
        empty = [place for place, word in enumerate(sentence.words) if _is_empty(word, known, only_empty=not drops)]
        for place in empty:
            word, tag, line = sentence.words[place], sentence.tags[place], sentence.lines[place]
            message = what.format(what=f"the invisible word {word!r}" if word else "an empty word", tag=tag)
            report(Finding("empty-word", path, line, message, is_error=False))
        if drops and empty:
            left = [row for row in zip(*sentence[:3], strict=True) if not known[row[0]]]
            if not left:
                report(Finding("no-word", path, sentence.lines[0], NO_WORD, is_error=False))
                continue
            words, tags, lines = map(list, zip(*left, strict=True))
            sentence = sentence._replace(words=words, tags=tags, lines=lines)
        yield sentence


def _is_empty(word: str, known: dict[str, bool], *, only_empty: bool) -> bool:
    found = known.get(word)
    if found is None:
        found = known[word] = not word or (not only_empty and is_invisible(word))
    return found


_DROPPED = "received {what} with the tag {tag}; it is left out, by --empty-words drop."
_KEPT = (
    "received {what} with the tag {tag}; it is kept, by --empty-words keep, and tagged O by every model, since none "
    "can read it."
)
