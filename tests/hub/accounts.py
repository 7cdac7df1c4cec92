"""Answers about users, and about which repositories there are."""

from dataclasses import replace
from typing import Any

from tests.hub.messages import Answer, Call, HubError, as_json
from tests.hub.store import GIT_ATTRIBUTES, File, Repo, User


def whoami(call: Call) -> Answer:
    if call.user is None:
        raise HubError(401, "Invalid username or password.")
    role = "write" if call.user.can_write else "read"
    known = {
        "type": "user",
        "id": call.user.name,
        "name": call.user.name,
        "fullname": call.user.name,
        "isPro": False,
        "orgs": [
            {"type": "org", "id": name, "name": name, "fullname": name, "roleInOrg": role}
            for name in call.user.organisations
        ],
        "auth": {"type": "access_token", "accessToken": {"displayName": "tests", "role": role}},
    }
    return as_json(known)


def create(call: Call) -> Answer:
    """Makes a repository with the one file that a new one has."""
    user, wanted = _writer(call), call.json()
    kind, owner = _kind(wanted), wanted.get("organization") or user.name
    if owner not in user.namespaces:
        raise HubError(403, f'You don\'t have the rights to create a {kind} under the namespace "{owner}"')
    private = wanted.get("private", False) or wanted.get("visibility") == "private"
    repo = Repo(kind, f"{owner}/{wanted['name']}", private=private)
    repo.commit("main", {".gitattributes": File(GIT_ATTRIBUTES, in_lfs=False)}, "initial commit", author=user.name)
    place = {"url": call.site.page_of(repo), "name": repo.name, "id": repo.name, "private": private}
    if not call.site.store.add(repo):
        return as_json({"error": f"You already created this {kind} repo", **place}, status=409)
    return as_json(place)


def delete(call: Call) -> Answer:
    user, wanted = _writer(call), call.json()
    repo = _writable(call, _kind(wanted), f"{wanted.get('organization') or user.name}/{wanted['name']}")
    call.site.store.remove(repo)
    return Answer()


def move(call: Call) -> Answer:
    """Gives a repository another name, to which the old one leads."""
    user, wanted = _writer(call), call.json()
    repo = _writable(call, _kind(wanted), wanted["fromRepo"])
    if wanted["toRepo"].partition("/")[0] not in user.namespaces:
        raise HubError(403, "You don't have the rights to move a repository there")
    if not call.site.store.rename(repo.kind, repo.name, wanted["toRepo"]):
        raise HubError(409, "A repository of that name exists")
    return Answer()


def may_read(call: Call) -> Answer:
    """Whether the caller may have the files."""
    call.open_repo()
    return Answer()


def _writer(call: Call) -> User:
    if call.user is None:
        raise HubError(401, "Invalid username or password.")
    if not call.user.can_write:
        raise HubError(403, "Forbidden: you must use a write token")
    return call.user


def _kind(wanted: dict[str, Any]) -> str:
    kind = wanted.get("type") or "model"
    if kind not in ("model", "dataset"):
        raise HubError(400, f"Received the kind {kind!r}; here are only models and data sets")
    return kind


def _writable(call: Call, kind: str, name: str) -> Repo:
    """A repository that is named in the body, not in the path."""
    return replace(call, parts={"kind": f"{kind}s", "repo": name}).writable_repo()
