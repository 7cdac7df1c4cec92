"""The stand-in for the Hub, held against the real clients."""

import os
from pathlib import Path

import pytest
import requests
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub import Hub
from tests.hub.store import belongs_in_lfs

WEIGHTS = os.urandom(2_000_000)
CARD = "---\nlicense: mit\ntags: [ner]\npipeline_tag: token-classification\n---\nA card.\n"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    (folder / "logs").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "logs" / "losses.csv").write_text("épochs,loss\n")
    (folder / "empty.bin").touch()
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "README.md").write_text(
        "---\nlicense: mit\ntags: [ner]\npipeline_tag: token-classification\n---\nA card.\n"
    )
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def without_attributes(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a repository but the one that a new repository has."""
    return {path: data for path, data in files.items() if path != ".gitattributes"}


def sent(hub: Hub, method: str, part: str = "") -> list[int]:
    """The answers to requests of one method."""
    return [request.status for request in hub.requests if request.method == method and part in request.path]


@pytest.mark.parametrize(("name", "kind"), [("ada/tiny", "model"), ("lab/tiny", "model"), ("lab/words", "dataset")])
def test_a_folder_is_taken_up_whole_and_once(hub, api, folder, name, kind):
    assert api.create_repo(name, repo_type=kind).repo_id == name
    first = api.upload_folder(repo_id=name, repo_type=kind, folder_path=folder, commit_message="All of it")
    assert without_attributes(hub.files(kind, name)) == contents(folder)
    assert hub.commits(kind, name)[0] == ("All of it", first.oid)
    assert len(hub.objects(kind, name)) == 1
    assert sent(hub, "PUT") == [200]

    again = api.upload_folder(repo_id=name, repo_type=kind, folder_path=folder)
    assert again.oid == first.oid
    assert sent(hub, "PUT") == [200]
    assert len(hub.commits(kind, name)) == 2


def test_what_is_there_is_listed_and_read(hub, api, folder, tmp_path):
    api.create_repo("ada/tiny")
    sha = api.upload_folder(repo_id="ada/tiny", folder_path=folder).oid
    listed = {"README.md", "config.json", "empty.bin", "logs/losses.csv", "model.safetensors", ".gitattributes"}
    assert set(api.list_repo_files("ada/tiny")) == listed
    assert {entry.path for entry in api.list_repo_tree("ada/tiny", recursive=True)} == listed | {"logs"}
    assert [entry.path for entry in api.list_repo_tree("ada/tiny", "logs", expand=True)] == ["logs/losses.csv"]
    info = api.model_info("ada/tiny", files_metadata=True)
    assert (info.sha, info.private, info.gated, info.tags) == (sha, False, False, ["ner"])
    assert (info.pipeline_tag, info.card_data.license) == ("token-classification", "mit")
    weights, folder_there = api.get_paths_info("ada/tiny", ["model.safetensors", "nothing", "logs"], expand=True)
    assert weights.size == weights.lfs.size == len(WEIGHTS)
    assert folder_there.last_commit.oid == sha
    assert api.list_repo_commits("ada/tiny")[0].commit_id == sha
    for revision in (None, sha, sha[:7]):
        file = api.hf_hub_download("ada/tiny", "model.safetensors", revision=revision, cache_dir=tmp_path / "cache")
        assert Path(file).read_bytes() == WEIGHTS
    snapshot = Path(api.snapshot_download("ada/tiny", local_dir=tmp_path / "local"))
    assert (snapshot / "logs" / "losses.csv").read_text() == "épochs,loss\n"


def test_an_older_commit_and_another_branch_are_read(hub, api, tmp_path):
    hub.add_repo("model", "ada/tiny", {"config.json": b"1"})
    first = hub.commits("model", "ada/tiny")[0][1]
    api.create_branch("ada/tiny", branch="try/it")
    api.create_tag("ada/tiny", tag="v1")
    api.upload_file(path_or_fileobj=b"2", path_in_repo="config.json", repo_id="ada/tiny")
    api.upload_file(path_or_fileobj=b"3", path_in_repo="config.json", repo_id="ada/tiny", revision="try/it")
    for revision, data in (("main", b"2"), ("try/it", b"3"), ("v1", b"1"), (first, b"1")):
        file = api.hf_hub_download("ada/tiny", "config.json", revision=revision, cache_dir=tmp_path)
        assert Path(file).read_bytes() == data == hub.files("model", "ada/tiny", revision)["config.json"]
    assert [branch.name for branch in api.list_repo_refs("ada/tiny").branches] == ["main", "try/it"]
    api.delete_branch("ada/tiny", branch="try/it")
    api.delete_tag("ada/tiny", tag="v1")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("ada/tiny", revision="v1")


def test_files_and_folders_are_deleted(hub, api):
    hub.add_repo("model", "ada/tiny", {"a.json": b"a", "logs/b.csv": b"b", "c.json": b"c"})
    api.delete_file("a.json", "ada/tiny")
    api.delete_folder("logs", "ada/tiny")
    assert hub.files("model", "ada/tiny") == {"c.json": b"c"}
    with pytest.raises(EntryNotFoundError, match="name doesn't exist"):
        api.delete_file("a.json", "ada/tiny")
    api.delete_repo("ada/tiny")
    assert not api.repo_exists("ada/tiny")


def test_a_commit_is_refused_whole(hub, api):
    sha = hub.add_repo("model", "ada/tiny", {"a.json": b"a"})
    operations = [CommitOperationAdd("b.json", b"b"), CommitOperationDelete("nothing.json")]
    with pytest.raises(EntryNotFoundError):
        api.create_commit("ada/tiny", operations, commit_message="Half of it")
    api.create_commit("ada/tiny", [CommitOperationAdd("b.json", b"b")], commit_message="b", parent_commit=sha)
    with pytest.raises(HfHubHTTPError, match="A commit has happened since") as late:
        api.create_commit("ada/tiny", [CommitOperationAdd("c.json", b"c")], commit_message="c", parent_commit=sha)
    assert late.value.response.status_code == 412
    assert hub.files("model", "ada/tiny") == {"a.json": b"a", "b.json": b"b"}
    with pytest.raises(ValueError, match="Invalid metadata"):
        api.upload_file(path_or_fileobj=b"---\n- no\n---\n", path_in_repo="README.md", repo_id="ada/tiny")


def test_a_commit_may_change_nothing(hub):
    sha = hub.add_repo("model", "ada/tiny", {"a.json": b"a"})
    answer = requests.post(
        f"{hub.url}/api/models/ada/tiny/commit/main",
        data=b'{"key": "header", "value": {"summary": "Nothing"}}\n',
        headers={"Authorization": "Bearer hf_ada"},
        timeout=60,
    ).json()
    assert hub.commits("model", "ada/tiny") == [("Nothing", answer["commitOid"]), ("initial commit", sha)]


def test_who_is_let_in(hub, tmp_path):
    hub.add_repo("model", "ada/hidden", {"config.json": b"{}"}, private=True, readers=["bruno"])
    hub.add_repo("dataset", "ada/gated", {"train.csv": b"a"}, gated=True)
    nobody, bruno, ada = (HfApi(hub.url, token=token) for token in (False, "hf_bruno", "hf_ada"))
    with pytest.raises(RepositoryNotFoundError):
        nobody.hf_hub_download("ada/hidden", "config.json", cache_dir=tmp_path)
    with pytest.raises(RepositoryNotFoundError):
        nobody.model_info("ada/hidden")
    for reader in (bruno, ada):
        assert reader.hf_hub_download("ada/hidden", "config.json", cache_dir=tmp_path)
    for outsider, status in ((nobody, 401), (bruno, 403)):
        assert outsider.dataset_info("ada/gated").gated == "auto"
        with pytest.raises(GatedRepoError) as shut:
            outsider.hf_hub_download("ada/gated", "train.csv", repo_type="dataset", cache_dir=tmp_path)
        assert shut.value.response.status_code == status
    assert ada.hf_hub_download("ada/gated", "train.csv", repo_type="dataset", cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("token", "name", "status"),
    [(False, "ada/x", 401), ("hf_wrong", "ada/x", 401), ("hf_ada_reads", "ada/x", 403), ("hf_bruno", "ada/x", 403)],
)
def test_who_may_write(hub, token, name, status):
    hub.add_repo("model", "ada/tiny", {})
    api = HfApi(hub.url, token=token)
    with pytest.raises(HfHubHTTPError) as refused:
        api.create_repo(name)
    assert refused.value.response.status_code == status
    with pytest.raises(HfHubHTTPError) as refused:
        api.upload_file(path_or_fileobj=b"a", path_in_repo="a.txt", repo_id="ada/tiny")
    assert refused.value.response.status_code == status


def test_errors_are_of_the_class_that_clients_expect(hub, api, tmp_path):
    hub.add_repo("model", "ada/tiny", {"config.json": b"{}"})
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download("ada/tiny", "nothing.json", cache_dir=tmp_path)
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree("ada/tiny", "nothing"))
    with pytest.raises(RevisionNotFoundError):
        api.hf_hub_download("ada/tiny", "config.json", revision="nothing", cache_dir=tmp_path)
    with pytest.raises(RepositoryNotFoundError):
        api.hf_hub_download("ada/nothing", "config.json", cache_dir=tmp_path)
    with pytest.raises(RepositoryNotFoundError):
        api.upload_file(path_or_fileobj=b"a", path_in_repo="a.txt", repo_id="ada/nothing")
    with pytest.raises(HfHubHTTPError, match="already created"):
        api.create_repo("ada/tiny")
    assert api.create_repo("ada/tiny", exist_ok=True).repo_id == "ada/tiny"
    with pytest.raises(HfHubHTTPError, match="does not answer GET /api/spaces"):
        api.space_info("ada/tiny")


def test_an_old_name_leads_to_the_new_one(hub, api, tmp_path):
    hub.add_repo("dataset", "mod", {"train.csv": b"a", "train.bin": b"\0"})
    hub.rename("dataset", "mod", "lab/words")
    assert api.dataset_info("mod").id == "lab/words"
    for file, data in (("train.csv", b"a"), ("train.bin", b"\0")):
        assert Path(api.hf_hub_download("mod", file, repo_type="dataset", cache_dir=tmp_path)).read_bytes() == data
    api.move_repo("lab/words", "ada/words", repo_type="dataset")
    api.upload_file(path_or_fileobj=b"\0b", path_in_repo="train.bin", repo_id="lab/words", repo_type="dataset")
    assert hub.files("dataset", "ada/words")["train.bin"] == b"\0b"


@pytest.mark.parametrize(
    ("asked", "status", "data"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=7-99", 206, b"789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=10-", 416, None),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
@pytest.mark.parametrize("name", ["digits.txt", "digits.bin"])
def test_ranges(hub, name, asked, status, data):
    hub.add_repo("model", "ada/tiny", {name: b"0123456789"})
    answer = requests.get(f"{hub.url}/ada/tiny/resolve/main/{name}", headers={"Range": asked}, timeout=60)
    assert answer.status_code == status
    if status == 206:
        first = int(data[:1])
        assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(data) - 1}/10"
    assert status == 416 or answer.content == data


@pytest.mark.parametrize(
    ("path", "sample", "size", "expected"),
    [
        ("config.json", b"{}", 2, False),
        ("tokenizer.json", b"{}", 11_000_000, True),
        ("model.safetensors", b"text", 4, True),
        ("weights", b"\x80\x01", 2, True),
        ("notes", b"a\0b", 3, True),
        ("cut.txt", "é".encode()[:1], 600, False),
        ("empty.bin", b"", 0, False),
    ],
)
def test_what_is_kept_as_an_lfs_object(path, sample, size, expected):
    assert belongs_in_lfs(path, sample, size) is expected


def test_ignored_files_are_not_committed(hub, api, folder):
    hub.add_repo("model", "ada/tiny", {".gitignore": b"# runs\nlogs/\n*.safetensors\n"})
    api.upload_folder(repo_id="ada/tiny", folder_path=folder)
    assert hub.files("model", "ada/tiny").keys() == {".gitignore", "README.md", "config.json", "empty.bin"}


def test_tokens_are_not_kept(hub, api):
    api.whoami()
    HfApi(hub.url, token="hf_ada_reads").whoami()
    assert sent(hub, "GET") == [200, 200]
    assert "hf_" not in repr(hub.requests)
    assert "hf_" not in repr(vars(hub))
