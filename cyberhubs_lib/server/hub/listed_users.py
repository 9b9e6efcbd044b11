"""What an administrator changes on JupyterHub's admin page, or by its API, is written to the lists.

The watch makes the hub what the lists say: without this it would undo such a change within seconds. Its
own calls, and those of other services, are no wish of a person: they change no list.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import changes
import strict_api
import user_files
from jupyterhub.user import User as Person
from tornado.web import HTTPError

RUN = "admin page"  # in the ledger, where a runbook's run would stand


class OnLists:
    """What both have in common. `asked` is the body of the request."""

    asked: dict[str, Any]

    def get_json_body(self) -> Any:
        """Keeps it: JupyterHub takes names out of it. It asks for it when the rights are checked."""
        body = super().get_json_body()  # type: ignore[misc]
        self.asked = dict(body or {})
        return body

    @property
    def by_a_person(self) -> bool:
        """Whether somebody does it, in the browser or with a token of their own."""
        return isinstance(self.current_user, Person)  # type: ignore[attr-defined]

    def write_lists(self, what: str, *logins: str) -> None:
        """Through the same edit, and into the same ledger, as `./cyberhubs access`."""
        with refused():
            folder = self.authenticator.door.folder  # type: ignore[attr-defined]
            changes.edit(folder, what, logins, self.current_user.name, RUN)  # type: ignore[attr-defined]

    def refuse_blocked(self, logins: list[str]) -> None:
        """409 for a login that would stay out all the same."""
        lists = self.authenticator.door.live.now()  # type: ignore[attr-defined]
        for login in logins:
            if self.by_a_person and login in lists.blocked:
                raise HTTPError(
                    409, f"{login} is blocked: `./cyberhubs access unblock {login}` first"
                )


class Users(OnLists, strict_api.Users):
    """List and add users."""

    def get_json_body(self) -> Any:
        """None that is blocked."""
        body = super().get_json_body()
        self.refuse_blocked(self.names())
        return body

    def names(self) -> list[str]:
        """As the lists have them."""
        normal = self.authenticator.normalize_username
        return [normal(name) for name in self.asked.get("usernames") or []]

    async def post(self) -> None:
        """Whoever is added may come in."""
        await super().post()
        if self.by_a_person:
            self.write_lists("allow", *self.names())
            if self.asked.get("admin"):
                self.write_lists("admin", *self.names())


class User(OnLists, strict_api.User):
    """Look at, add, change and delete a user."""

    def get_json_body(self) -> Any:
        """Of nobody who is added and blocked."""
        body = super().get_json_body()
        if self.request.method == "POST":
            self.refuse_blocked([self.path_args[0]])
        return body

    async def post(self, user_name: str) -> None:
        """The same for one."""
        await super().post(user_name)
        if self.by_a_person:
            self.write_lists("allow", user_name)
            if self.asked.get("admin"):
                self.write_lists("admin", user_name)

    async def delete(self, user_name: str) -> None:
        """They stand on no list that lets them in; their files stay."""
        await super().delete(user_name)
        if self.by_a_person:
            self.write_lists("remove", user_name)

    async def patch(self, user_name: str) -> None:
        """Administrator or not, and another name: files and lists take it over."""
        await super().patch(user_name)
        if not self.by_a_person:
            return
        if self.asked.get("admin"):
            self.write_lists("admin", user_name)
        elif "admin" in self.asked:
            self.write_lists("allow", user_name)  # an administrator need not be on that list
            self.write_lists("unadmin", user_name)
        new = self.authenticator.normalize_username(self.asked.get("name") or user_name)
        if new != user_name:
            await self.rename(user_name, new)

    async def rename(self, old: str, new: str) -> None:
        """JupyterHub has renamed its record; if the files cannot follow it gets the old name back."""
        user = self.find_user(new)
        try:
            with refused():
                if user_files.known(old):
                    user_files.rename(old, new)
                changes.rename(
                    self.authenticator.door.folder, old, new, self.current_user.name, RUN
                )
        except HTTPError:
            user.name = old
            self.db.commit()
            raise
        await user.delete_spawners()  # the record of a stopped server has the old name in it

    def may_rename(self, user: Any, new: str) -> None:
        """400 for one's own, and one with which nobody can log in; 409 while a server has the old."""
        if user.name == self.current_user.name:
            raise HTTPError(400, "Cannot rename yourself!")
        strict_api.login(self.authenticator.normalize_username(new))
        if user.spawner.active:
            raise HTTPError(409, f"{user.name}'s server runs: stop it first")
        self.refuse_blocked([new])


@contextmanager
def refused() -> Iterator[None]:
    """What files and lists cannot do, as the API says it."""
    try:
        yield
    except (ValueError, FileExistsError) as error:
        raise HTTPError(409, str(error)) from None
    except OSError as error:
        raise HTTPError(503, f"the lists cannot be written: {error}") from None
