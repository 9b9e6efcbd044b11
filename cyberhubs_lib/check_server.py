"""The user server of the proof: started as the check user, its start followed, and removed again."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
from docker.errors import NotFound

from .engine import engine
from .errors import CyberhubsError
from .host import Host
from .site import Site
from .site_types import CHECK_USER

LINES = 15  # of the user server's log
LOOK_SECONDS = 0.5  # between two looks for its container


class NoServer(Exception):
    """No user server came up. `messages`: what JupyterHub said of its progress."""

    def __init__(self, why: str, messages: Sequence[str] = ()):
        super().__init__(why)
        self.messages = list(messages)


@contextmanager
def check_server(site: Site, token: str, tls: ssl.SSLContext | bool = True) -> Iterator[str]:
    """A user server of the check user; stopped and removed again, whatever happens. Raises NoServer."""
    api = f"{site.public_url}/hub/api/users/{CHECK_USER}"
    headers = {"Authorization": f"token {token}"}
    with httpx.Client(headers=headers, timeout=60, verify=tls) as hub:
        hub.post(api)
        try:
            started = hub.post(f"{api}/server", json={})
            if started.is_error:
                raise NoServer(_reason(started))
            wait_until_ready(hub, f"{api}/server/progress", 2 * site.limits.start_seconds + 60)
            yield site.server_url(CHECK_USER)
        finally:
            hub.delete(f"{api}/server", params={"remove": "true"})
            hub.delete(api)


def wait_until_ready(hub: httpx.Client, url: str, seconds: float) -> None:
    """Follow the events at `url` until the server is ready. Raises NoServer.

    JupyterHub gives up by itself, after `limits.start_seconds`; `seconds` is for a hub that does not.
    """
    messages: list[str] = []
    end = time.monotonic() + seconds
    with hub.stream("GET", url) as events:
        if events.is_error:
            events.read()
            raise NoServer(_reason(events))
        for line in events.iter_lines():  # an empty one every 8 seconds
            if time.monotonic() > end:
                raise NoServer(f"no server and no error within {seconds:.0f} s", messages)
            field, _, value = line.partition(":")
            if field != "data":
                continue
            event = json.loads(value)
            if event.get("ready"):
                return
            messages.append(str(event.get("message", "")))
            if event.get("failed"):
                raise NoServer(messages[-1], messages)
    raise NoServer("the hub stopped telling how the start goes on", messages)


def _reason(reply: httpx.Response) -> str:
    """JupyterHub's message, or the status alone."""
    try:
        return f"HTTP {reply.status_code}: {reply.json()['message']}"
    except (ValueError, LookupError, TypeError):
        return f"HTTP {reply.status_code}"


class ServerLog:
    """The last lines of the check user's server, read while it runs.

    Docker removes the container when it ends, and its log with it.
    """

    def __init__(self, host: Host, site: Site):
        self.host = host
        # DockerSpawner writes a - of a user name like this
        self.container = f"{site.project}-user-{CHECK_USER.replace('-', '-2d')}"
        self._said: deque[bytes] = deque(maxlen=500)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> ServerLog:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """When its server was stopped: the log ends by itself."""
        self._over.set()
        self._thread.join(10)

    @property
    def lines(self) -> list[str]:
        """The last ones; empty if there was no container."""
        return b"".join(self._said).decode(errors="replace").splitlines()[-LINES:]

    def _read(self) -> None:
        try:
            with engine(self.host) as client:
                while not self._over.wait(LOOK_SECONDS):
                    try:
                        container = client.containers.get(self.container)
                        self._said.extend(container.logs(stream=True, follow=True))
                        return
                    except NotFound:
                        continue
        except Exception as error:  # of a second one nobody would read the first
            why = error.found if isinstance(error, CyberhubsError) else error
            self._said.append(f"its log is unknown: {why}".encode())
