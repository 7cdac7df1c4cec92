"""The stand-in for the Hub when things go wrong, held against the real client."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from hashlib import sha256
from pathlib import Path

import pytest
import requests
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from tests.hub import Hub

WEIGHTS = os.urandom(2_000_000)
UPLOAD = """
import sys
from huggingface_hub import HfApi
HfApi().upload_file(path_or_fileobj=sys.argv[1], path_in_repo="model.safetensors", repo_id="ada/tiny")
"""


def upload(api: HfApi) -> str:
    return api.upload_file(path_or_fileobj=WEIGHTS, path_in_repo="model.safetensors", repo_id="ada/tiny").oid


def puts(hub: Hub) -> list[tuple[int, int]]:
    """Status and bytes received of each large object that was sent."""
    return [(request.status, request.received) for request in hub.requests if request.method == "PUT"]


@pytest.fixture
def tiny(hub):
    hub.add_repo("model", "ada/tiny", {"config.json": b"{}"})
    return hub


def test_too_many_requests(tiny, api):
    tiny.faults.fail(times=2, path="/commit/", status=429, retry_after=1)
    for _ in range(2):
        with pytest.raises(HfHubHTTPError, match="429") as refused:
            upload(api)
        assert refused.value.response.headers["Retry-After"] == "1"
    assert len(tiny.commits("model", "ada/tiny")) == 1
    upload(api)
    assert len(tiny.commits("model", "ada/tiny")) == 2
    assert puts(tiny) == [(200, len(WEIGHTS))]


def test_server_errors(tiny, api):
    tiny.faults.fail(path="/preupload/", status=500)
    with pytest.raises(HfHubHTTPError, match="A fault on demand: 500"):
        upload(api)
    tiny.faults.clear()
    tiny.faults.fail(method="PUT", times=1, status=503)
    upload(api)
    assert puts(tiny) == [(503, len(WEIGHTS)), (200, len(WEIGHTS))]


def upload_address(hub: Hub, oid: str, size: int) -> str:
    """Where the Hub wants a large object to be put."""
    asked = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": size}]}
    answer = requests.post(
        f"{hub.url}/ada/tiny.git/info/lfs/objects/batch",
        json=asked,
        headers={"Authorization": "Bearer hf_ada"},
        timeout=60,
    )
    return answer.json()["objects"][0]["actions"]["upload"]["href"]


def test_a_cut_upload_leaves_no_half_object(tiny, api):
    tiny.faults.cut(path="/lfs/", after_bytes=1000, times=2)
    with pytest.raises(requests.ConnectionError):
        requests.put(upload_address(tiny, sha256(WEIGHTS).hexdigest(), len(WEIGHTS)), data=WEIGHTS, timeout=60)
    assert tiny.objects("model", "ada/tiny") == {}
    upload(api)
    assert puts(tiny) == [(0, 1000), (0, 1000), (200, len(WEIGHTS))]
    assert tiny.files("model", "ada/tiny")["model.safetensors"] == WEIGHTS


@pytest.mark.parametrize("data", [b"other bytes", b"too few"])
def test_an_object_is_refused_if_it_is_not_what_it_says(tiny, data):
    address = upload_address(tiny, sha256(b"these bytes").hexdigest(), 11)
    assert requests.put(address, data=data, timeout=60).status_code == 400
    assert requests.put(f"{address}0", data=b"these bytes", timeout=60).status_code == 403
    authorization = {"Authorization": "Bearer hf_ada"}
    assert requests.put(address, data=b"these bytes", headers=authorization, timeout=60).status_code == 400
    other_size = upload_address(tiny, sha256(b"these bytes").hexdigest(), 12)
    assert requests.put(other_size, data=b"these bytes", timeout=60).status_code == 400
    assert tiny.objects("model", "ada/tiny") == {}
    assert requests.put(address, data=iter([b"these ", b"bytes"]), timeout=60).status_code == 200
    assert list(tiny.objects("model", "ada/tiny").values()) == [b"these bytes"]


def test_a_killed_client_leaves_no_half_object(tiny, tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(os.urandom(30_000_000))
    tiny.faults.throttle(bytes_per_second=100_000, method="PUT")
    command = [sys.executable, "-c", UPLOAD, str(file)]
    environment = tiny.environment(tmp_path / "home", token="hf_ada")
    client = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while not any(request.path.endswith("/batch") for request in tiny.requests):
        time.sleep(0.02)
    time.sleep(0.2)
    client.kill()
    client.wait()
    tiny.faults.clear()
    assert tiny.objects("model", "ada/tiny") == {}
    assert subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=False).returncode == 0
    assert tiny.files("model", "ada/tiny")["model.safetensors"] == file.read_bytes()


def test_a_lost_answer_is_to_a_commit_that_was_made(tiny, api):
    tiny.faults.lose_answer(path="/commit/", times=1)
    with pytest.raises(requests.ConnectionError):
        upload(api)
    assert tiny.files("model", "ada/tiny")["model.safetensors"] == WEIGHTS
    assert upload(api) == tiny.commits("model", "ada/tiny")[0][1]
    assert len(tiny.commits("model", "ada/tiny")) == 2


def test_a_cut_download_is_taken_up_again(tiny, api, tmp_path):
    upload(api)
    tiny.faults.cut(method="GET", path="/lfs/", after_bytes=1_500_000, times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.hf_hub_download("ada/tiny", "model.safetensors", cache_dir=tmp_path)
    assert Path(api.hf_hub_download("ada/tiny", "model.safetensors", cache_dir=tmp_path)).read_bytes() == WEIGHTS


def test_late_answers(tiny, api):
    tiny.faults.delay(seconds=30, path="/api/models/", times=1)
    with pytest.raises(requests.Timeout):
        api.model_info("ada/tiny", timeout=0.2)
    assert api.model_info("ada/tiny", timeout=60).id == "ada/tiny"


def test_what_waits_is_answered_when_the_faults_are_over(tiny):
    with ThreadPoolExecutor() as pool:
        tiny.faults.delay(seconds=600)
        waiting = pool.submit(requests.get, f"{tiny.url}/api/models/ada/tiny", timeout=60)
        assert not wait([waiting], timeout=0.2).done
        tiny.faults.clear()
        assert waiting.result(timeout=60).json()["id"] == "ada/tiny"


def test_a_slow_link(tiny, api, tmp_path):
    tiny.faults.throttle(bytes_per_second=5_000_000, path="/lfs/")
    for work in (lambda: upload(api), lambda: api.hf_hub_download("ada/tiny", "model.safetensors", cache_dir=tmp_path)):
        start = time.monotonic()
        work()
        assert time.monotonic() - start >= 0.4


def test_the_same_requests_fail_whatever_their_order():
    def answers(seed: int, paths: list[str]) -> dict[str, list[int]]:
        with Hub() as hub, ThreadPoolExecutor(8) as pool:
            hub.faults.fail(share=0.5, seed=seed)
            list(pool.map(lambda path: requests.get(hub.url + path, timeout=60), paths))
            return {path: [request.status for request in hub.requests if request.path == path] for path in paths}

    paths = [f"/api/models/ada/{number % 20}" for number in range(60)]
    first = answers(0, paths)
    assert answers(0, paths[::-1]) == first
    assert answers(1, paths) != first
    failed = sum(statuses.count(500) for statuses in first.values())
    assert 15 < failed < 45


def test_closing_ends_what_waits():
    with Hub() as hub, ThreadPoolExecutor() as pool:
        hub.faults.delay(seconds=30)
        waiting = pool.submit(requests.get, hub.url, timeout=30)
        time.sleep(0.1)
        hub.close()
        assert wait([waiting], timeout=60).done
    with pytest.raises(requests.ConnectionError):
        requests.get(hub.url, timeout=60)


def test_many_clients_at_once(tiny):
    def add(number: int) -> None:
        data = bytes([number, 255]) * 1000
        HfApi(tiny.url, token="hf_ada").upload_file(path_or_fileobj=data, path_in_repo=f"{number}", repo_id="ada/tiny")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    assert len(tiny.files("model", "ada/tiny")) == len(tiny.commits("model", "ada/tiny")) == 25
