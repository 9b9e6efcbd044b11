"""Docker behind its socket."""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import dataclass

from shape import Call

SOCKET = "/var/run/docker.sock"
SECONDS = 120  # for an answer; with many servers at once Docker is slow
GONE_SECONDS = 5  # without anybody at the socket


@dataclass(frozen=True)
class Answer:
    """What Docker said, or what is said in its place; the body is JSON or plain text."""

    status: int
    body: bytes

    @classmethod
    def message(cls, status: int, text: str) -> Answer:
        """In the form in which Docker reports errors, so that the SDK shows it."""
        return cls(status, json.dumps({"message": text}).encode())


class Docker:
    """The engine behind its socket, always asked in the version that it itself names."""

    def __init__(self, path: str = SOCKET) -> None:
        self.path = path
        self.nobody_since = 0.0  # when the socket began to refuse; 0 while somebody listens
        self.version = ""
        self.version = "/v" + json.loads(self.ask(Call("GET", "/version")).body)["ApiVersion"]

    def ask(self, call: Call) -> Answer:
        """Send one request of ours and read the answer."""
        connection = http.client.HTTPConnection("docker", timeout=SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(SECONDS)
            self._connect(connection.sock)
            headers = {"Content-Type": "application/json"} if call.body else {}
            connection.request(call.method, self.version + call.path, call.body, headers)
            reply = connection.getresponse()
            return Answer(reply.status, reply.read())
        finally:
            connection.close()

    def _connect(self, sock: socket.socket) -> None:
        try:
            sock.connect(self.path)
        except (ConnectionRefusedError, FileNotFoundError):
            self.nobody_since = self.nobody_since or time.monotonic()
            raise
        self.nobody_since = 0.0

    def gone(self) -> bool:
        """Whether nobody has listened for a while: at this socket perhaps nobody will any more."""
        since = self.nobody_since
        return bool(since) and time.monotonic() - since > GONE_SECONDS
