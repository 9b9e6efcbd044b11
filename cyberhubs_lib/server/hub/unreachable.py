"""The page for a server that the proxy cannot reach: it has stopped, or does not answer.

The hub looks at each server every half minute. A user who comes earlier would meet the dead one, so
the proxy's request for an error page makes the hub look at once.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from jupyterhub.handlers.base import UserUrlHandler
from jupyterhub.handlers.pages import ProxyErrorHandler
from jupyterhub.user import User
from jupyterhub.utils import url_path_join
from running import ended_for_memory
from tornado.httputil import url_concat


class UnreachableHandler(ProxyErrorHandler):
    """The proxy asks for /hub/error/503?url=... and passes the body on; it has no user's cookies."""

    memory = ""  # the limit of a server, in words; set by jupyterhub_config.py
    looks: ClassVar[dict[str, asyncio.Task[Any]]] = {}  # login -> the look that is under way

    async def get(self, status_code: str) -> None:
        """For a user's server a page of ours, for all else JupyterHub's."""
        url = self.get_argument("url", "")
        user = self._whose(urlsplit(url).path)
        if status_code != "503" or user is None:
            await super().get(status_code)
            return
        stopped = not await self._runs(user)
        start = url_path_join(self.hub.base_url, "spawn", user.escaped_name)
        self.set_header("Content-Type", "text/html")
        self.write(
            await self.render_template(
                "unreachable.html",
                login=user.name,
                stopped=stopped,
                memory=self.memory if stopped and await self._for_memory(user) else "",
                start_url=url_concat(start, {"next": url_path_join(self.hub.base_url, url)}),
            )
        )

    async def _for_memory(self, user: User) -> bool:
        """Whether it ended for memory, as the broker heard; False if nobody knows."""
        try:
            return await asyncio.to_thread(ended_for_memory, user.name)
        except (OSError, ValueError, KeyError) as error:
            self.log.warning("why %s's server ended is unknown: %s", user.name, error)
            return False

    def _whose(self, path: str) -> User | None:
        """Whose server an address is of; None if nobody's."""
        parts = path.removeprefix(self.base_url).split("/")
        if parts[0] != "user" or len(parts) < 2:
            return None
        return self.find_user(unquote(parts[1]))

    async def _runs(self, user: User) -> bool:
        """Whether it does, as Docker says; if not, the hub takes note. One look at a time."""
        spawner = user.spawner
        if not spawner.ready:
            return bool(spawner.pending)
        if user.name not in self.looks:
            look = asyncio.create_task(spawner.poll_and_notify())
            look.add_done_callback(lambda _: self.looks.pop(user.name))
            self.looks[user.name] = look
        try:
            return await asyncio.shield(self.looks[user.name]) is None
        except Exception as error:  # Docker, or the broker before it, does not answer
            self.log.warning("whether %s's server runs is unknown: %s", user.name, error)
            return True


class StoppedHandler(UserUrlHandler):
    """/hub/user/NAME/...: what the proxy sends here because that server does not run.

    JupyterHub answers its owner's JupyterLab by 424, which ends in a dialog, and that of somebody whose
    access has ended by its login page, of which JupyterLab makes "Kernel died unexpectedly".
    """

    async def get(self, user_name: str, user_path: str | None) -> None:
        """424 for the program of somebody who is not logged in; else JupyterHub's."""
        if self.current_user is None and "api" in (user_path or "").split("/"):
            self._fail_api_request(user_name)
            return
        await super().get(user_name, user_path)


HANDLERS = [
    (r"/error/(\d+)", UnreachableHandler),
    (r"/user/(?P<user_name>[^/]+)(?P<user_path>/.*)?", StoppedHandler),
]
