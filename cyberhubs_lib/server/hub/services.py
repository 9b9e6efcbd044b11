"""Removes services of the hub that its configuration does not have.

An administrator can make one through the hub's API, with an administrator's rights and a token of their
own. It is kept in the hub's database: who is blocked, or no administrator any more, would still have
it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from typing import Any, Protocol
from urllib.parse import quote

from tornado.httpclient import HTTPError

ROUNDS = 5  # a service can make another while it is removed
TOLD = 3600  # seconds for which it stays an alarm; the hub's log keeps it

log = logging.getLogger("access")


class Hub(Protocol):
    """The hub's API."""

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request."""


class Services:
    """Part of watch.py; `configured` are those that stay."""

    def __init__(self, hub: Hub, configured: Collection[str]):
        self.hub, self.configured = hub, configured
        self.found: dict[str, float] = {}  # name -> when it was seen last
        self.failing: dict[str, str] = {}  # name -> why it is still there

    async def clean(self) -> None:
        """Remove all others. Raises HTTPError, OSError if the hub does not say which there are."""
        self.failing = {}
        for _ in range(ROUNDS):
            others = {*await self.hub.ask("GET", "/services")} - {*self.configured, *self.failing}
            if not others:
                break
            await asyncio.gather(*map(self._remove, others))

    async def _remove(self, name: str) -> None:
        self.found[name] = time.monotonic()
        try:
            await self.hub.ask("DELETE", f"/services/{quote(name, safe='')}")
        except (HTTPError, OSError) as error:
            self.failing[name] = str(error)
        else:
            self.failing.pop(name, None)
            log.warning("removed the service %r: it is not of the hub's configuration", name)

    def alarms(self) -> list[str]:
        """What an administrator has to know: somebody with their rights meant to keep them."""
        since = time.monotonic() - TOLD
        gone = [repr(n) for n in sorted(self.found)
                if self.found[n] > since and n not in self.failing]  # fmt: skip
        said = [f"the service {n!r} cannot be removed: {e}" for n, e in self.failing.items()]
        if gone:
            said.append(
                "somebody with an administrator's rights made services of the hub, which were"
                f" removed: {', '.join(gone)}"
            )
        return said
