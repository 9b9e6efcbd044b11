"""The hub's own API, as the service of watch.py uses it."""

from __future__ import annotations

import json
from typing import Any

from judge import Person
from tornado.httpclient import AsyncHTTPClient

PAGE = 200  # users in one answer, the most that the hub gives


class Hub:
    """The hub's API, as this service may use it."""

    def __init__(self, url: str, token: str):
        self.url, self.token = url, token

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the answer's JSON. Raises HTTPError, OSError."""
        reply = await AsyncHTTPClient().fetch(
            self.url + path,
            method=method,
            headers={"Authorization": f"token {self.token}"},
            body=None if body is None else json.dumps(body),
            request_timeout=30,
        )
        return json.loads(reply.body) if reply.body else None

    async def people(self) -> list[Person]:
        """Everybody in the hub's database."""
        found: list[dict[str, Any]] = []
        while page := await self.ask("GET", f"/users?limit={PAGE}&offset={len(found)}"):
            found += page
            if len(page) < PAGE:
                break
        return [
            Person(u["name"], bool(u["admin"]), bool(u["servers"] or u["pending"])) for u in found
        ]
