"""A request once it is read, its answer, and what a caller may do with a repository."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from tests.hub.store import Commit, Repo, Store, User


@dataclass(frozen=True)
class Answer:
    """What goes back to the client; of a HEAD request all but the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class HubError(Exception):
    """An answer that is an error, in the form that the clients read.

    Args:
        code: The `X-Error-Code` from which the clients choose the class of their error.
    """

    def __init__(self, status: int, message: str, *, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        told = {"X-Error-Message": message.encode("ascii", "replace").decode(), **(headers or {})}
        if code:
            told["X-Error-Code"] = code
        self.answer = as_json({"error": message}, status=status, headers=told)


@dataclass(frozen=True)
class Site:
    """What the answers are made from: the store, and the addresses that clients are sent to.

    Args:
        url: Of the Hub itself.
        storage_url: Of the large objects, at another host: clients must not send their token there.
        secret: Signs the addresses of large objects.
    """

    store: Store
    url: str
    storage_url: str
    secret: bytes

    def page_of(self, repo: Repo) -> str:
        """The address of a repository."""
        return f"{self.url}/{'datasets/' if repo.kind == 'dataset' else ''}{repo.name}"

    def signed(self, method: str, repo: Repo, oid: str, size: int) -> str:
        """An address that lets whoever has it put or get one large object, and nothing else."""
        told = {"kind": repo.kind, "repo": repo.name, "size": str(size)}
        return f"{self.storage_url}/lfs/{oid}?{urlencode(told | {'signature': self.signature(method, oid, told)})}"

    def signature(self, method: str, oid: str, told: Mapping[str, str]) -> str:
        signed = "\0".join((method, oid, told["kind"], told["repo"], told["size"]))
        return hmac.new(self.secret, signed.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Call:
    """One request.

    Args:
        path: As sent, still quoted, without the query.
        parts: What the route took out of the path, unquoted.
        user: Whose token it came with, if it came with one.
    """

    site: Site
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    user: User | None
    parts: Mapping[str, str]

    @property
    def kind(self) -> str:
        return "dataset" if self.parts.get("kind") == "datasets" else "model"

    @cached_property
    def options(self) -> dict[str, str]:
        """What the query says, the last word of each option."""
        return {name: values[-1] for name, values in parse_qs(self.query).items()}

    def asks(self, option: str) -> bool:
        """Whether the query sets an option; clients write `true`, `True` or `1`."""
        return self.options.get(option) in ("true", "True", "1")

    def json(self) -> dict[str, Any]:
        try:
            content = json.loads(self.body or b"{}")
        except ValueError:
            raise HubError(400, "The body is no JSON") from None
        if not isinstance(content, dict):
            raise HubError(400, "The body is no JSON object")
        return content

    def readable_repo(self) -> Repo:
        """The repository that is asked for, if the caller may know of it.

        Raises:
            HubError: It is not there, it is private to others, or it has moved.
        """
        store, name = self.site.store, self.parts["repo"]
        with store.lock:
            repo, moved = store.repos.get((self.kind, name)), store.moved.get((self.kind, name))
        if moved:
            place = re.sub(rf"/{re.escape(name)}(?=/|\.git/|$)", f"/{moved}", self.path, count=1)
            place += f"?{self.query}" if self.query else ""
            raise HubError(307, f"Temporary Redirect. Redirecting to {place}", headers={"Location": place})
        if repo is None or (repo.private and not self._is_let_into(repo)):
            raise self._no_such_repo()
        return repo

    def writable_repo(self) -> Repo:
        """The same, if the caller may change it.

        Raises:
            HubError: As for `readable_repo`, or the repository or the token is for reading only.
        """
        repo = self.readable_repo()
        if self.user is None:
            raise self._no_such_repo()
        if not self.user.can_write:
            raise HubError(403, "Forbidden: you must use a write token to upload to a repository.")
        if repo.owner not in self.user.namespaces:
            raise HubError(403, "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request")
        return repo

    def open_repo(self) -> Repo:
        """The same as `readable_repo`, if its gate lets the caller at the files.

        Raises:
            HubError: As for `readable_repo`, or the gate is shut.
        """
        repo = self.readable_repo()
        if repo.gated and not self._is_let_into(repo):
            status, advice = (403, "you are not in the authorized list") if self.user else (401, "please log in")
            message = f"Access to {repo.kind} {repo.name} is restricted and {advice}."
            raise HubError(status, message, code="GatedRepo")
        return repo

    def commit_of(self, repo: Repo, revision: str | None = None) -> Commit:
        """The commit of a revision: this one, or the one in the path, or the main branch.

        Raises:
            HubError: There is no such revision.
        """
        revision = revision or self.parts.get("revision") or "main"
        commit = repo.find(revision)
        if commit is None:
            raise HubError(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
        return commit

    def signed_object(self) -> tuple[Repo, int]:
        """The repository of a large object, and its size in bytes, by a signed address.

        Raises:
            HubError: The address is not signed for this, or came with a token, which belongs to the Hub alone.
        """
        if "Authorization" in self.headers:
            raise HubError(400, "Only one auth mechanism allowed: received a token with a signed address")
        told = {name: self.options.get(name, "") for name in ("kind", "repo", "size")}
        method = "GET" if self.method == "HEAD" else self.method
        signature = self.site.signature(method, self.parts["oid"], told)
        repo = self.site.store.repos.get((told["kind"], told["repo"]))
        if repo is None or not hmac.compare_digest(signature, self.options.get("signature", "")):
            raise HubError(403, "The signature does not match")
        return repo, int(told["size"])

    def _is_let_into(self, repo: Repo) -> bool:
        return self.user is not None and (repo.owner in self.user.namespaces or self.user.name in repo.readers)

    def _no_such_repo(self) -> HubError:
        """The Hub does not tell a missing repository from a hidden one."""
        if self.user:
            return HubError(404, "Repository not found", code="RepoNotFound")
        return HubError(401, "Invalid username or password.", code="RepoNotFound")


def as_json(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    typed = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return Answer(status, json.dumps(content).encode(), typed)


def timestamp(commit: Commit) -> str:
    return commit.date.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def unquoted(parts: Mapping[str, str | None]) -> dict[str, str]:
    """The parts of a path that are there, each unquoted on its own."""
    return {name: unquote(part) for name, part in parts.items() if part is not None}
