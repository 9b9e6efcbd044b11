"""That a server gets its user's home and no other directory of the host.

The hub makes the homes, so it could put a link there, which Docker would follow to anywhere. Before
a start the home must be a directory; after it the container must have that very one, for the hub
could exchange them in between. This takes less time than a user's first program needs to come up.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

from engine import Answer
from shape import Call
from strict_http import Refused

HOMES = Path("/srv/jupyterhub_users")  # the host's, read only
LOOK = ["stat", "-c", "%d:%i", "/home/user"]
STARTED = (204, 304)  # 304: it ran already
ENDED = (404, 409)  # a container in which nothing runs any more

Ask = Callable[[Call], Answer]  # Docker.ask


def identity(user: str, homes: Path = HOMES) -> str:
    """Device and inode of somebody's home; raises Refused if it is no directory."""
    try:
        home = os.lstat(homes / user)
    except FileNotFoundError:
        raise Refused(f"the home directory of {user} is missing") from None
    if not stat.S_ISDIR(home.st_mode):
        raise Refused(f"the home of {user} is no directory of its own")
    return f"{home.st_dev}:{home.st_ino}"


def start(ask: Ask, ident: str, user: str, homes: Path = HOMES) -> Answer:
    """Start a container and return Docker's answer; end it unless its home is the user's."""
    home, kept = identity(user, homes), False
    try:
        answer = ask(Call("POST", f"/containers/{ident}/start"))
        kept = answer.status not in STARTED or inside(ask, ident) in (home, None)
    finally:  # also if Docker did not answer
        if not kept:
            ask(Call("POST", f"/containers/{ident}/kill"))
    if not kept:
        raise Refused(f"the container of {user} had another home, and was ended")
    return answer


def inside(ask: Ask, ident: str) -> str | None:
    """Device and inode of /home/user in a container; None if it has ended by itself."""
    body = {"Cmd": LOOK, "AttachStdout": True, "AttachStderr": True, "Tty": True}
    made = ask(Call("POST", f"/containers/{ident}/exec", json.dumps(body).encode()))
    if made.status != 201:
        return None if made.status in ENDED else ""
    path = f"/exec/{json.loads(made.body)['Id']}/start"
    said = ask(Call("POST", path, json.dumps({"Detach": False, "Tty": True}).encode()))
    return said.body.decode(errors="replace").strip()
