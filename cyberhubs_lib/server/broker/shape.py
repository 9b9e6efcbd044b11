"""What the hub may ask of Docker, and the request that Docker gets instead. Nothing is sent here.

Allowed are the calls that DockerSpawner makes for our settings. A container is written down whole in
container.py; what the hub sends must be exactly that, and only variables of known names are taken over.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from container import Settings, container
from strict_http import Head, Refused, parse_json

# DockerSpawner escapes the two characters of a user name that are no letters or digits.
ESCAPED = {"-2d": "-", "-5f": "_"}
USER = r"[a-z0-9](?:[a-z0-9]|-2d|-5f){0,100}"
VERSION = re.compile(r"/v1\.[0-9]{1,3}(?=/)")
CONTAINER = re.compile(r"/containers/(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]*)(?P<act>/[a-z]+)?")
ID = re.compile(r"[0-9a-f]{64}")

# What may be done with a user's container -> the query that the SDK sends with it.
ACTS: dict[tuple[str, str], dict[str, str]] = {
    ("GET", "/json"): {},
    ("GET", "/end"): {},  # of the broker itself: why it ended
    ("POST", "/start"): {},
    ("POST", "/stop"): {},
    ("DELETE", ""): {"v": "True", "link": "False", "force": "False"},
}

# Jupyter gives its kernels 2.5 s to end after it has asked them (jupyter_client,
# shutdown_wait_time), and then ends itself. Docker's own 10 s are for servers that never will.
STOP_SECONDS = 3
# What Docker is asked with it; DELETE takes the volumes that have no name along.
QUERIES = {("POST", "/stop"): f"?t={STOP_SECONDS}", ("DELETE", ""): "?v=1"}

# Variables that JupyterHub and DockerSpawner give a server. PATH, LD_PRELOAD and so on are not here.
VARIABLE = re.compile(r"(?P<name>[A-Z_]+)=[^\x00-\x1f\x7f]*")
VARIABLES = frozenset(
    ["CPU_GUARANTEE", "CPU_LIMIT", "MEM_GUARANTEE", "MEM_LIMIT"]
    + ["JPY_API_TOKEN", "JUPYTER_IMAGE_SPEC", "JUPYTER_RUNTIME_DIR"]
    + [
        f"JUPYTERHUB_{name}"
        for name in (
            "ACTIVITY_URL", "ADMIN_ACCESS", "API_TOKEN", "API_URL", "BASE_URL", "CLIENT_ID",
            "COOKIE_HOST_PREFIX_ENABLED", "COOKIE_OPTIONS", "DEBUG", "DEFAULT_URL",
            "DISABLE_USER_CONFIG", "HOST", "OAUTH_ACCESS_SCOPES", "OAUTH_CALLBACK_URL",
            "OAUTH_CLIENT_ALLOWED_SCOPES", "OAUTH_SCOPES", "PUBLIC_HUB_URL", "PUBLIC_URL",
            "ROOT_DIR", "SERVER_NAME", "SERVICE_PREFIX", "SERVICE_URL", "USER",
        )
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A request to Docker. `{id}` in the path is to be the id of `container`, once looked at.

    `user` is whom a new container is for.
    """

    method: str
    path: str
    body: bytes | None = None
    container: str = ""
    user: str = ""


def route(head: Head, body: bytes, settings: Settings) -> Call:
    """What to ask of Docker for this request; raises Refused for all that is not listed here.

    The version in front of the path is dropped: an older one would change Docker's defaults.
    """
    path = VERSION.sub("", head.path, count=1)
    if (head.method, path) == ("POST", "/containers/create"):
        return create(head.query, parse_json(body), settings)
    if body:
        raise Refused(f"{head.method} {path} takes no body")
    images = {f"/images/{quote(name, safe='/:')}/json" for name in settings.images}
    if head.method == "GET" and path in {"/_ping", "/version"} | images and not head.query:
        return Call("GET", path)
    asked = CONTAINER.fullmatch(path)
    act = (asked["act"] or "") if asked else ""
    if not asked or ACTS.get((head.method, act)) != head.query:
        raise Refused("DockerSpawner makes no such call")
    query = QUERIES.get((head.method, act), "")
    return Call(head.method, "/containers/{id}" + act + query, None, asked["name"])


def owned(found: Any, asked: str, settings: Settings) -> tuple[str, str]:
    """Id and user of a container that Docker found for `asked`; Refused if it is no user's."""
    name, ident = found["Name"].removeprefix("/"), found["Id"]
    user = user_of(name, settings)
    ours = (found["Config"]["Labels"] or {}).get("cyberhubs.site") == settings.site
    if not (user and ours and asked in (name, ident) and ID.fullmatch(ident)):
        raise Refused("this container is no user's server of this hub", 404)
    return ident, user


def user_of(name: str, settings: Settings) -> str:
    """The user whose container has this name; "" if it is not the name of one."""
    escaped = re.fullmatch(re.escape(settings.prefix) + f"({USER})", name)
    if not escaped:
        return ""
    return re.sub("|".join(ESCAPED), lambda found: ESCAPED[found[0]], escaped[1])


def create(query: dict[str, str], sent: Any, settings: Settings) -> Call:
    """A new container: written anew, and what was sent may only say the same."""
    name = query.get("name", "")
    user = user_of(name, settings)
    if set(query) != {"name"} or not user:
        raise Refused(f"a new container must be called {settings.prefix}USER, and nothing besides")
    if not isinstance(sent, dict):
        raise Refused("the body is no object")
    if sent.get("Image") not in settings.images:
        raise Refused(f"Image is not one of the menu: {', '.join(settings.images)}")
    wanted = container(name, user, sent["Image"], settings)
    wanted["Env"] = environment(sent.get("Env"))
    compare(sent, wanted)
    wanted["Env"] += [f"{name}={value}" for name, value in settings.variables.items()]
    path = f"/containers/create?name={name}"
    return Call("POST", path, json.dumps(wanted).encode(), user=user)


def environment(sent: Any) -> list[str]:
    """The variables, if they are `NAME=value` with known names; a reason never holds a value."""
    names: set[str] = set()
    for number, text in enumerate(sent if isinstance(sent, list) else [None]):
        pair = VARIABLE.fullmatch(text) if isinstance(text, str) else None
        if not pair or pair["name"] not in VARIABLES or pair["name"] in names:
            raise Refused(
                f"Env[{number}] is not NAME=value of a variable that JupyterHub sets, once"
            )
        names.add(pair["name"])
    return list(sent)


def compare(sent: dict[str, Any], wanted: dict[str, Any], where: str = "") -> None:
    """Raise Refused, naming the key, unless both hold the same keys and values of the same types."""
    for key in [*sent, *wanted]:
        if key not in wanted:
            raise Refused(f"{where}{key[:50]!r} is not a key that DockerSpawner sends")
        if key not in sent:
            raise Refused(f"{where}{key} is missing")
        mine, theirs = wanted[key], sent[key]
        if isinstance(mine, dict) and isinstance(theirs, dict):
            compare(theirs, mine, f"{where}{key}.")
        elif json.dumps(mine, sort_keys=True) != json.dumps(
            theirs, sort_keys=True
        ):  # 1 is not true
            raise Refused(f"{where}{key} must be {json.dumps(mine)}")
