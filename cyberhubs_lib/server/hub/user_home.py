"""The home directory of a user: made by the hub, or by the host's service if it has a limit."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from pathlib import Path

from spawn_error import SpawnError

# Where compose.yaml mounts the host's <data_root>/jupyterhub_users into the hub.
HOMES = Path("/srv/jupyterhub_users")
# The host's service that makes homes with a limit (server/homes); an empty directory without one.
SOCKET = Path("/run/homes/socket")
HOME_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


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
