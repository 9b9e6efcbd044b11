"""Between the hub and Docker: passes on what shape.py allows, as requests of its own.

A connection is one request, read whole, answered and closed. Python's standard library alone.
"""

from __future__ import annotations

import http.client
import json
import logging
import socket
import socketserver
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import own_home
from container import Settings
from ends import Ends
from engine import Answer, Docker
from networks import Networks
from shape import Call, owned, route
from strict_http import MOST_HEAD, Head, Refused, parse_head

SETTINGS = Path("/srv/broker.json")
ADDRESS = ("0.0.0.0", 2375)  # on a network that only the hub is on
READ_SECONDS = 10  # for the whole of a request
log = logging.getLogger("broker")


def serve(
    head: Head, body: bytes, settings: Settings, docker: Docker, networks: Networks, ends: Ends
) -> Answer:
    """Answer one request. An act on a container goes to the id of the one that was looked at."""
    call = route(head, body, settings)
    if call.path.endswith("/end"):  # Docker has no such call
        said = {"for_memory": ends.for_memory.get(call.container, False)}
        return Answer(200, json.dumps(said).encode())
    if call.user:
        own_home.identity(call.user)  # rather now than when it is to start
    if not call.container:
        return docker.ask(call)
    seen = docker.ask(Call("GET", f"/containers/{call.container}/json"))
    if seen.status != 200:
        return seen
    found = json.loads(seen.body)
    ident, user = owned(found, call.container, settings)
    if call.method == "GET":
        return seen
    if call.path.endswith("/start"):
        networks.ready(settings.network(found["Name"].removeprefix("/")))
        return own_home.start(docker.ask, ident, user)
    return docker.ask(replace(call, path=call.path.format(id=ident)))


def read_head(client: socket.socket, end: float) -> tuple[Head, bytes]:
    """The head, and what of the body came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > MOST_HEAD:
            raise Refused(f"a head of more than {MOST_HEAD} bytes")
        data += more(client, end)
    head, _, rest = data.partition(b"\r\n\r\n")
    return parse_head(head), rest


def read_body(client: socket.socket, head: Head, rest: bytes, end: float) -> bytes:
    """As many bytes as the head says. More is a second request, which is nobody's."""
    while len(rest) < head.length:
        rest += more(client, end)
    if len(rest) > head.length:
        raise Refused("more bytes than Content-Length says")
    return rest


def more(client: socket.socket, end: float) -> bytes:
    """The next bytes, if they come before `end`."""
    client.settimeout(max(end - time.monotonic(), 0.001))
    try:
        data = client.recv(65536)
    except TimeoutError:
        raise Refused(f"the request took more than {READ_SECONDS} s", 408) from None
    if not data:
        raise Refused("the request broke off")
    return data


class Handler(socketserver.BaseRequestHandler):
    """One connection, in a thread of its own."""

    settings: ClassVar[Settings]
    docker: ClassVar[Docker]
    networks: ClassVar[Networks]
    ends: ClassVar[Ends]

    def handle(self) -> None:
        """Called by socketserver."""
        asked = "a request"
        try:
            end = time.monotonic() + READ_SECONDS
            head, rest = read_head(self.request, end)
            asked = f"{head.method} {head.path[:200]}"
            body = read_body(self.request, head, rest, end)
            given = self.settings, self.docker, self.networks, self.ends
            answer = serve(head, body, *given)
        except Refused as refused:
            log.warning("refused %s: %s", asked, refused)
            why = (
                str(refused) if refused.status == 503 else f"the broker refused {asked}: {refused}"
            )
            answer = Answer.message(refused.status, why)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            log.error("no answer to %s: %s: %s", asked, type(error).__name__, error)
            answer = Answer.message(502, f"the broker has no answer from Docker: {error}")
        self.send(answer)

    def send(self, answer: Answer) -> None:
        """Answer; then read off what is still coming, or the client would lose the answer."""
        kind = "application/json" if answer.body.startswith((b"{", b"[")) else "text/plain"
        reason = http.client.responses.get(answer.status, "")
        lines = [f"HTTP/1.1 {answer.status} {reason}", f"Content-Type: {kind}", "Connection: close"]
        if answer.status not in (204, 304):  # these have no body
            lines.append(f"Content-Length: {len(answer.body)}")
        try:
            self.request.settimeout(READ_SECONDS)
            self.request.sendall("\r\n".join([*lines, "", ""]).encode() + answer.body)
            self.request.shutdown(socket.SHUT_WR)
            end = time.monotonic() + 1
            while more(self.request, end):
                pass
        except (OSError, Refused):
            pass  # the client has gone


class Server(socketserver.ThreadingTCPServer):
    """Threads wait for Docker; compose.yaml says how many of them there may be."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def service_actions(self) -> None:
        """Called twice a second: end if nobody is at Docker's socket.

        When Docker is updated it may make that file anew, and a container keeps the one that was there
        at its start. Docker starts this one again (compose.yaml), as soon as it runs itself.
        """
        if Handler.docker.gone():
            sys.exit(
                "nobody listens at Docker's socket: to be started again, with the one of today"
            )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    Handler.settings, Handler.docker = Settings.read(SETTINGS), Docker()
    Handler.networks = Networks(Handler.docker.ask, Handler.settings)
    Handler.ends = Ends(Handler.settings.prefix)
    looking = (lambda: Handler.docker.events(Handler.ends.note),)
    threading.Thread(target=Handler.networks.keep_on, args=looking, daemon=True).start()
    with Server(ADDRESS, Handler) as server:
        log.info("for %sUSER, Docker%s", Handler.settings.prefix, Handler.docker.version)
        server.serve_forever()
