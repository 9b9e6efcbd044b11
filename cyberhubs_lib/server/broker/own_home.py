"""That a server gets its user's home and no other directory of the host.

The hub makes the homes, so it could put a link there, which Docker would follow to anywhere. Before
a start the home must be a directory; after it the container must have that very one, for the hub
could exchange them in between. This takes less time than a user's first program needs to come up.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from engine import Answer
from shape import Call
from strict_http import Refused

HOMES = Path("/srv/jupyterhub_users")  # the host's, read only
LOOK = ["stat", "-c", "%d:%i", "/home/user"]
STARTED = (204, 304)  # 304: it ran already
OVER = (404, 409)  # the answer to `kill` if nothing runs there any more

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
    """Start a container and return Docker's answer; end it unless its home is seen to be right."""
    home, seen = identity(user, homes), ""
    try:
        answer = ask(Call("POST", f"/containers/{ident}/start"))
        seen = inside(ask, ident) if answer.status in STARTED else home
    finally:  # also if Docker did not answer
        if seen != home:
            ended = ask(Call("POST", f"/containers/{ident}/kill"))
    if seen == home or (not seen and ended.status in OVER):
        return answer
    what = "is not the user's" if seen else "cannot be seen"
    raise Refused(f"the home in the container of {user} {what}, so it was ended")


def inside(ask: Ask, ident: str) -> str:
    """Device and inode of /home/user in a container; "" if that cannot be told."""
    body = {"Cmd": LOOK, "AttachStdout": True, "AttachStderr": True, "Tty": True}
    made = ask(Call("POST", f"/containers/{ident}/exec", json.dumps(body).encode()))
    if made.status != 201:
        return ""
    path = f"/exec/{json.loads(made.body)['Id']}/start"
    said = ask(Call("POST", path, json.dumps({"Detach": False, "Tty": True}).encode()))
    text = said.body.decode(errors="replace").strip()
    return text if re.fullmatch("[0-9]+:[0-9]+", text) else ""
