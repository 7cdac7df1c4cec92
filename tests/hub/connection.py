"""Reading requests, writing answers, and doing both badly when a fault says so."""

import math
import re
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.hub.faults import Faults, Plan
from tests.hub.messages import Answer, Call, HubError, Site, User, as_json, unquoted

Route = tuple[str, str, Callable[[Call], Answer]]

_PIECE = 1 << 16
_PIECES_PER_SECOND = 20
"""In so many steps a slow link moves what it carries in a second."""


class Request(NamedTuple):
    """A request as it was answered.

    Args:
        path: As sent, still quoted, without the query.
        status: 0 where the connection broke before there was an answer.
        received: In bytes, of the body.
    """

    method: str
    path: str
    status: int
    received: int


class Listener(ThreadingHTTPServer):
    """Answers at one port of this machine, each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 128
    site: Site

    def __init__(self, routes: tuple[Route, ...], faults: Faults, requests: list[Request]) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.routes = routes
        self.faults = faults
        self.requests = requests
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def start(self, site: Site) -> None:
        self.site = site
        self._thread.start()

    def close(self) -> None:
        """Ends the answering, and drops all connections."""
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def server_bind(self) -> None:
        """Binds without asking for the machine's name, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        """Says nothing of clients that go away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Connection(BaseHTTPRequestHandler):
    """One client's connection, with one request after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def serve(self) -> None:
        """Answers one request, in the way that the faults have it."""
        path, _, query = self.path.partition("?")
        plan = self.server.faults.plan(self.command, path)
        body = bytearray()
        answer = None
        if self._receive(body, path, plan):
            plan.wait(plan.seconds)
            answer = _failure(plan) if plan.status else self._answer(path, query, bytes(body))
        if plan.lost:
            answer = None
        # Told before it is sent, so that a client that has its answer finds its request here.
        self.server.requests.append(Request(self.command, path, answer.status if answer else 0, len(body)))
        if answer:
            self._send(answer, path, plan, may_be_cut=not body)
        else:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Says nothing: requests are kept, not printed."""

    def _receive(self, body: bytearray, path: str, plan: Plan) -> bool:
        """Reads the body; whether it came whole."""
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        length = math.inf if chunked else int(self.headers.get("Content-Length") or 0)
        limit = self.server.faults.cut_point(self.command, path, length) if length else math.inf
        size = _piece_size(plan)
        try:
            for piece in self._chunks(size) if chunked else self._pieces(int(length), size):
                body += piece
                if len(body) >= limit:
                    del body[int(limit) :]
                    return False
                self._pause(len(piece), plan)
        except ConnectionError:
            return False
        return True

    def _pieces(self, length: int, size: int) -> Iterator[bytes]:
        while length:
            piece = self.rfile.read1(min(length, size))
            if not piece:
                raise ConnectionError("The client went away in the middle of a body")
            length -= len(piece)
            yield piece

    def _chunks(self, size: int) -> Iterator[bytes]:
        """The body of a request that does not say its length beforehand."""
        while length := self._chunk_length():
            yield from self._pieces(length, size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _chunk_length(self) -> int:
        line = self.rfile.readline()
        if not line:
            raise ConnectionError("The client went away between two chunks")
        return int(line.partition(b";")[0], 16)

    def _answer(self, path: str, query: str, body: bytes) -> Answer:
        for methods, pattern, answer in self.server.routes:
            match = re.fullmatch(pattern, path) if self.command in methods.split() else None
            if match is None:
                continue
            try:
                parts = unquoted(match.groupdict())
                return answer(
                    Call(self.server.site, self.command, path, query, self.headers, body, self._user(), parts)
                )
            except HubError as error:
                return error.answer
            except (KeyError, TypeError, ValueError) as error:
                return as_json({"error": f"The request cannot be understood: {error!r}"}, status=400)
        return as_json({"error": f"This Hub does not answer {self.command} {path}"}, status=501)

    def _user(self) -> User | None:
        """Whose token the request came with.

        Raises:
            HubError: Nobody's.
        """
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        user = self.server.site.store.users.get(token)
        if user is None:
            raise HubError(401, "Invalid credentials in Authorization header")
        return user

    def _send(self, answer: Answer, path: str, plan: Plan, *, may_be_cut: bool) -> None:
        body = b"" if self.command == "HEAD" else answer.body
        limit = self.server.faults.cut_point(self.command, path, len(body)) if may_be_cut and body else math.inf
        size = _piece_size(plan)
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            end = int(min(len(body), limit))
            for start in range(0, end, size):
                piece = body[start : min(start + size, end)]
                self.wfile.write(piece)
                self._pause(len(piece), plan)
        except ConnectionError:
            self.close_connection = True
        self.close_connection |= limit < math.inf

    def _pause(self, num_bytes: int, plan: Plan) -> None:
        if plan.bytes_per_second:
            plan.wait(num_bytes / plan.bytes_per_second)


# The methods that a handler knows are those that it has an attribute for.
for _method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
    setattr(Connection, f"do_{_method}", Connection.serve)


def _piece_size(plan: Plan) -> int:
    """In bytes, how much is moved at a time."""
    return max(1, min(_PIECE, plan.bytes_per_second // _PIECES_PER_SECOND)) if plan.bytes_per_second else _PIECE


def _failure(plan: Plan) -> Answer:
    headers = {} if plan.retry_after is None else {"Retry-After": str(plan.retry_after)}
    return as_json({"error": f"A fault on demand: {plan.status}"}, status=plan.status, headers=headers)
