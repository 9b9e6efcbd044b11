"""Names below localhost are this machine (RFC 6761, 6.3); browsers know that, many systems do not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def localhost_names() -> Iterator[None]:
    """While this lasts, Python's programs find them, too. Also goes before a function, with @.

    A trial at hub.localhost, with users' servers below it, can thus be looked at from here.
    """
    known = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **more: Any) -> Any:
        here = isinstance(host, str) and host.lower().rstrip(".").endswith(".localhost")
        return known("127.0.0.1" if here else host, *args, **more)

    socket.getaddrinfo = lookup
    try:
        yield
    finally:
        socket.getaddrinfo = known
