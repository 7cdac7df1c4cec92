"""Label Studio: tasks with their annotations, as its full JSON export has them.

Its JSON-MIN and CSV have a text and a list of spans for each task, as records of other tools do.
"""

from collections.abc import Iterator
from typing import Any

from tf_ner.corpus.annotated_text import read_span
from tf_ner.corpus.marked_text import SpanError
from tf_ner.corpus.sentences import Layout
from tf_ner.corpus.tools.marks import Marks, Read, Remark


def read(record: Any, layout: Layout) -> Iterator[Read] | None:
    """A task; None if it is none."""
    if not isinstance(record, dict) or not isinstance(record.get("data"), dict):
        return None
    annotations = record.get("annotations", record.get("completions"))
    return _of_task(record["data"], annotations, layout) if isinstance(annotations, list) else None


def _of_task(data: dict[str, Any], annotations: list[Any], layout: Layout) -> Iterator[Read]:
    done = [each for each in annotations if isinstance(each, dict) and not each.get("was_cancelled")]
    if not done:
        yield Remark("not-annotated", "received a task that nobody has annotated; it is left out.")
        return
    chosen = next((each for each in done if each.get("ground_truth")), done[0])
    if len(done) > 1:
        which = "the ground truth" if chosen.get("ground_truth") else "the first"
        yield Remark("several-annotations", f"received {len(done)} annotations of a task; {which} is read.")
    results = chosen.get("result")
    values = (
        [result.get("value") for result in results if isinstance(result, dict)] if isinstance(results, list) else []
    )
    spans = []
    # Others are relations, choices and ratings.
    for value in (value for value in values if isinstance(value, dict) and _PLACES & value.keys()):
        if "labels" not in value:
            raise SpanError(
                "bad-span",
                f"received a region with {', '.join(sorted(value))[:80]}; expected one of plain text with labels. "
                "Label it, or remove it; regions of HyperText are not read.",
            )
        spans.append(read_span(value))
    yield Marks(_text_of(data, layout), spans)


_PLACES = {"start", "startOffset", "globalOffsets"}


def _text_of(data: dict[str, Any], layout: Layout) -> str:
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    name = str(layout.word_column) if layout.word_column else "text" if "text" in texts else None
    if name is None and len(texts) == 1:
        [name] = texts
    if name not in texts:
        raise SpanError(
            "bad-record",
            f"received a task with the texts {', '.join(map(repr, list(texts)[:10])) or 'none'}; expected one named "
            f"'text', or one alone. {'Name it with --word-column.' if texts else 'Remove the task, or add its text.'}",
        )
    return texts[name]
