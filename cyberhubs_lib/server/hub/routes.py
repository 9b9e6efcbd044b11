"""The proxy's routes to users' servers: a proxy that restarts has none, and gets them at once."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.proxy import ConfigurableHTTPProxy

AGAIN_SECONDS = 0.1  # between two attempts to connect with a proxy that is away


class HubProxy(ConfigurableHTTPProxy):
    """JupyterHub's interface to its proxy, with a connection that tells when the proxy restarts.

    JupyterHub alone compares the routes every `last_activity_interval`; until then requests to
    running servers reach the hub, which says that they do not run.
    """

    _watch: asyncio.Task[None] | None = None

    async def check_routes(self, user_dict: Any, service_dict: Any, routes: Any = None) -> None:
        """JupyterHub calls this when it starts, and regularly."""
        if self._watch is None:
            self._watch = asyncio.create_task(self._keep(user_dict, service_dict))
        await super().check_routes(user_dict, service_dict, routes)

    async def _keep(self, users: Any, services: Any) -> None:
        """Hold a connection to the proxy's API, for ever; whenever it is a new one, give the routes."""
        place = urlsplit(self.api_url)
        while True:
            try:
                reader, writer = await asyncio.open_connection(place.hostname, place.port)
                try:
                    await super().check_routes(users, services)
                    await (
                        reader.read()
                    )  # it ends with the proxy, or after a minute without requests
                finally:
                    writer.close()
            except Exception as error:
                self.log.debug("the proxy is away: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
