"""Answers about what is in a repository."""

import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote

from tests.hub.cards import CardError, metadata_of
from tests.hub.messages import Answer, Call, HubError, as_json, timestamp
from tests.hub.store import Commit, File, Repo, folder_files, last_change, tree_id

PARQUET_BRANCH = "refs/convert/parquet"


def info(call: Call) -> Answer:
    repo = call.readable_repo()
    commit = call.commit_of(repo)
    card = _card(commit)
    *_, first = commit.history()
    known: dict[str, Any] = {
        "_id": repo.name,
        "id": repo.name,
        "author": repo.owner or None,
        "sha": commit.sha,
        "createdAt": timestamp(first),
        "lastModified": timestamp(commit),
        "private": repo.private,
        "gated": "auto" if repo.gated else False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": card["tags"] if isinstance(card.get("tags"), list) else [],
        "siblings": [_sibling(path, file, call.asks("blobs")) for path, file in sorted(commit.files.items())],
        **({"modelId": repo.name} if repo.kind == "model" else {}),
        **({"cardData": card} if card else {}),
        **{name: card[name] for name in ("library_name", "pipeline_tag") if name in card},
    }
    # A card may hold dates, which JSON does not know.
    return as_json(json.loads(json.dumps(known, default=str)))


def tree(call: Call) -> Answer:
    """The files and folders of a folder, and of those below it when asked."""
    commit, folder = call.commit_of(call.readable_repo()), call.parts.get("path", "").strip("/")
    below = folder_files(commit.files, folder)
    if folder and not below:
        raise HubError(404, f"{folder} does not exist on {commit.sha}", code="EntryNotFound")
    start = f"{folder}/" if folder else ""
    inside = {path for path in (*_folders(below), *below) if path.startswith(start)}
    shown = [path for path in sorted(inside) if call.asks("recursive") or "/" not in path.removeprefix(start)]
    return as_json([_entry(commit, path, expand=call.asks("expand")) for path in shown])


def paths_info(call: Call) -> Answer:
    """About the paths that are there; the others are left out."""
    commit = call.commit_of(call.readable_repo())
    if call.headers.get("Content-Type", "").startswith("application/json"):
        asked, expand = call.json().get("paths", []), call.json().get("expand", False)
    else:
        form = parse_qs(call.body.decode())
        asked, expand = form.get("paths", []), form.get("expand", [""])[-1].lower() == "true"
    known = {*commit.files, *_folders(commit.files)}
    return as_json([_entry(commit, path, expand=expand) for path in asked if path in known])


def parquet(call: Call) -> Answer:
    """The addresses of a data set's Parquet files, by configuration and split, or the part that is asked for."""
    repo = call.readable_repo()
    base = f"{call.site.url}/api/datasets/{repo.name}/parquet"
    found: Any = {}
    for config, split, _ in (path.split("/") for path in _parquet_paths(repo)):
        addresses = found.setdefault(config, {}).setdefault(split, [])
        addresses.append(f"{base}/{config}/{split}/{len(addresses)}.parquet")
    for name in (call.parts[key] for key in ("config", "split") if key in call.parts):
        if name not in found:
            raise HubError(404, f"There are no Parquet files for {name}", code="EntryNotFound")
        found = found[name]
    return as_json(found)


def parquet_file(call: Call) -> Answer:
    """The way to one Parquet file."""
    repo, parts = call.readable_repo(), call.parts
    paths = [path for path in _parquet_paths(repo) if path.startswith(f"{parts['config']}/{parts['split']}/")]
    number = int(parts["number"])
    if number >= len(paths):
        raise HubError(404, f"There are {len(paths)} Parquet files", code="EntryNotFound")
    place = f"/datasets/{repo.name}/resolve/{quote(PARQUET_BRANCH, safe='')}/{quote(paths[number])}"
    return Answer(302, headers={"Location": place})


def _parquet_paths(repo: Repo) -> list[str]:
    """The converted files, each `configuration/split/number.parquet`."""
    converted = repo.find(PARQUET_BRANCH)
    if converted is None:
        raise HubError(404, "The dataset has no Parquet files", code="EntryNotFound")
    return sorted(path for path in converted.files if PurePosixPath(path).match("*/*/*.parquet"))


def _card(commit: Commit) -> dict[str, Any]:
    readme = commit.files.get("README.md")
    try:
        return metadata_of(readme.data.decode(errors="replace")) if readme else {}
    except CardError:
        return {}


def _sibling(path: str, file: File, with_blob: bool) -> dict[str, Any]:
    if not with_blob:
        return {"rfilename": path}
    lfs = {"sha256": file.sha256, "size": len(file.data), "pointerSize": len(file.pointer)} if file.in_lfs else None
    blob = {"rfilename": path, "size": len(file.data), "blobId": file.blob_id}
    return blob | ({"lfs": lfs} if lfs else {})


def _folders(paths: Iterable[str]) -> set[str]:
    """Every folder that holds one of these paths."""
    return {str(folder) for path in paths for folder in PurePosixPath(path).parents} - {"."}


def _entry(commit: Commit, path: str, *, expand: bool) -> dict[str, Any]:
    """A file or folder as the tree tells it; with its last change when expanded."""
    file = commit.files.get(path)
    if file is None:
        below = folder_files(commit.files, path)
        entry: dict[str, Any] = {"type": "directory", "oid": tree_id(below), "size": 0, "path": path}
    else:
        below = {path: file}
        entry = {"type": "file", "oid": file.blob_id, "size": len(file.data), "path": path}
        if file.in_lfs:
            entry["lfs"] = {"oid": file.sha256, "size": len(file.data), "pointerSize": len(file.pointer)}
    if expand:
        change = last_change(commit, below)
        entry["lastCommit"] = {"id": change.sha, "title": change.message, "date": timestamp(change)}
    return entry
