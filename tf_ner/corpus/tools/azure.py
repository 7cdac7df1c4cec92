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
    unit = "p" if document.get("stringIndexType") == "UnicodeCodePoint" else "j"
    return (_record(each, path, unit) for each in documents)


def _record(document: Any, path: Path, unit: str) -> dict[str, Any]:
    location = document.get("location") if isinstance(document, dict) else None
    entities = document.get("entities", []) if isinstance(document, dict) else []
    file = path.parent / Path(str(location)).name
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
