"""Commands in processes of their own, forked from one that has imported TensorFlow, which takes ten seconds each time.

Nothing of TensorFlow but its modules is there before the fork. One server does it for all the workers of a session: it
ends with the last of them, and kills what a client that is gone has left running.
"""

import array
import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PYTORCH_PYTHONS = [
    str(Path(python).absolute()) for python in os.environ.get("TF_NER_INTEROP_PYTHONS", "").split(os.pathsep) if python
]
"""Interpreters with PyTorch (`make interop` makes them), to be called from any folder."""

SERVERS = {
    "libraries": (
        "tensorflow", "tf_keras", "pandas", "pyarrow.parquet", "sklearn.metrics", "scipy.stats", "requests", "tyro"
    ),
    "project": (
        "datasets", "evaluate", "transformers.models.bert.modeling_tf_bert", "tf_ner.cli", "tf_ner.training.run",
        "tf_ner.training.scoring", "tf_ner.inference.predictor", "tf_ner.hub.upload", "tf_ner.cli.terminal",
    ),
}  # fmt: skip
"""What each server has imported; the second is forked from the first."""

WITH_GRAPHS = "TF_NER_TESTS_WITH_GRAPHS"
"""A variable; where it is set, TensorFlow makes graphs of functions in a process, and it is as slow as for users."""

_OF_THE_HUB = ("HF_", "HUGGINGFACE_", "TRANSFORMERS_", "USE_")
"""Variables that the project's libraries read when they are imported, but TensorFlow does not."""
_OF_THE_INTERPRETER = ("PYTHON", "TF_CPP_", "TF_ENABLE_", "XLA_", "LD_", "CUDA_")
_SECONDS_ALONE = 60.0


class Process(subprocess.Popen):
    """`subprocess.Popen` of this Python that has its libraries already, unless a variable asks for other ones."""

    _answers: socket.socket | None = None

    def _execute_child(self, args: Any, *others: Any) -> None:
        folder, variables, handles = others[4], others[5], others[9:15]
        variables = dict(os.environ if variables is None else variables)
        if args[0] != sys.executable or (server := _server_for(variables)) is None:
            executable, _, *rest = others
            super()._execute_child(args, executable, end_with_parent, *rest)
            return
        files = [own if own != -1 else number for number, own in enumerate(handles[number] for number in (0, 3, 5))]
        asked = {"command": args[1:], "variables": variables, "folder": folder or os.getcwd()}
        body = json.dumps(asked, default=os.fspath).encode()
        self._answers = _connect(server)
        ancillary = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))
        self._answers.sendmsg([len(body).to_bytes(4)], [ancillary])
        self._answers.sendall(body)
        self.pid = int.from_bytes(_read(self._answers, 4))
        self._child_created = True
        self._close_pipe_fds(*handles)

    def _internal_poll(self, *args: Any, **options: Any) -> int | None:
        return super()._internal_poll(*args, **options) if self._answers is None else self._exit_code(0)

    def _wait(self, timeout: float | None) -> int | None:
        if self._answers is None:
            return super()._wait(timeout)
        if self._exit_code(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def _exit_code(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._answers], [], [], timeout)[0]:
            self.returncode = int.from_bytes(_read(self._answers, 4), signed=True)
        return self.returncode


def run(command: list[Any], *, text_input: Any = None, check: bool = False, **options: Any) -> Any:
    """`subprocess.run`, with all that is printed caught."""
    with Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        printed, errors = process.communicate(text_input)
    done = subprocess.CompletedProcess(command, process.returncode, printed, errors)
    assert not check or done.returncode == 0, errors
    return done


def _address(server: str) -> str:
    """In the names without files, which end with who holds them."""
    return f"\0tf_ner-tests-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}-{server}"


def _server_for(variables: dict[str, str]) -> str | None:
    """Which server has read the variables that a process is to have; None if neither has."""
    if sys.platform != "linux":
        return None
    differ = {name for name, value in (variables.items() ^ os.environ.items()) if value is not None}
    if any(name.startswith(_OF_THE_INTERPRETER) and name != "PYTHONPATH" for name in differ):
        return None
    return "libraries" if any(name.startswith(_OF_THE_HUB) for name in differ) else "project"


_held: list[socket.socket] = []
"""Connections that say that this process is there."""


def _connect(server: str) -> socket.socket:
    if not _held:
        _hold_servers()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(_address(server))
    return connection


