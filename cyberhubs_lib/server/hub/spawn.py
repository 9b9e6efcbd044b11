"""A user's server: the menu it is chosen from, its home directory, and its container."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import stopped
from access import CHECK_USER
from docker.errors import APIError, NotFound
from dockerspawner import DockerSpawner
from door import STATE
from jupyterhub.spawner import SpawnException
from rate import Rate
from requests import RequestException
from traitlets import default

# Where compose.yaml mounts the host's <data_root>/jupyterhub_users into the hub.
HOMES = Path("/srv/jupyterhub_users")
# The host's service that makes homes with a limit (server/homes); an empty directory without one.
SOCKET = Path("/run/homes/socket")
HOME_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
PAGES = {"lab": "/lab", "notebook": "/tree"}
# Calls to Docker at a time, as many as its client keeps connections. DockerSpawner makes one: all would
# wait for a server that is slow to stop.
CALLS = 10
STARTS_SECONDS = 600  # in which a user may start so many servers
DOCKER_SECONDS = 60  # for which a new hub waits until Docker answers
LEFT_SECONDS = 20  # for the end of a container that an earlier server has left


class SpawnError(SpawnException):
    """A start that cannot work, with a message for the user's page, the API and the log."""

    def __init__(self, message: str, reason: str, status_code: int = 503) -> None:
        super().__init__(message, reason=reason, status_code=status_code)
        self.jupyterhub_message = message  # what the page of the menu shows


def choose(menu: list[dict[str, str]], title: Any) -> dict[str, str]:
    """The menu's entry of that title, the first if none was asked for; anything else is refused.

    With one entry there is no form, and JupyterHub repeats what was chosen from an older menu.
    """
    if title is None or len(menu) == 1:
        return menu[0]
    for entry in menu:
        if entry["title"] == title:
            return entry
    titles = ", ".join(entry["title"] for entry in menu)
    raise SpawnError(f"The menu of this hub has no entry {title!r}. It has: {titles}.", "menu", 400)


def menu_html(menu: list[dict[str, str]]) -> str:
    """The form before a start: one radio button an entry; nothing if there is nothing to choose."""
    if len(menu) < 2:
        return ""
    several = len({entry["image"] for entry in menu}) > 1  # else its name tells nobody anything
    rows = []
    for number, entry in enumerate(menu):
        title, image = escape(entry["title"], quote=True), escape(entry["image"])
        rows.append(
            f'<div class="form-check"><label class="form-check-label">'
            f'<input class="form-check-input" type="radio" name="title" value="{title}"'
            f"{' checked' if number == 0 else ''}> {title}"
            + (f' <small class="text-muted">{image}</small>' if several else "")
            + "</label></div>"
        )
    return f'<fieldset aria-label="What to start">{"".join(rows)}</fieldset>'


def make_home(name: str, uid: int, gid: int, homes: Path = HOMES) -> None:
    """Make somebody's home directory, or set its owner right; what is in it is not touched.

    Docker would make a missing one by itself, owned by root, and the user could not write there.
    """
    if not HOME_NAME.fullmatch(name):
        raise SpawnError(f"The user name {name!r} cannot be the name of a directory.", "home", 400)
    if not homes.is_dir():
        raise SpawnError("The directory of the users' homes is missing on the server.", "home")
    home = homes / name
    if home.is_symlink():
        raise SpawnError(
            "The home directory is a link; an administrator has to look at it.", "home"
        )
    home.mkdir(mode=0o700, exist_ok=True)
    now = home.stat()
    if not stat.S_IMODE(now.st_mode):  # the place where the host mounts a home that has a limit
        raise SpawnError(
            "The home directory lies in a file with a limit, and this hub sets no limit;"
            " an administrator has to read `Disk limits` in the book.", "home",
        )  # fmt: skip
    if (now.st_uid, now.st_gid) != (uid, gid):
        os.chown(home, uid, gid)


async def limited_home(name: str, socket: Path = SOCKET, seconds: float = 100) -> None:
    """Have the host make and mount a home with a limit: it answers "ok", or why not."""
    if not HOME_NAME.fullmatch(name):
        raise SpawnError(f"The user name {name!r} cannot be the name of a directory.", "home", 400)
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_unix_connection(socket)
            writer.write(f"{name}\n".encode())
            said = (await reader.readline()).decode(errors="replace").strip()
            writer.close()
    except (OSError, TimeoutError) as error:
        said = f"the server's service for homes does not answer ({str(error) or 'too slow'})"
    if said != "ok":
        raise SpawnError(f"The home directory cannot be opened: {said or 'no answer'}."
                         " An administrator has to look at it.", "home")  # fmt: skip


async def until_listening(
    ip: str, port: int, still: Callable[[], None], seconds: float = 60
) -> None:
    """Wait until the server listens; JupyterHub, which asks next, then gets its answer at once.

    Left alone it asks at growing intervals, and a user waits two or three seconds for nothing.
    `still` raises if the server is to start no more.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        still()
        try:
            _, writer = await asyncio.open_connection(ip, port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


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
            except RequestException:
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
        self.image = entry["image"]
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
        await until_listening(ip, port, self.stop_if_refused)
        self.stop_if_refused()
        return ip, port

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
