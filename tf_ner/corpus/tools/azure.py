"""Azure's custom entities: a file of labels, and the texts of its documents beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tf_ner.errors import DataError


def records(document: Any, path: Path) -> Iterator[Any] | None:
    """The documents of a file of labels, each as GATE has it; None if it is none."""
    assets = document.get("assets")
    documents = assets.get("documents") if isinstance(assets, dict) else None
    if not isinstance(documents, list):
        return None
    locations = [str(each.get("location")) for each in documents if isinstance(each, dict)]
    have_own_folders = all((path.parent / location).is_file() for location in locations)
    if not have_own_folders and len({Path(location).name for location in locations}) < len(locations):
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
    places = [path.parent / str(location), path.parent / Path(str(location)).name]
    file = next((place for place in places if place.is_file()), places[-1])
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(
            f"Received {path}, whose document {str(location)[:100]!r} is not beside it; expected its text in {file}. "
            "Put the texts into the folder of the labels."
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"Received {file}, which is not UTF-8; expected UTF-8 text. Convert the file.") from None
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


def _sum(offset: Any, length: Any) -> Any:
    return offset + length if isinstance(offset, int) and isinstance(length, int) else None
