"""Asks the provider again, while somebody is in, whether they still belong to the organisation.

Part of the service of watch.py, which then ends what is no longer allowed. The token is the one
that the person's last login gave, kept encrypted in the hub's database.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any, Protocol

from door import Door
from members import Answer, old
from organizations import ask
from tornado.httpclient import HTTPError

EVERY = 600  # seconds after which somebody is asked about again
PAUSE = 5  # seconds between two looks who that is

log = logging.getLogger("access")


class Hub(Protocol):
    """The hub's API."""

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request."""


class AskAgain:
    """Asks about all on the list of members, each when it is time. `doubts` is for the alarms."""

    def __init__(self, hub: Hub, door: Door, api: str):
        self.hub, self.door, self.api = hub, door, api
        self.tried: dict[str, float] = {}  # login -> when, by the loop's clock
        self.doubts: list[str] = []

    async def for_ever(self) -> None:
        """What goes wrong once is tried again, and said."""
        while True:
            try:
                await self.once()
            except (HTTPError, OSError, ValueError) as error:
                log.error("cannot ask about members just now: %s", error)
            await asyncio.sleep(PAUSE)

    async def once(self) -> None:
        """Ask about those whose time it is, one after the other, and write it down at once."""
        lists, now = self.door.live.now(), self.door.clock.real()
        clock = asyncio.get_running_loop().time()
        answers: dict[str, tuple[str, Answer]] = {}
        due = [name for name in old(lists.members, now, timedelta(seconds=EVERY))
               if clock - self.tried.get(name, -EVERY) >= EVERY]  # fmt: skip
        for name in due:
            self.tried[name] = clock
            token = await self.token(name)
            if token:
                answer = await ask(self.api, self.door.live.rules.organizations, name, token)
                answers[name] = lists.members[name].number, answer
        if due:
            self.door.saw(answers)
        if answers:
            found = {doubt for _, answer in answers.values() for doubt in answer.doubts}
            self.doubts[:] = sorted(found)  # the list that watch.py has, too
            for doubt in self.doubts:
                log.warning("members: %s", doubt)

    async def token(self, name: str) -> str:
        """Of the last login; "" for one who is no longer a user of the hub."""
        try:
            user = await self.hub.ask("GET", f"/users/{name}")
        except HTTPError as error:
            if error.code == 404:
                return ""
            raise
        return str((user.get("auth_state") or {}).get("access_token", ""))
