"""The ways to spell entities as tags, told apart, checked, and turned into IOB2 and back.

| scheme | one word | more words | touching the entity before it, of the same label |
|---|---|---|---|
| iob2 | `B` | `B I I` | the same |
| iob1 | `I` | `I I I` | `B` or `B I I` |
| bioes | `S` | `B I E` | the same |
| bilou | `U` | `B I L` | the same |
| io | `I` | `I I I` | cannot be told from one entity |
| plain | `PER` | `PER PER PER` | cannot be told from one entity |

A prefix without a label (`B`, as in corpora of one kind of entity) has the label `_`. Prefixes are capital letters:
`b-PER` is a tag of no scheme but `plain`.

Source: Ramshaw and Marcus 1995 (iob1); Tjong Kim Sang and Veenstra 1999 (iob2); Ratinov and Roth 2009 (bilou).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Literal, NamedTuple

from tf_ner.corpus.tags import OUTSIDE, Span, is_iob, split_tag, tags_to_spans
from tf_ner.options.train import SchemeName

Role = Literal["outside", "begin", "inside", "end", "single"]

_NO_LABEL = "_"


class _Scheme(NamedTuple):
    """The roles of the prefixes, and the prefixes to write: of a lone word, of the first, a middle and the last one."""

    roles: Mapping[str, Role]
    spelling: Sequence[str]
    touching: Sequence[str] | None  # Directly after an entity of the same label; None: the scheme cannot say it.


_SCHEMES: dict[SchemeName, _Scheme] = {
    "iob1": _Scheme({"B": "begin", "I": "inside"}, "IIII", "BBII"),
    "iob2": _Scheme({"B": "begin", "I": "inside"}, "BBII", "BBII"),
    "bioes": _Scheme({"B": "begin", "I": "inside", "E": "end", "S": "single"}, "SBIE", "SBIE"),
    "bilou": _Scheme({"B": "begin", "I": "inside", "L": "end", "U": "single"}, "UBIL", "UBIL"),
    "io": _Scheme({"I": "inside"}, "IIII", None),
    "plain": _Scheme({"": "inside"}, ["", "", "", ""], None),
}

# An entity continues from one word to the next where their roles are in these and their label is the same.
_OPEN: tuple[Role, ...] = ("begin", "inside")
_CONTINUES: tuple[Role, ...] = ("inside", "end")

_PREFIXES = frozenset(chain.from_iterable(scheme.roles for scheme in _SCHEMES.values())) - {""}

# Up to this share of the tags with a prefix, the prefixes that only BIOES or BILOU has are taken for slips.
_SLIPS = 0.01

_NO_PLAIN_O = (
    "received an entity with the label O; expected another label, because in plain tags O means no entity. "
    "Choose another scheme, such as iob2, or rename the label with --map-label."
)


class UnspeakableEntityError(ValueError):
    """A scheme has no tags for an entity.

    Attributes:
        position: The first word of the entity, counted from 0.
    """

    def __init__(self, span: Span, message: str) -> None:
        self.position = span.start
        super().__init__(message)


class TouchingEntitiesError(UnspeakableEntityError):
    """Two entities of one label touch, and the scheme cannot keep them apart; `position` is of the second."""

    def __init__(self, span: Span, scheme: SchemeName) -> None:
        super().__init__(
            span,
            f"received two {span.label} entities without a word between them; expected one, because {scheme} tags "
            "cannot keep two apart. Choose another scheme, such as iob2.",
        )


def detect_scheme(sentences: Iterable[Sequence[str]]) -> SchemeName:
    """Tells the scheme from the tags of a whole corpus.

    Most tags decide, so that a few wrong ones do not hide the scheme from the checks that find them. Prefixes in
    lower case count as prefixes here: `b-PER` is to be reported, not to be learnt as a label.

    Args:
        sentences: The tags of each sentence, of all splits together.

    Returns:
        `iob2` if there is nothing but `O`; `io` if there is no B- (entities that touch would have had one in `iob1`).
    """
    separated = chain.from_iterable(chain((OUTSIDE,), sentence) for sentence in sentences)
    pairs = Counter(pairwise(separated))
    prefixes: Counter[str] = Counter()
    breaks: Counter[str] = Counter()
    for (previous, tag), count in pairs.items():
        if tag == OUTSIDE:
            continue
        prefix, label = split_tag(tag)
        prefixes[prefix if prefix.upper() in _PREFIXES else ""] += count
        previous_prefix, previous_label = split_tag(previous)
        if previous_prefix not in ("B", "I") or previous_label != label:
            breaks[prefix] += count
    with_prefix = prefixes.total() - prefixes[""]
    if with_prefix < prefixes[""]:
        return "plain"
    bioes, bilou = prefixes["E"] + prefixes["S"], prefixes["L"] + prefixes["U"]
    if max(bioes, bilou) > _SLIPS * with_prefix:
        return "bioes" if bioes >= bilou else "bilou"
    if prefixes["I"] and not prefixes["B"]:
        return "io"
    # A B- with no entity of its label before it is wrong in IOB1, and an I- with none in IOB2.
    return "iob1" if breaks["B"] < breaks["I"] else "iob2"


def scheme_of_names(tag_names: Iterable[str]) -> SchemeName | None:
    """How the tags that a model knows spell entities, told by their names alone; None if they spell none.

    IOB1 and IO come out as `iob2`, as which their sequences can be read.
    """
    names = {*tag_names} - {OUTSIDE}
    prefixes = {split_tag(name)[0] for name in names}
    if all(map(is_iob, names)):
        return "iob2"
    found: SchemeName = "bilou" if prefixes & {"L", "U"} else "bioes"
    return found if names and not any(what_is_wrong(name, found) for name in names) else None


def what_is_wrong(tag: str, scheme: SchemeName, *, has_prefixes: bool = True) -> str | None:
    """Says why a tag is not of the scheme, as the end of a message that begins with `path:line:`, or None if it is.

    Args:
        tag: As it stands in the data.
        scheme: How tags spell entities.
        has_prefixes: Other tags of the data have one.
    """
    if _read(tag, scheme):
        return None
    roles = _SCHEMES[scheme].roles
    prefix, dash, label = tag.partition("-")
    if prefix in roles and dash:
        return f"received tag {tag!r}; expected a label after the prefix, such as {prefix}-PER. Write one, or O."
    *others, last = [OUTSIDE, *(f"{prefix}-LABEL" if prefix else "a label" for prefix in roles)]
    if prefix.upper() in roles and label:
        fix = f"Prefixes are capital letters: write {prefix.upper()}-{label}."
    elif not dash and has_prefixes:
        fix = "Correct it, say how to read it with --bare-labels (entity or outside), or name the scheme with --scheme."
    else:
        fix = "Correct the tag, or name the tagging scheme with --scheme."
    return f"received tag {tag!r}; expected {', '.join(others)} or {last}. {fix}"


def label_of(tag: str, scheme: SchemeName) -> str:
    """The label of a tag of the scheme; empty for `O`.

    Raises:
        ValueError: The tag is not of the scheme.
    """
    return split_tag(to_iob2([tag], scheme)[0])[1]


def illegal_positions(tags: Sequence[str], scheme: SchemeName) -> Iterator[tuple[int, str]]:
    """Finds where the tags of a sentence do not follow each other as the scheme says.

    A word whose tag may not stand after the one before it is reported itself. An entity of BIOES or BILOU without an
    end is reported at its last word, unless the next word is reported as one that may not follow it. Each word is
    reported once at most. Tags that are not of the scheme, and the words next to them, are left to `what_is_wrong`.

    Args:
        tags: One a word.
        scheme: Nothing is illegal in `io` and `plain`.

    Yields:
        The number of the word, from 0, and the reason, such as `I-PER after O; expected B-PER`.
    """
    roles, (alone, first, middle, last), _ = _SCHEMES[scheme]
    starts = dict.fromkeys((first, alone))
    may_start = {"outside", *(roles[prefix] for prefix in starts)}
    reported = -1
    for position, (before, tag) in enumerate(pairwise([OUTSIDE, *tags, OUTSIDE])):
        previous, current = _read(before, scheme), _read(tag, scheme)
        if previous is None or current is None:
            continue
        role, label = current
        is_open = previous[0] in _OPEN
        if role not in may_start and not (is_open and previous[1] == label):
            expected = " or ".join(prefix + tag[1:] for prefix in starts)
            yield position, f"{tag} {f'after {before}' if position else 'at the start'}; expected {expected}"
            reported = position
        elif "end" in roles.values() and is_open and role not in _CONTINUES and reported < position - 1:
            yield position - 1, f"{before} not ended; expected {middle}{before[1:]} or {last}{before[1:]} after it"


def may_follow(before: str, tag: str, scheme: SchemeName) -> bool:
    """Whether a tag may stand after another, as `illegal_positions` has it; `O` also for the ends of a sentence.

    Args:
        before: A tag of the scheme.
        tag: The same.
        scheme: How tags spell entities.
    """
    roles, (alone, first, _, _), _ = _SCHEMES[scheme]
    previous, current = _read(before, scheme), _read(tag, scheme)
    if previous is None or current is None:
        return True
    is_open = previous[0] in _OPEN
    may_start = current[0] in ("outside", roles[first], roles[alone])
    continues = is_open and previous[1] == current[1]
    is_ended = not ("end" in roles.values() and is_open) or current[0] in _CONTINUES
    return (may_start or continues) and is_ended


def to_iob2(tags: Sequence[str], scheme: SchemeName) -> list[str]:
    """Spells the entities of a sentence as IOB2.

    Broken sequences are read leniently: an inside or end with no open entity of its label begins one, and whatever
    does not continue an entity closes it. IOB2 tags stay as they are, an I- with no entity before it included: whether
    it begins an entity is for the scores to say.

    Raises:
        ValueError: A tag is not of the scheme.
    """
    iob2 = []
    previous: tuple[Role, str] = ("outside", "")
    for tag in tags:
        current = _read(tag, scheme)
        if current is None:
            raise ValueError(what_is_wrong(tag, scheme))
        role, label = current
        if scheme == "iob2":
            begins = role == "begin"
        else:
            begins = not (role in _CONTINUES and previous[0] in _OPEN and previous[1] == label)
        iob2.append(OUTSIDE if role == "outside" else f"{'B' if begins else 'I'}-{label}")
        previous = current
    return iob2


def from_iob2(tags: Sequence[str], scheme: SchemeName) -> list[str]:
    """Spells the entities of IOB2 tags in another scheme; to IOB2 itself, the tags stay as they are.

    Raises:
        UnspeakableEntityError: The scheme cannot hold an entity, as in `spans_to_tags`.
        ValueError: A tag is not IOB2.
    """
    tags = to_iob2(tags, "iob2")
    return tags if scheme == "iob2" else spans_to_tags(tags_to_spans(tags), len(tags), scheme=scheme)


def spans_to_tags(spans: Iterable[Span], num_words: int, *, scheme: SchemeName = "iob2") -> list[str]:
    """The tags of a sentence with these entities.

    Args:
        spans: In the order of the sentence.
        num_words: Of the sentence.
        scheme: How to spell the entities.

    Raises:
        TouchingEntitiesError: The scheme is `io` or `plain`, and two entities of the same label touch.
        UnspeakableEntityError: The scheme is `plain`, and the label is `O`.
        ValueError: Spans overlap, are empty or reach out of the sentence.
    """
    _, spelling, touching = _SCHEMES[scheme]
    tags = [OUTSIDE] * num_words
    before = Span(0, 0, "")
    for span in spans:
        if not before.end <= span.start < span.end <= num_words:
            raise ValueError(
                f"received {span} after {before} in {num_words} words; expected spans in order, without overlap"
            )
        if scheme == "plain" and span.label == OUTSIDE:
            raise UnspeakableEntityError(span, _NO_PLAIN_O)
        touches = span.start == before.end and span.label == before.label
        if touches and touching is None:
            raise TouchingEntitiesError(span, scheme)
        alone, first, middle, last = touching if touches and touching else spelling
        num_middle = span.end - span.start - 2
        prefixes = [first, *[middle] * num_middle, last] if num_middle >= 0 else [alone]
        tags[span.start : span.end] = [f"{prefix}-{span.label}" if prefix else span.label for prefix in prefixes]
        before = span
    return tags


def relabel(tags: Sequence[str], mapping: Mapping[str, str | None]) -> list[str]:
    """Renames or drops labels, entity by entity, so that no two entities become one.

    Args:
        tags: IOB2 tags. An I- that begins an entity stays one, but where it would continue the entity before it.
        mapping: New labels by old label; None drops the entities, and their words become `O`. Other labels stay.

    Raises:
        ValueError: A tag is not IOB2.
    """
    tags = to_iob2(tags, "iob2")
    renamed = [OUTSIDE] * len(tags)
    for start, end, old in tags_to_spans(tags):
        label = mapping.get(old, old)
        if label is None:
            continue
        renamed[start:end] = [f"I-{label}"] * (end - start)
        touches = start > 0 and split_tag(renamed[start - 1])[1] == label
        if touches or tags[start].startswith("B"):
            renamed[start] = f"B-{label}"
    return renamed


def _read(tag: str, scheme: SchemeName) -> tuple[Role, str] | None:
    """What a tag means: its role and label; None if it is not of the scheme."""
    if tag == OUTSIDE:
        return "outside", ""
    if scheme == "plain":
        return ("inside", tag) if tag else None
    prefix, dash, label = tag.partition("-")
    role = _SCHEMES[scheme].roles.get(prefix)
    if role is None or (dash and not label):
        return None
    return role, label or _NO_LABEL
