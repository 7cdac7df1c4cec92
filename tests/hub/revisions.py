"""Answers about branches, tags and commits."""

from tests.hub.messages import Answer, Call, HubError, as_json, timestamp
from tests.hub.store import Commit

_PROTECTED = "main"


def refs(call: Call) -> Answer:
    repo = call.readable_repo()
    with repo.lock:
        branches, tags = dict(repo.branches), dict(repo.tags)
    converts = {name: commit for name, commit in branches.items() if name.startswith("refs/convert/")}
    ordinary = {f"refs/heads/{name}": commit for name, commit in branches.items() if name not in converts}
    found = {
        "branches": _listed(ordinary, "refs/heads/"),
        "converts": _listed(converts, "refs/convert/"),
        "tags": _listed({f"refs/tags/{name}": commit for name, commit in tags.items()}, "refs/tags/"),
        "pullRequests": [],
    }
    return as_json(found)


def commits(call: Call) -> Answer:
    listed = [
        {
            "id": commit.sha,
            "title": commit.message,
            "message": commit.description,
            "authors": [{"user": commit.author}],
            "date": timestamp(commit),
        }
        for commit in call.commit_of(call.readable_repo()).history()
    ]
    return as_json(listed, headers={"X-Total-Count": str(len(listed))})


def branch(call: Call) -> Answer:
    """Makes a branch, at a revision that the body names or at the main branch, or removes one."""
    repo, name = call.writable_repo(), call.parts["name"]
    with repo.lock:
        if call.method == "DELETE":
            if name == _PROTECTED:
                raise HubError(403, "The main branch cannot be deleted")
            return _removed(repo.branches, name)
        if name in repo.branches:
            raise HubError(409, f"Reference already exists: {name}")
        repo.branches[name] = call.commit_of(repo, call.json().get("startingPoint"))
    return Answer()


def tag(call: Call) -> Answer:
    """Makes a tag at a revision, or removes one."""
    repo = call.writable_repo()
    with repo.lock:
        if call.method == "DELETE":
            return _removed(repo.tags, call.parts["revision"])
        name = call.json()["tag"]
        if name in repo.tags:
            raise HubError(409, f"Tag reference exists already: {name}")
        repo.tags[name] = call.commit_of(repo)
    return Answer()


def _listed(named: dict[str, Commit], prefix: str) -> list[dict[str, str]]:
    return [{"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": commit.sha} for ref, commit in named.items()]


def _removed(named: dict[str, Commit], name: str) -> Answer:
    if named.pop(name, None) is None:
        raise HubError(404, f"Invalid rev id: {name}", code="RevisionNotFound")
    return Answer()
