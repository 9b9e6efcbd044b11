"""A user's server: its container, from the start to the end."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import stopped
from access import CHECK_USER
from docker.errors import APIError, DockerException, NotFound
from dockerspawner import DockerSpawner
from door import STATE
from menu import choose
from rate import Rate
from requests import RequestException
from spawn_error import SpawnError
from traitlets import default
from user_home import limited_home, make_home

PAGES = {"lab": "/lab", "notebook": "/tree"}
# Calls to Docker at a time, as many as its client keeps connections. DockerSpawner makes one: all would
# wait for a server that is slow to stop.
CALLS = 10
STARTS_SECONDS = 600  # in which a user may start so many servers
DOCKER_SECONDS = 60  # for which a new hub waits until Docker answers
ALIVE_SECONDS = 1  # between two looks whether a server that starts has ended
LEFT_SECONDS = 20  # for the end of a container that an earlier server has left


async def listens(ip: str, port: int) -> bool:
    """Whether anybody does: a kernel answers at once, and at the address of a container that is gone
    nobody ever does.
    """
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(ip, port), ALIVE_SECONDS)
    except (OSError, asyncio.TimeoutError):
        return False
    writer.close()
    return True


class HubSpawner(DockerSpawner):
    """DockerSpawner that offers the menu and nothing beside it."""

    _executor = ThreadPoolExecutor(CALLS, "docker")
    hub_settings: ClassVar[dict[str, Any]] = {}  # hub.json, set by jupyterhub_config.py
    starts: ClassVar[Rate]  # set there, too

    @default("network_name")
    def _its_own_network(self) -> str:
        """The broker makes it. Also known to a hub that did not start the server."""
        own = self.object_name.removeprefix(self.hub_settings["container_prefix"])
        return str(self.hub_settings["network_prefix"]) + own

    async def poll(self) -> Any:
        """Whether it runs. A hub that has just started takes an error for `it has stopped` and ends
        the server; Docker, or the broker before it, may only be a little later than the hub.
        """
        end = time.monotonic() + DOCKER_SECONDS
        while self._check_pending and time.monotonic() < end:
            try:
                return await super().poll()
            except (DockerException, RequestException):
                await asyncio.sleep(1)
        return await super().poll()

    async def get_url(self) -> str:
        """Where a server is that runs when the hub starts: a hub that ended while it started has not
        noted that, and JupyterHub would wait two minutes at a wrong address and then stop it.
        """
        ip, port = "", 0
        try:
            ip, port = await self.get_ip_and_port()
        except Exception as error:  # it would end the hub
            self.log.warning("where %s is cannot be told: %s", self.object_name, error)
        # without an address it has just ended, or is on another network: what is noted may be right
        return f"http://{ip}:{port}{self.server.base_url}" if ip else str(self.server.url)

    async def start(self) -> tuple[str, int]:
        """Settle image and page from the menu, make the home directory, start the container.

        Done here and not where the form is read, because the API passes by the form.
        """
        settings = self.hub_settings
        self.stop_if_refused()
        self.stop_if_too_often()
        entry = choose(settings["menu"], self.user_options.get("title"))
        self.user_options = {"title": entry["title"]}  # DockerSpawner would obey an `image` in it
        self.image = entry["tag"]
        self.default_url = PAGES[entry["interface"]]
        name = self.user.name
        if settings["disk_limit"]:
            await limited_home(name)
        else:
            make_home(name, settings["uid"], settings["gid"])
        root = settings["data_root"].rstrip("/")
        # Mounts and not binds: a source that is missing is an error and not a new directory.
        # rslave: what runbook 05 mounts below /data and /user appears in servers that run already.
        shared = {"type": "bind", "propagation": settings["propagation"]}
        self.mounts = [
            {"type": "bind", "source": f"{root}/jupyterhub_users/{name}", "target": "/home/user"},
            {**shared, "source": f"{root}/user", "target": "/user"},
            {**shared, "source": f"{root}/data", "target": "/data", "read_only": True},
        ]
        stopped.forget(name, STATE)  # before there is a new container: the watch ends the old one
        try:
            await self.clear_away()
            ip, port = await super().start()
        except APIError as error:
            if error.status_code not in (403, 503):  # the broker refuses, or there is no room
                raise
            raise SpawnError(f"This server cannot start: {error.explanation}.", "broker") from None
        # the lists may change meanwhile; JupyterHub stops it then
        await self.until_listening(ip, port)
        self.stop_if_refused()
        return ip, port

    async def until_listening(self, ip: str, port: int) -> None:
        """Wait until the server listens; JupyterHub, which asks next, then gets its answer at once.

        Left alone it asks at growing intervals, and a user waits two or three seconds for nothing.
        Raises SpawnError if the server has ended, or if its user may no longer have one.
        """
        begun = looked = time.monotonic()
        while not await listens(ip, port) and time.monotonic() < begun + self.start_timeout:
            self.stop_if_refused()
            if time.monotonic() > looked + ALIVE_SECONDS:
                looked = time.monotonic()
                if await self.poll() is not None:
                    raise SpawnError("Your server ended while it was starting.", "ended")
            await asyncio.sleep(0.1)

    async def clear_away(self) -> None:
        """End the container that a failed stop has left, or an interrupted start: its name is ours.

        DockerSpawner would only remove it, which Docker refuses while it runs, so that this user
        could never start again.
        """
        end = time.monotonic() + LEFT_SECONDS
        while found := await self.get_object():
            if time.monotonic() > end:
                raise SpawnError("Your last server does not end.", "still there")
            if found["State"]["Running"]:
                self.log.warning("%s was left running, and is stopped", self.object_name)
                await self.stop_object()
            else:
                await self.remove_object()  # it may be doing so by itself
                await asyncio.sleep(0.1)

    def run_post_stop_hook(self) -> Any:
        """JupyterHub calls this after each stop, also one that failed: the watch looks at Docker."""
        stopped.note(self.user.name, STATE)
        return super().run_post_stop_hook()

    def stop_if_refused(self) -> None:
        """Ask the lists: somebody who is in already may not be allowed any more."""
        if self.user.name != CHECK_USER:
            decision = self.authenticator.door.decide(self.user.name)
            if not decision.allowed and decision.rule != "unsure":
                raise SpawnError(f"The account {self.user.name} is {decision.why}.", "access", 403)

    def stop_if_too_often(self) -> None:
        """Somebody's page, or program, that starts servers again and again costs all the others."""
        name, starts = self.user.name, self.starts
        wait = starts.wait(name)
        if wait:
            error = SpawnError(
                f"{starts.most} starts in {starts.seconds // 60} minutes are the limit for one user."
                f" Try again in {wait} seconds.", "too often", 429,
            )  # fmt: skip
            error.headers = {"Retry-After": str(wait)}
            raise error
        starts.take(name)

    async def get_command(self) -> list[str]:
        """None: the image's own runs. The broker would let no other through."""
        return []

    async def pull_image(self, image: str) -> None:
        """Never pull while a user waits: images come with a runbook; say so if one is missing."""
        try:
            await self.docker("inspect_image", image)
        except NotFound:
            raise SpawnError(
                f"The image {image} is not on this server."
                " An administrator has to get it (runbook 08) or take it off the menu.",
                "image",
            ) from None
