"""Answers to what a client sends to put files into a repository."""

import base64
import hashlib
import json
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from tests.hub.messages import Answer, Call, HubError, as_json
from tests.hub.store import File, Repo, belongs_in_lfs, folder_files

_LFS_TYPE = "application/vnd.git-lfs+json"


def preupload(call: Call) -> Answer:
    """How each file is to be sent, and what the branch holds under its name."""
    repo = call.writable_repo()
    files, asked = call.commit_of(repo).files, call.json()
    ignored = asked.get("gitIgnore")
    if ignored is None and ".gitignore" in files:
        ignored = files[".gitignore"].data.decode()

    def plan(item: dict[str, Any]) -> dict[str, Any]:
        path, sample = item["path"], base64.b64decode(item["sample"])
        in_lfs = belongs_in_lfs(path, sample, item["size"])
        known = files.get(path)
        return {
            "path": path,
            "uploadMode": "lfs" if in_lfs else "regular",
            "shouldIgnore": _is_ignored(path, ignored or ""),
            **({"oid": known.sha256 if known.in_lfs else known.blob_id} if known else {}),
        }

    return as_json({"files": [plan(item) for item in asked["files"]]})


def batch(call: Call) -> Answer:
    """Where each large object is to be put; nowhere, if it is there already."""
    repo, asked = call.writable_repo(), call.json()
    if asked.get("operation") != "upload":
        raise HubError(400, f"Received the operation {asked.get('operation')!r}; here is only 'upload'")
    verify = {"href": f"{call.site.page_of(repo)}.git/info/lfs/objects/verify", "header": {}}

    def offer(item: dict[str, Any]) -> dict[str, Any]:
        oid, size = item["oid"], item["size"]
        if oid in repo.objects:
            return {"oid": oid, "size": size}
        upload = {"href": call.site.signed("PUT", repo, oid, size), "header": {}}
        return {"oid": oid, "size": size, "authenticated": True, "actions": {"upload": upload, "verify": verify}}

    offers = {"transfer": "basic", "hash_algo": "sha256", "objects": [offer(item) for item in asked["objects"]]}
    return as_json(offers, headers={"Content-Type": _LFS_TYPE})


def put_object(call: Call) -> Answer:
    """Takes up a large object, if it is what its address says."""
    repo, size = call.signed_object()
    oid = call.parts["oid"]
    if len(call.body) != size:
        raise HubError(400, f"Received {len(call.body)} bytes; expected {size}")
    if hashlib.sha256(call.body).hexdigest() != oid:
        raise HubError(400, f"Received bytes with another SHA-256 than {oid}")
    with repo.lock:
        repo.objects[oid] = call.body
    return Answer(headers={"ETag": f'"{oid}"'})


def verify(call: Call) -> Answer:
    """Whether a large object has arrived."""
    repo, asked = call.writable_repo(), call.json()
    data = repo.objects.get(asked["oid"])
    if data is None or len(data) != asked["size"]:
        raise HubError(404, f"There is no object {asked['oid']} of {asked['size']} bytes")
    return as_json({}, headers={"Content-Type": _LFS_TYPE})


def no_xet(call: Call) -> Answer:
    """The clients that ask for this have chosen Xet by themselves, and know no way back."""
    call.readable_repo()
    raise HubError(400, "This Hub does not speak Xet: set HF_HUB_DISABLE_XET=1")


def commit(call: Call) -> Answer:
    """Puts changes on top of a branch, all of them or none."""
    repo = call.writable_repo()
    if call.asks("create_pr"):
        raise HubError(400, "This Hub has no pull requests")
    lines = [json.loads(line) for line in call.body.splitlines() if line.strip()]
    if not lines or lines[0].get("key") != "header":
        raise HubError(400, "The first line of a commit is its header")
    header, changes = lines[0]["value"], lines[1:]
    if not header.get("summary"):
        raise HubError(400, "A commit needs a summary")
    with repo.lock:
        before, branch = call.commit_of(repo), call.parts["revision"]
        if branch not in repo.branches:
            raise HubError(400, f"Received the revision {branch}; expected a branch")
        if not before.sha.startswith(header.get("parentCommit") or ""):
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        files = dict(before.files)
        for change in changes:
            _apply(change["key"], change["value"], files, repo)
        after = repo.commit(
            branch, files, header["summary"], author=call.user.name, description=header.get("description") or ""
        )
    place = f"{call.site.page_of(repo)}/commit/{after.sha}"
    return as_json({"success": True, "commitOid": after.sha, "commitUrl": place, "hookOutput": ""})


def _apply(key: str, value: dict[str, Any], files: dict[str, File], repo: Repo) -> None:
    """Makes one change to `files`.

    Raises:
        HubError: The change is of an unknown kind, takes away what is not there, or names an object that is not there.
    """
    path = value["path"].strip("/")
    if key == "file":
        content = value["content"]
        data = base64.b64decode(content) if value.get("encoding") == "base64" else content.encode()
        files[path] = File(data, in_lfs=False)
    elif key == "lfsFile":
        if value["oid"] not in repo.objects:
            raise HubError(400, f"LFS pointer pointed to a file that does not exist: {path}")
        files[path] = File(repo.objects[value["oid"]], in_lfs=True)
    elif key in ("deletedFile", "deletedFolder"):
        gone = folder_files(files, path) if key == "deletedFolder" else {path: None} if path in files else {}
        if not gone:
            raise HubError(404, "A file with this name doesn't exist", code="EntryNotFound")
        for name in gone:
            del files[name]
    else:
        raise HubError(400, f"Received the change {key!r}; expected a file, an LFS file or a deletion")


def _is_ignored(path: str, rules: str) -> bool:
    """Whether one of the lines of a `.gitignore` names the path or a folder above it; exceptions are not known."""
    names = {path, *PurePosixPath(path).parts, *(str(folder) for folder in PurePosixPath(path).parents)}
    lines = (line.strip() for line in rules.splitlines())
    patterns = [line.strip("/") for line in lines if line and not line.startswith(("#", "!"))]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
