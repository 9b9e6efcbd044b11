"""What the hub may ask of Docker, and the request that Docker gets instead. Nothing is sent here.

Allowed are the calls that DockerSpawner makes for our settings. A container is written down here
whole; what the hub sends must be exactly that, and only variables of known names are taken over.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

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
    ("POST", "/start"): {},
    ("POST", "/stop"): {},
    ("DELETE", ""): {"v": "True", "link": "False", "force": "False"},
}

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
class Settings:
    """The keys of broker.json. The hub cannot write that file, and need not read it."""

    site: str
    project: str  # of compose
    internal: bool  # users' networks have no way out
    services: list[str]  # that are on users' networks
    variables: dict[str, str]  # for users' programs; the hub cannot set them
    read_only: bool  # the container's system; /tmp is in memory then
    tmp: int  # bytes of that
    images: list[str]
    uid: int
    gid: int
    memory: int  # bytes
    cpus: float
    processes: int
    data_root: str
    propagation: str | None

    @property
    def prefix(self) -> str:
        """What the name of a user's container begins with."""
        return f"{self.project}-user-"

    def network(self, container: str) -> str:
        """The name of the network of a user's container.

        It comes after those of compose.yaml in the alphabet, or it would be the services' way out.
        """
        return f"{self.project}_user-{container.removeprefix(self.prefix)}"

    @classmethod
    def read(cls, path: Path) -> Settings:
        """An unknown or missing key is a TypeError: the broker does not start."""
        return cls(**json.loads(path.read_text()))


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
    if not asked or ACTS.get((head.method, asked["act"] or "")) != head.query:
        raise Refused("DockerSpawner makes no such call")
    tail = "?v=1" if head.method == "DELETE" else ""  # with the volumes that have no name
    return Call(head.method, "/containers/{id}" + (asked["act"] or "") + tail, None, asked["name"])


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


def container(name: str, user: str, image: str, settings: Settings) -> dict[str, Any]:
    """The whole of a user's container but its variables, in the form that the Docker SDK gives it.

    No command: the image's own is run.
    """
    return {
        "Image": image,
        "User": f"{settings.uid}:{settings.gid}",
        "Labels": {"cyberhubs.site": settings.site},
        "ExposedPorts": {"8888/tcp": None},
        "HostConfig": {
            "AutoRemove": True,
            "NetworkMode": settings.network(name),
            "Memory": settings.memory,
            "CpuPeriod": 100_000,
            "CpuQuota": int(settings.cpus * 100_000),
            "PidsLimit": settings.processes,
            **system(settings),
            **names(settings),
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            "Mounts": mounts(user, settings),
            "Binds": [],
            "Links": [],
        },
        "AttachStdout": True,
        "AttachStderr": True,
        # The SDK always names these, too; here they ask for nothing.
        "Cmd": [],
        "Volumes": {},
        **dict.fromkeys(["Tty", "OpenStdin", "StdinOnce", "AttachStdin", "NetworkDisabled"], False),
    }


def system(settings: Settings) -> dict[str, Any]:
    """Whether the container's own files may be written; what lies in /tmp counts as memory."""
    if not settings.read_only:
        return {"ReadonlyRootfs": False}
    return {"ReadonlyRootfs": True, "Tmpfs": {"/tmp": f"exec,size={settings.tmp}"}}


def names(settings: Settings) -> dict[str, Any]:
    """Without a way out, no names of the Internet: Docker would ask for them from the host.

    Nothing answers at 127.0.0.1 in a container, so a program that asks knows at once.
    """
    return {"Dns": ["127.0.0.1"]} if settings.internal else {}


def mounts(user: str, settings: Settings) -> list[dict[str, Any]]:
    """The three directories of a user. A missing one is an error: Docker makes none for a mount."""
    root = settings.data_root.rstrip("/")
    shared = {"BindOptions": {"Propagation": settings.propagation}} if settings.propagation else {}
    home = {"Source": f"{root}/jupyterhub_users/{user}", "Target": "/home/user", "ReadOnly": False}
    both = {"Source": f"{root}/user", "Target": "/user", "ReadOnly": False, **shared}
    data = {"Source": f"{root}/data", "Target": "/data", "ReadOnly": True, **shared}
    return [{"Type": "bind", **mount} for mount in (home, both, data)]
