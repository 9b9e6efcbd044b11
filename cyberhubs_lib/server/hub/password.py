"""A password that all of a workshop share, for a hub without an outside login service."""

from __future__ import annotations

from typing import Any

from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from login import Listed


class ListedPassword(Listed, SharedPasswordAuthenticator):
    """Whoever knows the password can be anybody who may come in and is no administrator.

    JupyterHub's own class compares; administrators have another password. There are no accounts here
    but the names themselves.
    """

    provider = "password"

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Who it is, if the password is right for that name."""
        self.admin_users = set(self.door.live.now().admins)  # as the list is now
        if not data.get("password", "").isascii():  # JupyterHub's comparison knows no others
            return None
        return await super().authenticate(handler, data)

    async def check_allowed(self, username: str, auth_model: dict[str, Any] | None) -> bool:
        """By the lists; and nobody becomes an administrator by the password of all."""
        allowed = await super().check_allowed(username, auth_model)
        known_as = auth_model and bool(auth_model["admin"])
        return allowed and known_as in (None, self.door.decide(username).admin)

    def number(self, auth_model: dict[str, Any]) -> str:
        """The name: there is nothing else."""
        return f"{self.provider}:{auth_model['name']}"
