"""JupyterHub's API, which refuses what would leave a broken record in the database.

JupyterHub 6.1.1 writes a user's fields as a request says them: a `name` that does not change becomes
NULL (`PATCH /users/NAME` in apihandlers/users.py), and neither its API nor its next start works.
It asks the authenticator for handlers before its own (handlers.py): these are its own, with checks.
"""

from __future__ import annotations

import json
from typing import Any

from access import LOGIN
from jupyterhub.apihandlers import groups, proxy, services, users
from tornado.web import HTTPError

LONGEST = 255  # characters of a name, as JupyterHub declares its columns


class Strict:
    """What all parts of the API have in common."""

    def get_json_body(self) -> Any:
        """The request's JSON object, None without any; 400 for what no part of the API can take."""
        body = super().get_json_body()  # type: ignore[misc]
        if not isinstance(body, dict | None):
            raise HTTPError(400, "the body must be a JSON object")
        try:
            json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise HTTPError(400, "half of a surrogate pair is no text") from None
        return body

    def write_error(self, status_code: int, **more: Any) -> None:
        """All requests share one session: what the database cannot hold would fail in each of them."""
        try:
            self.db.flush()  # type: ignore[attr-defined]
        except Exception:
            self.db.rollback()  # type: ignore[attr-defined]
        super().write_error(status_code, **more)  # type: ignore[misc]


class Users(Strict, users.UserListAPIHandler):
    """List and add users."""

    def get_json_body(self) -> Any:
        """Checks the names: JupyterHub takes them out before it checks the rest."""
        body = super().get_json_body()
        if body and body.get("usernames"):
            for name in strings(body["usernames"], "usernames"):
                login(self.authenticator.normalize_username(name))
        return body

    def user_model(self, user: Any) -> Any:
        """A broken record hides none of the others; the watch misses it, and says so."""
        try:
            return super().user_model(user)
        except Exception:
            self.log.exception("The record of user %s is broken", user.id)
            return None


# field of a user -> where it changes
ELSEWHERE = {
    "groups": "members of a group change at /groups/GROUP/users",
    "roles": "roles are part of the hub's configuration",
    "auth_state": "it is what the login service said",
}


class User(Strict, users.UserAPIHandler):
    """Look at, add, change and delete a user."""

    async def post(self, user_name: str) -> None:
        """Only a name that somebody can log in with."""
        login(user_name)
        await super().post(user_name)

    def _check_user_model(self, model: Any) -> None:
        """Leave only what changes here; 400 if something else is to change."""
        super()._check_user_model(model)
        user = self.find_user(self.path_args[0])
        if user is None:  # it is added
            return
        now = {
            "groups": [group.name for group in user.groups],
            "roles": [role.name for role in user.roles],
        }
        if model.get("name", user.name) != user.name:
            self.may_rename(user, model["name"])
        else:
            model.pop("name", None)
        for field in ELSEWHERE.keys() & model.keys():
            if model.pop(field) != now.get(field):
                raise HTTPError(400, f"{field} cannot change here: {ELSEWHERE[field]}")

    def may_rename(self, user: Any, new: str) -> None:
        """An error if this user cannot have that name."""
        raise NotImplementedError


class Tokens(Strict, users.UserTokenListAPIHandler):
    """List and make a user's tokens."""

    def get_json_body(self) -> Any:
        """The note is a text, and the number of seconds one that a date can be computed with."""
        body = super().get_json_body()
        if body:
            if not isinstance(body.get("note") or "", str):
                raise HTTPError(400, "note must be a string")
            seconds = body.get("expires_in")
            if isinstance(seconds, int) and seconds < 1:
                raise HTTPError(400, "expires_in must be at least 1 second")
        return body


class GroupBody(Strict):
    """What is said of groups: JupyterHub makes one with any name, also null."""

    def get_json_body(self) -> Any:
        """Lists of names."""
        body = super().get_json_body()
        if body:
            strings(body.get("users", []), "users")
            for name in strings(body.get("groups", []), "groups"):
                group(name)
        return body


class Groups(GroupBody, groups.GroupListAPIHandler):
    """List and add groups."""


class Group(GroupBody, groups.GroupAPIHandler):
    """Look at, add and delete a group."""

    async def post(self, group_name: str) -> None:
        """Only a name that a group can have."""
        group(group_name)
        await super().post(group_name)


class GroupUsers(GroupBody, groups.GroupUsersAPIHandler):
    """Add and remove a group's members."""


class Proxy(Strict, proxy.ProxyAPIHandler):
    """Look at the routes."""

    async def patch(self) -> None:
        """With another address of the proxy the hub would reach it no more."""
        raise HTTPError(405, "the proxy's address is part of the hub's configuration")


class Service(Strict, services.ServiceAPIHandler):
    """Look at a service."""

    async def post(self, service_name: str) -> None:
        """One with a token of its own would outlast the administrator who makes it.

        JupyterHub keeps also what it refuses, such as the name `..`, and does not start with it.
        """
        raise HTTPError(405, "services are part of the hub's configuration")


def strings(found: Any, what: str) -> list[str]:
    """A list of strings, or 400."""
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise HTTPError(400, f"{what} must be a list of strings")
    return found


def login(name: str) -> None:
    """400 for a name with which nobody can log in."""
    if not LOGIN.fullmatch(name):
        raise HTTPError(400, f"{name[:64]!r} is not a login: letters, digits, - and _, at most 64")


def group(name: str) -> None:
    """400 for a name that no address can have, or no column."""
    if not name.strip(" .") or len(name) > LONGEST:
        raise HTTPError(400, f"the name of a group has 1 to {LONGEST} characters, not only dots")
