"""A login begins at the public address, where the login service sends the browser back to.

By another name of the same server, such as localhost for 127.0.0.1, the browser would return without
the cookie that the login began with.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from jupyterhub.handlers.login import LoginHandler
from tornado.httputil import url_concat

# Marks a visitor who was redirected already: behind a proxy that rewrites Host it would never end.
ONCE = "redirected"
# A login to a user's server, whose cookie is at the other name, too: it begins again after this one.
BEGUN = "/api/oauth2/authorize"


def at_public_address(handler: type) -> type:
    """A page of JupyterHub's, which sends a visitor there first."""

    class AtPublicAddress(handler):  # type: ignore[misc, valid-type]
        async def prepare(self) -> None:
            request, public = self.request, self.settings["public_url"]
            elsewhere = request.host_name.strip("[]") != public.hostname
            if elsewhere and request.method == "GET" and ONCE not in request.query_arguments:
                said = parse_qsl(request.query)
                kept = [(key, value) for key, value in said if key != "next" or BEGUN not in value]
                there = public._replace(path=request.path).geturl()
                self.redirect(url_concat(there, [*kept, (ONCE, "1")]))
            else:
                await super().prepare()

    return AtPublicAddress


def with_public_login(handlers: list[Any]) -> list[Any]:
    """An OAuth authenticator's handlers, and JupyterHub's page of the button that begins a login."""
    pages = [("/login", LoginHandler), *handlers]
    begin = ("/login", "/oauth_login")
    return [(path, at_public_address(page) if path in begin else page) for path, page in pages]
