"""Docker behind its socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from shape import Call

SOCKET = "/var/run/docker.sock"
SECONDS = 120  # for an answer; with many servers at once Docker is slow
GONE_SECONDS = 5  # without anybody at the socket
# of Docker's events; its health checks, which are many, are none of these
STARTS_AND_ENDS = {"type": ["container"], "event": ["start", "oom", "die", "destroy"]}


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
        with self._sent(call) as (reply, _):
            return Answer(reply.status, reply.read())

    @contextlib.contextmanager
    def events(self, note: Callable[[Any], None]) -> Iterator[Callable[[float], None]]:
        """A function that waits until a container has started or ended, some seconds at most.

        What happens between two calls counts for the second. Each event goes to `note`. OSError when
        Docker says no more.
        """
        filters = quote(json.dumps(STARTS_AND_ENDS))
        with self._sent(Call("GET", f"/events?filters={filters}")) as (_, stream):
            rest = b""

            def wait(seconds: float) -> None:
                nonlocal rest
                if not select.select([stream], [], [], seconds)[0]:
                    return
                data = stream.recv(65536)
                if not data:
                    raise OSError("Docker tells no more events")
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:  # between them are the lengths of HTTP's chunks
                    if line.startswith(b"{"):
                        note(json.loads(line))

            yield wait

    @contextlib.contextmanager
    def _sent(self, call: Call) -> Iterator[tuple[http.client.HTTPResponse, socket.socket]]:
        """The head of the answer, and the connection on which the rest comes."""
        connection = http.client.HTTPConnection("docker", timeout=SECONDS)
        connection.sock = stream = socket.socket(socket.AF_UNIX)
        with contextlib.closing(stream), contextlib.closing(connection):
            stream.settimeout(SECONDS)
            self._connect(stream)
            headers = {"Content-Type": "application/json"} if call.body else {}
            connection.request(call.method, self.version + call.path, call.body, headers)
            with connection.getresponse() as reply:
                yield reply, stream

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
