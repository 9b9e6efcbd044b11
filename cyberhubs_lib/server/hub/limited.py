"""A limit of refused logins: whoever guesses passwords, or codes of a provider, has to wait.

Who comes in does not count, so that a class behind one address can log in at the same time.
"""

from __future__ import annotations

import socket
import time
from typing import Any, ClassVar

from access import fold
from jupyterhub.auth import Authenticator
from rate import Rate, visitor
from tornado.web import HTTPError

MINUTE = 60
OF_ONE_NAME = 10  # in a minute, however many addresses they come from


class TooMany(HTTPError):
    """More than the limit; the page of errors knows it by its reason."""

    def __init__(self, wait: int, what: str) -> None:
        super().__init__(429, f"{what} Try again in {wait} seconds.", reason="please wait")
        self.headers = {"Retry-After": str(wait)}


class Proxy:
    """The address of JupyterHub's proxy, which may change when its container is made anew."""

    def __init__(self, name: str = "proxy-api") -> None:
        self.name, self.seen, self.found = name, 0.0, ""

    def address(self) -> str:
        """Looked up at most once in five seconds; "" if there is none just now."""
        if time.monotonic() > self.seen + 5:
            self.seen = time.monotonic()
            try:
                self.found = socket.gethostbyname(self.name)
            except OSError:
                self.found = ""
        return self.found


class Limited(Authenticator):
    """Counts logins that are refused, and refuses to try more."""

    by_address: ClassVar[Rate]  # set by jupyterhub_config.py, as the next
    behind: ClassVar[list[str]] = []
    by_name: ClassVar[Rate] = Rate(OF_ONE_NAME, MINUTE)
    proxy: ClassVar[Proxy] = Proxy()

    async def get_authenticated_user(self, handler: Any, data: Any) -> Any:
        """Refuse with a page that says when to come back; else JupyterHub's own, provider and lists.

        What a form brings counts before it is tried: else of a thousand passwords that come at the
        same time all would be. A provider's answer counts afterwards: a class may come at once.
        """
        counted = self.counted(handler, data)
        wait = max(rate.wait(key) for rate, key in counted)
        if wait:
            keys = ", ".join(ascii(key)[1:-1] for _, key in counted)  # what a form says is no log
            self.log.warning("too many refused logins: %s", keys)
            raise TooMany(wait, "Too many logins were refused, of this name or from your network.")
        user, failed = None, False
        for rate, key in counted if data else []:
            rate.take(key)
        try:
            user = await super().get_authenticated_user(handler, data)
        except HTTPError as error:
            failed = error.status_code >= 500  # the hub's own trouble, or the provider's
            raise
        finally:
            for rate, key in counted:
                if (user or failed) and data:
                    rate.give_back(key)
                elif not (user or failed or data):
                    rate.take(key)
        return user

    def counted(self, handler: Any, data: Any) -> list[tuple[Rate, str]]:
        """What one attempt counts for: its address and, where a form names one, its login."""
        request = handler.request
        address = visitor(
            request.connection.context.address[0],
            request.headers.get("X-Forwarded-For", ""),
            self.proxy.address(),
            self.behind,
        )
        name = fold(str((data or {}).get("username", "")))[:64]
        return [(self.by_address, address), *([(self.by_name, name)] if name else [])]
