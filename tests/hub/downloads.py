"""Answers with the content of files."""

import re
from urllib.parse import quote

from tests.hub.messages import Answer, Call, HubError
from tests.hub.store import File

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*")


def resolve(call: Call) -> Answer:
    """A file itself, or the way to the large object that it stands for."""
    repo = call.open_repo()
    commit, path = call.commit_of(repo), call.parts["path"]
    known = {"X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
    file = commit.files.get(path)
    if file is None:
        raise HubError(404, "Entry not found", code="EntryNotFound", headers=known)
    name = path.rpartition("/")[2]
    known["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(name)}; filename=\"{quote(name)}\";"
    if not file.in_lfs:
        return _content(call, file, known | {"ETag": f'"{file.blob_id}"'})
    size = len(file.data)
    place = call.site.signed("GET", repo, file.sha256, size)
    known |= {"Location": place, "X-Linked-Size": str(size), "X-Linked-Etag": f'"{file.sha256}"'}
    return Answer(302, f"Found. Redirecting to {place}".encode(), known | {"ETag": f'"{file.sha256}"'})


def get_object(call: Call) -> Answer:
    """A large object."""
    repo, _ = call.signed_object()
    data = repo.objects.get(call.parts["oid"])
    if data is None:
        raise HubError(404, "There is no such object")
    return _content(call, File(data, in_lfs=True), {"ETag": f'"{call.parts["oid"]}"', "Accept-Ranges": "bytes"})


def _content(call: Call, file: File, headers: dict[str, str]) -> Answer:
    """All of a file, or the range of bytes that is asked for.

    Raises:
        HubError: The range begins behind the end.
    """
    headers = {"Content-Type": "application/octet-stream" if file.in_lfs else "text/plain; charset=utf-8", **headers}
    asked, size = _RANGE.fullmatch(call.headers.get("Range", "")), len(file.data)
    if asked is None or call.method == "HEAD" or asked.groups() == ("", ""):
        return Answer(200, file.data, headers)
    first, last = asked.groups()
    start, stop = (int(first), int(last or size) + bool(last)) if first else (max(size - int(last), 0), size)
    stop = min(stop, size)
    if start >= stop:
        raise HubError(416, "The range cannot be satisfied", headers={"Content-Range": f"bytes */{size}"})
    return Answer(206, file.data[start:stop], headers | {"Content-Range": f"bytes {start}-{stop - 1}/{size}"})
