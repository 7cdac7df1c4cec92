"""What the tests start ends with them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import processes
from tests.processes import ROOT, Process

SLEEPS = """
import os, sys
from pathlib import Path
from tests.processes import Process

def test_sleeps(tmp_path):
    # A variable of the interpreter asks for another process than a fork.
    command = [sys.executable, "-c", "import time; time.sleep(600)", "SECRET"]
    process = Process(command, env=os.environ | {"PYTHONHASHSEED": "1"})
    Path("started").write_text(f"{os.getpid()} {process.pid}")
    process.wait()
"""


@pytest.mark.parametrize(
    ("code", "exit_code", "printed", "errors"),
    [
        ("import sys; print(sys.argv, sys.stdin.read())", 0, "['-c', 'é'] given\n", ""),
        ("import sys; sys.exit('told')", 1, "", "told\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, "", ""),
        ("import os; print(os.environ['ONLY'], os.getcwd())", 0, "here /\n", ""),
    ],
)
def test_a_fork_is_as_a_process_of_its_own(code, exit_code, printed, errors):
    command = [sys.executable, "-c", code, "é"]
    environment = os.environ | {"ONLY": "here"}
    forked = processes.run(command, env=environment, cwd="/", text_input="given", text=True)
    alone = subprocess.run(
        command, env=environment, cwd="/", input="given", capture_output=True, text=True, check=False
    )
    for done in (forked, alone):
        assert (done.returncode, done.stdout, done.stderr) == (exit_code, printed, errors)


def is_alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until_ended(numbers):
    end = time.monotonic() + 60
    while left := [number for number in numbers if is_alive(number)]:
        assert time.monotonic() < end, left
        time.sleep(0.05)


def test_a_fork_ends_with_who_asked_for_it():
    process = Process([sys.executable, "-c", "import time; time.sleep(600)"])
    assert is_alive(process.pid)
    process._answers.shutdown(2)
    wait_until_ended([process.pid])
    process.returncode = -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with the one that started it")
def test_all_that_the_checks_have_started_ends_with_them(tmp_path):
    """A signal to `.ci/run` alone, in the middle of a test: the workers and what they have started go with it."""
    for name in ("Makefile", ".ci/run", "tests/__init__.py", "tests/conftest.py", "tests/processes.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tests" / "test_sleeps.py").write_text(SLEEPS)
    (tmp_path / "pyproject.toml").write_text('[tool.mypy]\nfiles = ["tests/test_sleeps.py"]\nfollow_imports = "skip"\n')
    (tmp_path / "requirements.txt").touch()
    for tool in ("ruff", "mypy"):
        (tmp_path / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        (tmp_path / ".venv" / "bin" / tool).symlink_to("/bin/true")
    (tmp_path / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    (tmp_path / ".venv" / "installed").touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "MAKE"))}
    checks = Process([tmp_path / ".ci" / "run"], cwd=tmp_path, env=environment | {"PYTHONPATH": str(tmp_path)},
                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    while not (tmp_path / "started").exists() or len((tmp_path / "started").read_text().split()) < 2:
        assert checks.poll() is None, checks.stdout.read()
        time.sleep(0.05)
    started = (tmp_path / "started").read_text().split()
    assert all(map(is_alive, started))
    checks.terminate()
    assert checks.wait(timeout=60) != 0
    wait_until_ended(started)
    checks.stdout.close()
