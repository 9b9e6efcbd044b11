"""The stand-in's organisations and teams, as GitHub tells of them (docs.github.com, REST API)."""

from __future__ import annotations

from typing import Any

from oauth import Standin

NOT_FOUND = {"message": "Not Found", "status": "404"}
SCOPE = "You need at least read:org scope or user scope to get your organization membership."


def membership(
    path: str, user: dict[str, Any] | None, standin: Standin, bearer: str
) -> tuple[int, dict[str, Any]]:
    """/user/memberships/orgs/ORG and /orgs/ORG/teams/TEAM/memberships/LOGIN, below /api/v3."""
    if user is None:
        return 401, {"message": "Bad credentials", "status": "401"}
    if "read:org" not in standin.asked_with(bearer).get("scope", "").split():
        return 403, {"message": SCOPE, "status": "403"}
    match path.removeprefix("/api/v3/").split("/"):
        case ["user", "memberships", "orgs", organization]:
            login, wanted = user["login"], organization
        case ["orgs", organization, "teams", team, "memberships", login]:
            wanted = f"{organization}:{team}"
        case _:
            return 404, NOT_FOUND
    account = standin.accounts.get(login, {})
    mine = standin.accounts[user["login"]].get("organizations", [])
    seen = any(one.partition(":")[0] == organization for one in mine)  # others' teams are hidden
    if not seen or wanted not in _with_parents(account.get("organizations", [])):
        return 404, NOT_FOUND
    return 200, {"state": "active", "role": "member"}


def _with_parents(organizations: list[str]) -> set[str]:
    """Who is in a team is in its organisation."""
    return {*organizations, *(one.partition(":")[0] for one in organizations)}
