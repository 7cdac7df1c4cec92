"""A stand-in for the Hugging Face Hub on this machine, for tests with the real clients."""

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from tests.hub import accounts, cards, downloads, listings, revisions, uploads
from tests.hub.connection import Listener, Request, Route
from tests.hub.faults import Faults
from tests.hub.messages import Site
from tests.hub.store import Commit, Repo, Store, User, as_files

_REPO = r"(?P<repo>[^/]+(?:/[^/]+)?)"
_REVISION = r"(?P<revision>refs/(?:convert|pr)/[^/]+|[^/]+)"
_ABOUT = rf"/api/(?P<kind>models|datasets)/{_REPO}"
_SPLIT = r"(?P<config>[^/]+)/(?P<split>[^/]+)"
_PAGE = rf"/(?:(?P<kind>datasets)/)?{_REPO}"

ROUTES: tuple[Route, ...] = (
    ("GET", r"/api/whoami-v2", accounts.whoami),
    ("POST", r"/api/repos/create", accounts.create),
    ("DELETE", r"/api/repos/delete", accounts.delete),
    ("POST", r"/api/repos/move", accounts.move),
    ("POST", r"/api/validate-yaml", cards.validate),
    ("POST", rf"{_ABOUT}/preupload/{_REVISION}", uploads.preupload),
    ("POST", rf"{_ABOUT}/commit/{_REVISION}", uploads.commit),
    ("GET", rf"{_ABOUT}/xet-(?:read|write)-token/{_REVISION}", uploads.no_xet),
    ("GET", rf"{_ABOUT}/auth-check", accounts.may_read),
    ("GET", rf"{_ABOUT}/refs", revisions.refs),
    ("GET", rf"{_ABOUT}/commits/{_REVISION}", revisions.commits),
    ("POST DELETE", rf"{_ABOUT}/branch/(?P<name>.+)", revisions.branch),
    ("POST DELETE", rf"{_ABOUT}/tag/(?P<revision>.+)", revisions.tag),
    ("GET", rf"{_ABOUT}/tree/{_REVISION}(?:/(?P<path>.*))?", listings.tree),
    ("POST", rf"{_ABOUT}/paths-info/{_REVISION}", listings.paths_info),
    ("GET", rf"{_ABOUT}/parquet(?:/(?P<config>[^/]+)(?:/(?P<split>[^/]+))?)?", listings.parquet),
    ("GET HEAD", rf"{_ABOUT}/parquet/{_SPLIT}/(?P<number>\d+)\.parquet", listings.parquet_file),
    ("GET", rf"{_ABOUT}/revision/{_REVISION}", listings.info),
    ("GET", _ABOUT, listings.info),
    ("POST", rf"{_PAGE}\.git/info/lfs/objects/batch", uploads.batch),
    ("POST", rf"{_PAGE}\.git/info/lfs/objects/verify", uploads.verify),
    ("GET HEAD", rf"{_PAGE}/resolve/{_REVISION}/(?P<path>.+)", downloads.resolve),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", uploads.put_object),
    ("GET HEAD", r"/lfs/(?P<oid>[0-9a-f]{64})", downloads.get_object),
)
"""Methods, path as sent, and what answers."""

HERE = "127.0.0.1,localhost"
"""No proxy stands between this machine and itself."""


class Hub:
    """The Hub while the block lasts: `with Hub() as hub:` and clients with `HF_ENDPOINT` set to `hub.url`.

    Large objects have their addresses under another name of this machine, as the real Hub's have under another host:
    clients that take one host for the other fail here too. Xet is not spoken: from version 1 on, clients need
    `HF_HUB_DISABLE_XET=1` to send large objects. Repositories are of the kinds `model` and `dataset`.

    Attributes:
        faults: What goes wrong, on demand.
        requests: In the order in which they were answered; may be cleared. No tokens are kept.
        url: For `HF_ENDPOINT`.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.requests: list[Request] = []
        self._store = Store()
        self._listener = Listener(ROUTES, self.faults, self.requests)
        port = self._listener.server_address[1]
        self.url = f"http://127.0.0.1:{port}"
        self._site = Site(self._store, self.url, f"http://localhost:{port}", secrets.token_bytes(16))

    def __enter__(self) -> Self:
        self._listener.start(self._site)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the answering, and drops all connections."""
        self.faults.clear()
        self._listener.close()

    def environment(self, home: Path, token: str | None = None) -> dict[str, str]:
        """For a process whose clients are to speak with this Hub and keep what they get under `home`."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
        known = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
        return inherited | known | {"NO_PROXY": HERE, "no_proxy": HERE} | ({"HF_TOKEN": token} if token else {})

    def add_user(self, name: str, *, token: str, organisations: Iterable[str] = (), can_write: bool = True) -> None:
        """Makes a token known; a user may have several, some of them only for reading."""
        with self._store.lock:
            self._store.users[token] = User(name, tuple(organisations), can_write)

    def add_repo(
        self,
        kind: str,
        name: str,
        files: Mapping[str, bytes],
        *,
        private: bool = False,
        gated: bool = False,
        readers: Iterable[str] = (),
    ) -> str:
        """Makes a repository with one commit, and gives the commit's id.

        Args:
            readers: Users who are let in besides the owner, where it is private or gated.

        Raises:
            ValueError: The name is taken.
        """
        repo = Repo(kind, name, private, gated, frozenset(readers))
        commit = repo.commit("main", as_files(files), "initial commit", author=repo.owner)
        if not self._store.add(repo):
            raise ValueError(f"Received {kind} {name}, which is there already; expected a new name.")
        return commit.sha

    def add_branch(self, kind: str, name: str, branch: str, files: Mapping[str, bytes]) -> str:
        """Puts a commit with these files alone on a branch, a new one without a past, and gives the commit's id."""
        repo = self._repo(kind, name)
        return repo.commit(branch, as_files(files), f"update {branch}", author=repo.owner).sha

    def rename(self, kind: str, old: str, new: str) -> None:
        """Gives a repository another name, to which the old one leads.

        Raises:
            ValueError: The new name is taken.
        """
        self._repo(kind, old)
        if not self._store.rename(kind, old, new):
            raise ValueError(f"Received {kind} {new}, which is there already; expected a new name.")

    def files(self, kind: str, name: str, revision: str = "main") -> dict[str, bytes]:
        """Contents by path."""
        return {path: file.data for path, file in self._commit(kind, name, revision).files.items()}

    def commits(self, kind: str, name: str, revision: str = "main") -> list[tuple[str, str]]:
        """Message and id of each commit, newest first."""
        return [(commit.message, commit.sha) for commit in self._commit(kind, name, revision).history()]

    def objects(self, kind: str, name: str) -> dict[str, bytes]:
        """The large objects that have arrived, committed or not, by SHA-256."""
        repo = self._repo(kind, name)
        with repo.lock:
            return dict(repo.objects)

    def _commit(self, kind: str, name: str, revision: str) -> Commit:
        commit = self._repo(kind, name).find(revision)
        if commit is None:
            raise KeyError(f"Received revision {revision!r} of {kind} {name}, which is not there.")
        return commit

    def _repo(self, kind: str, name: str) -> Repo:
        with self._store.lock:
            if (kind, name) not in self._store.repos:
                raise KeyError(
                    f"Received {kind} {name}, which is not there; expected one of {list(self._store.repos)}."
                )
            return self._store.repos[kind, name]
