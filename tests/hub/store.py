"""Users, and repositories with their commits, branches and large objects, all in memory."""

import hashlib
import threading
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

LFS_ENDINGS = (
    *(".7z", ".arrow", ".bin", ".bz2", ".ckpt", ".ftz", ".gz", ".h5", ".joblib", ".mlmodel", ".model", ".msgpack"),
    *(".npy", ".npz", ".onnx", ".ot", ".parquet", ".pb", ".pickle", ".pkl", ".pt", ".pth", ".rar", ".safetensors"),
    *(".tar", ".tflite", ".tgz", ".wasm", ".xz", ".zip", ".zst"),
)
LARGEST_REGULAR = 10_000_000
"""In bytes: what is larger is kept as an LFS object, whatever it is called."""

GIT_ATTRIBUTES = "".join(f"*{ending} filter=lfs diff=lfs merge=lfs -text\n" for ending in LFS_ENDINGS).encode()


def belongs_in_lfs(path: str, sample: bytes, size: int) -> bool:
    """Whether a file is kept as an LFS object, by its name, its size and its first bytes; an empty one never is."""
    return size > 0 and (path.endswith(LFS_ENDINGS) or size > LARGEST_REGULAR or not _is_text(sample, size))


@dataclass(frozen=True)
class File:
    """A file of a commit, in git itself or as an LFS object."""

    data: bytes
    in_lfs: bool

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        """What git keeps in place of an LFS object."""
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        return text.encode()

    @cached_property
    def blob_id(self) -> str:
        """The id that git gives the file, or the pointer to it."""
        content = self.pointer if self.in_lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class Commit:
    """A state of all files; its id follows from what is in it, so two runs give the same ids."""

    files: Mapping[str, File]
    message: str
    author: str
    description: str = ""
    parent: "Commit | None" = None
    date: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def sha(self) -> str:
        parent = self.parent.sha if self.parent else ""
        return sha1_of(parent, tree_id(self.files), self.author, self.message, self.description)

    def history(self) -> "Iterator[Commit]":
        """This commit and those before it, newest first."""
        commit: Commit | None = self
        while commit:
            yield commit
            commit = commit.parent


@dataclass
class Repo:
    """One repository.

    Args:
        kind: `model` or `dataset`.
        readers: Names of users who are let in besides the owner, where it is private or gated.
    """

    kind: str
    name: str
    private: bool = False
    gated: bool = False
    readers: frozenset[str] = frozenset()
    branches: dict[str, Commit] = field(default_factory=dict)
    tags: dict[str, Commit] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def owner(self) -> str:
        """The user or organisation it belongs to; empty for the Hub's own, which have a name of one part."""
        return self.name.rpartition("/")[0]

    def commit(
        self, branch: str, files: Mapping[str, File], message: str, *, author: str, description: str = ""
    ) -> Commit:
        """Puts a new state of all files on top of a branch, which is made where it is missing."""
        with self.lock:
            self.objects |= {file.sha256: file.data for file in files.values() if file.in_lfs}
            commit = Commit(dict(files), message, author, description, self.branches.get(branch))
            self.branches[branch] = commit
            return commit

    def find(self, revision: str) -> Commit | None:
        """The commit of a branch, a tag or a commit id of 7 figures or more."""
        with self.lock:
            named = self.branches | self.tags
            if revision in named:
                return named[revision]
            if len(revision) < 7:
                return None
            known = (commit for top in named.values() for commit in top.history())
            return next((commit for commit in known if commit.sha.startswith(revision)), None)


@dataclass(frozen=True)
class User:
    """Who a token belongs to."""

    name: str
    organisations: tuple[str, ...] = ()
    can_write: bool = True

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (self.name, *self.organisations)


@dataclass
class Store:
    """All users and repositories."""

    users: dict[str, User] = field(default_factory=dict, repr=False)
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    moved: dict[tuple[str, str], str] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def add(self, repo: Repo) -> bool:
        """Takes up a new repository; False where its name is taken."""
        with self.lock:
            key = (repo.kind, repo.name)
            if key in self.repos:
                return False
            self.moved.pop(key, None)
            self.repos[key] = repo
            return True

    def remove(self, repo: Repo) -> None:
        with self.lock:
            self.repos.pop((repo.kind, repo.name), None)

    def rename(self, kind: str, old: str, new: str) -> bool:
        """Gives a repository another name, to which the old one leads; False where the new one is taken."""
        with self.lock:
            if (kind, new) in self.repos:
                return False
            repo = self.repos.pop((kind, old))
            repo.name = new
            self.repos[kind, new] = repo
            self.moved.pop((kind, new), None)
            self.moved[kind, old] = new
            return True


def as_files(contents: Mapping[str, bytes]) -> dict[str, File]:
    """Contents by path as files, each in git or in LFS as the rule has it."""
    return {path: File(data, belongs_in_lfs(path, data[:512], len(data))) for path, data in contents.items()}


def tree_id(files: Mapping[str, File]) -> str:
    """An id for a set of files; not git's own, which clients do not compute."""
    return sha1_of(*(f"{path} {files[path].blob_id}" for path in sorted(files)))


def sha1_of(*parts: str) -> str:
    return hashlib.sha1("\0".join(parts).encode()).hexdigest()


def folder_files(files: Mapping[str, File], folder: str) -> dict[str, File]:
    """The files in a folder and below it; all of them for the empty path."""
    return {path: file for path, file in files.items() if not folder or path.startswith(f"{folder}/")}


def last_change(commit: Commit, paths: Iterable[str]) -> Commit:
    """The newest commit that changed one of these paths."""
    paths = tuple(paths)
    for candidate in commit.history():
        before = candidate.parent.files if candidate.parent else {}
        if any(candidate.files.get(path) != before.get(path) for path in paths):
            return candidate
    return commit


def _is_text(sample: bytes, size: int) -> bool:
    """Whether the first bytes of so many are UTF-8; where there are more, the last character may be cut."""
    try:
        return "\0" not in getincrementaldecoder("utf-8")().decode(sample, final=len(sample) >= size)
    except UnicodeDecodeError:
        return False
