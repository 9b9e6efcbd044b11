"""The site's settings for users' servers, and the whole of a user's container made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
            **memory(settings),
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


def memory(settings: Settings) -> dict[str, int]:
    """MemorySwap is memory and swap together: without it Docker allows as much swap again.

    What lies in /dev/shm counts as memory, and Docker's own 64 MB are too small for PyTorch.
    """
    size = settings.memory
    return {"Memory": size, "MemorySwap": size, "ShmSize": size // 2}


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
