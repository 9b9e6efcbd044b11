"""The hub's own API, as the service of watch.py uses it."""

from __future__ import annotations

import json
from typing import Any

from access import LOGIN
from judge import Person
from tornado.httpclient import AsyncHTTPClient

PAGE = 200  # users in one answer, the most that the hub gives
PAGES = "application/jupyterhub-pagination+json"  # with it an answer says how many there are in all


class Hub:
    """The hub's API, as this service may use it."""

    def __init__(self, url: str, token: str):
        self.url, self.token = url, token
        self.odd: list[str] = []  # alarms: users whose record cannot be used

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the answer's JSON. Raises HTTPError, OSError."""
        reply = await AsyncHTTPClient().fetch(
            self.url + path,
            method=method,
            headers={"Authorization": f"token {self.token}", "Accept": PAGES},
            body=None if body is None else json.dumps(body),
            request_timeout=30,
        )
        return json.loads(reply.body) if reply.body else None

    async def people(self) -> list[Person]:
        """Everybody in the hub's database. A record that cannot be used is left out, with an alarm."""
        found: list[Person] = []
        offset, total = 0, 1
        while offset < total:
            page = await self.ask("GET", f"/users?limit={PAGE}&offset={offset}")
            found += [_person(user) for user in page["items"] if _is_sound(user)]
            offset, total = offset + PAGE, page["_pagination"]["total"]
        missing = total - len(found)
        self.odd = []
        if missing > 0:
            self.odd.append(f"users without a usable name, whom the lists do not reach: {missing};"
                            " `./cyberhubs hub restart` repairs the hub's database")  # fmt: skip
        return found


def _is_sound(user: dict[str, Any]) -> bool:
    name = user.get("name")
    return isinstance(name, str) and LOGIN.fullmatch(name) is not None


def _person(user: dict[str, Any]) -> Person:
    running = bool(user.get("servers") or user.get("pending"))
    return Person(user["name"], bool(user.get("admin")), running)
