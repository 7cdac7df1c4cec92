"""Azure's custom entities: a file of labels, and the texts of its documents beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tf_ner.corpus.lines import whole_text
from tf_ner.errors import DataError


def records(document: Any, path: Path) -> Iterator[Any] | None:
    """The documents of a file of labels, each as GATE has it; None if it is none."""
    assets = document.get("assets")
    documents = assets.get("documents") if isinstance(assets, dict) else None
    if not isinstance(documents, list):
        return None
    locations = [str(each.get("location")) for each in documents if isinstance(each, dict)]
    names = {Path(location).name for location in locations}
    if len(names) < len(locations) and any(_named_place(path, location) is None for location in locations):
        raise DataError(
            f"Received {path} with several documents of one name; expected their texts in folders as it names them. "
            "Copy the texts with their folders."
        )
    unit = "p" if document.get("stringIndexType") == "UnicodeCodePoint" else "j"
    return (_record(each, path, unit) for each in documents)


def _record(document: Any, path: Path, unit: str) -> dict[str, Any]:
    location = document.get("location") if isinstance(document, dict) else None
    entities = document.get("entities", []) if isinstance(document, dict) else []
    # Exports name the place in a container; beside the labels there may be no folders.
    file = _named_place(path, str(location)) or path.parent / (Path(str(location)).name or "document")
    if not file.is_file():
        raise DataError(
            f"Received {path}, whose document {str(location)[:100]!r} is not beside it; expected its text in {file}. "
            "Put the texts into the folder of the labels."
        )
    text = whole_text(file).removeprefix("\ufeff")
    annotations = [
        {
            "start": label.get("offset"),
            "end": _sum(label.get("offset"), label.get("length")),
            "type": label.get("category"),
        }
        for region in (entities if isinstance(entities, list) else [])
        for label in (region.get("labels", []) if isinstance(region, dict) else [])
    ]
    return {"text": text, "offset_type": unit, "annotation_sets": {"": {"annotations": annotations}}}


def _named_place(path: Path, location: str) -> Path | None:
    """The text of a document where a file of labels says that it is, in its folder or below; None if not."""
    file = (path.parent / location).resolve()
    return file if file.is_file() and file.is_relative_to(path.parent.resolve()) else None


def _sum(offset: Any, length: Any) -> Any:
    return offset + length if isinstance(offset, int) and isinstance(length, int) else None
