"""Asks GitHub whether somebody belongs to an organisation or team, with that person's own token.

docs.github.com, "REST API endpoints for organization members" and "... for team members". The token
needs the scope read:org, else GitHub tells of public members only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from members import Answer
from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPResponse

SECONDS = 10


def path_of(organization: str, login: str) -> str:
    """ORGANISATION or ORGANISATION:TEAM -> where GitHub answers. Of an organisation it is asked about
    the token's own account, of a team by the name."""
    name, _, team = (quote(part, safe="") for part in organization.partition(":"))
    if not team:
        return f"/user/memberships/orgs/{name}"
    return f"/orgs/{name}/teams/{team}/memberships/{quote(login, safe='')}"


async def ask(api: str, organizations: Iterable[str], login: str, token: str) -> Answer:
    """The first organisation to which the account belongs, or what is known instead. Never raises."""
    denied, doubts = [], []
    for organization in organizations:
        try:
            reply = await AsyncHTTPClient().fetch(
                api + path_of(organization, login),
                headers={
                    "Authorization": f"Bearer {token}",
                    "Accept": "application/vnd.github+json",
                    "User-Agent": "JupyterHub",
                },
                request_timeout=SECONDS,
                follow_redirects=False,
                raise_error=False,
            )
        except (HTTPError, OSError) as error:
            doubts.append(f"{organization}: GitHub cannot be asked ({error})")
            continue
        state = _json(reply).get("state")
        if reply.code == 200 and state == "active":
            return Answer(organization, frozenset(denied), tuple(doubts))
        if reply.code == 404 or (reply.code == 200 and state == "pending"):
            denied.append(organization)  # not a member, or invited and has not accepted
        else:
            doubts.append(_doubt(organization, reply))
    return Answer("", frozenset(denied), tuple(doubts))


def _doubt(organization: str, reply: HTTPResponse) -> str:
    """What is to be done about an answer that says neither yes nor no."""
    message = str(_json(reply).get("message", ""))[:200]
    name = organization.partition(":")[0]
    if reply.code == 401:
        return f"{organization}: GitHub no longer takes the token of the last login"
    if reply.code == 403 and "access restrictions" in message:
        return (
            f"{organization}: this hub's application may not see the members; an owner of {name}"
            " allows it (settings of the organisation, OAuth app policy)"
        )
    return f"{organization}: GitHub answers {reply.code} {message}".rstrip()


def _json(reply: HTTPResponse) -> dict[str, Any]:
    try:
        found = json.loads(reply.body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