def _connect_when_there(server: str) -> socket.socket:
    """Connects to a server that another worker may be about to start."""
    end = time.monotonic() + _SECONDS_ALONE
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(_address(server))
            return connection
        except ConnectionRefusedError:
            connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _hold_servers() -> None:
    """Starts the servers, unless another worker of the session has."""
    listeners = [socket.socket(socket.AF_UNIX) for _ in SERVERS]
    try:
        for listener, server in zip(listeners, SERVERS, strict=True):
            listener.bind(_address(server))
            listener.listen(64)
    except OSError:
        pass
    else:
        numbers = [listener.fileno() for listener in listeners]
        subprocess.Popen(
            [sys.executable, "-m", "tests.processes", *map(str, numbers)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=ROOT, pass_fds=numbers, process_group=0,
        )  # fmt: skip
    for listener in listeners:
        listener.close()
    for server in SERVERS:
        connection = _connect_when_there(server)
        connection.sendall(bytes(4))
        _held.append(connection)


def _read(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        piece = connection.recv(size - len(content))
        if not piece:
            raise ConnectionError("the server of processes has gone")
        content += piece
    return content


class _Server:
    """Forks what clients ask for, and tells them how it ended."""

    def __init__(self, listener: socket.socket):
        self.listener = listener
        self.holders: set[socket.socket] = set()
        self.clients: dict[socket.socket, int] = {}
        self.selector = selectors.DefaultSelector()
        self.awakened, self.awaken = socket.socketpair()
        self.awakened.setblocking(False)
        self.awaken.setblocking(False)
        for each in (listener, self.awakened):
            self.selector.register(each, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.awaken.fileno())

    def serve(self) -> tuple[dict[str, Any], list[int]] | None:
        """Gives, in each process that it forks, what is to run there; None when the last client has gone."""
        end = time.monotonic() + _SECONDS_ALONE
        was_held = False
        while self.holders or (not was_held and time.monotonic() < end):
            for key, _ in self.selector.select(timeout=1):
                each = key.fileobj
                if each is self.awakened:
                    self.awakened.recv(1024)
                    self._tell_ends()
                elif each is self.listener:
                    connection, _ = self.listener.accept()
                    content, files, _, _ = socket.recv_fds(connection, 4, 3)
                    if size := int.from_bytes(content):
                        asked = json.loads(_read(connection, size))
                        if not (pid := os.fork()):
                            return asked, self._only(files)
                        connection.sendall(pid.to_bytes(4))
                        self.clients[connection] = pid
                        for file in files:
                            os.close(file)
                    else:
                        self.holders.add(connection)
                        was_held = True
                    self.selector.register(connection, selectors.EVENT_READ)
                else:
                    self._drop(each)
        for client in list(self.clients):
            self._drop(client)
        return None

    def _only(self, files: list[int]) -> list[int]:
        for each in list(self.selector.get_map().values()):
            each.fileobj.close()
        self.awaken.close()
        return files

    def _tell_ends(self) -> None:
        for client, pid in list(self.clients.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                client.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))
                self._forget(client)

    def _drop(self, connection: socket.socket) -> None:
        """Ends what a client that has gone, or ends, has left."""
        if (pid := self.clients.get(connection)) is not None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        self.selector.unregister(connection)
        self.clients.pop(connection, None)
        self.holders.discard(connection)
        connection.close()


def _run(asked: dict[str, Any], files: list[int]) -> None:
    """Runs a command as a new interpreter would, and ends."""
    end_with_parent()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    # Tests that are a job in the background were started to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        errors = "backslashreplace" if name == "stderr" else "strict"
        buffering = 1 if name == "stderr" else -1
        stream = open(number, mode, buffering, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["variables"])
    if WITH_GRAPHS not in os.environ:
        sys.modules["tensorflow"].config.run_functions_eagerly(True)
    exit_code = 0
    try:
        _execute(asked["command"])
    except SystemExit as stop:
        exit_code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        exit_code = 1
    # Taking apart all that was imported would take longer than most commands.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(exit_code)


def _execute(command: list[str]) -> None:
    if command[0] == "-c":
        sys.argv = ["-c", *command[2:]]
        sys.modules["__main__"] = module = types.ModuleType("__main__")
        exec(compile(command[1], "<string>", "exec"), module.__dict__)
    else:
        sys.argv = command
        sys.path[0] = str(Path(command[0]).parent)
        runpy.run_path(command[0], run_name="__main__")


def end_with_parent() -> None:
    """Has the kernel kill this process when the one that started it is no more."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _main() -> None:
    libraries, project = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    for name in SERVERS["libraries"]:
        importlib.import_module(name)
    is_first = os.fork() != 0
    if not is_first:
        for name in SERVERS["project"]:
            importlib.import_module(name)
    from tensorflow.python.eager import context

    assert not context.context()._initialized
    # What is collected there is there for good, and need not be copied into each process to be looked at.
    gc.freeze()
    listener, other = (libraries, project) if is_first else (project, libraries)
    other.close()
    if (asked := _Server(listener).serve()) is not None:
        _run(*asked)
    os._exit(0)


if __name__ == "__main__":
    _main()
