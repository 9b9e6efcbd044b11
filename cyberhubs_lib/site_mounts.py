"""The keys of a site file under `mounts`: data that lie on other machines."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from .site_host import Part, Port

# They go into unit files and shell text: no blanks, quotes, commas or backslashes.
Option = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/=@+~-]*$")]
Source = Annotated[str, Field(pattern=r"^[A-Za-z0-9/_][A-Za-z0-9._:/=@+~\[\]-]*$")]

SOURCES = {  # kind -> what its source looks like, and how to say so
    "sshfs": (
        r"[A-Za-z_][\w.-]*@([A-Za-z0-9][\w.-]*|\[[0-9A-Fa-f:]+\]):\S*",
        "USER@HOST:/DIRECTORY",
    ),
    "nfs": (r"([A-Za-z0-9][\w.-]*|\[[0-9A-Fa-f:]+\]):/\S*", "HOST:/DIRECTORY"),
    "other": (r"\S+", "what the type of filesystem takes"),
}
HOST_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp\d+|ssh-rsa)\s+(AAAA[A-Za-z0-9+/]+=*)")
# Options that belong to a key of their own, or that would undo what makes the mount safe.
OWN = (
    "ro",
    "rw",
    "uid",
    "gid",
    "port",
    "identityfile",
    "userknownhostsfile",
    "stricthostkeychecking",
)
SECRET = ("pass", "password", "secret")


class Mount(Part):
    """One directory of another machine. `uid` and `gid`: whose the files are here, for sshfs."""

    kind: Literal["sshfs", "nfs", "other"]
    source: Source
    path: Annotated[str, Field(pattern=r"^/?[A-Za-z0-9._/-]+$")]
    read_only: bool = True
    uid: int | None = Field(default=None, ge=0)
    gid: int | None = Field(default=None, ge=0)
    host_key: str = ""
    port: Port = 22
    type: Annotated[str, Field(pattern=r"^[a-z0-9._]*$")] = ""
    options: list[Option] = []

    @field_validator("path")
    @classmethod
    def _plain(cls, path: str) -> str:
        if ".." in path.split("/"):
            raise ValueError("write the path without ..")
        return str(PurePosixPath("/" + path.lstrip("/") if path.startswith("/") else path))

    @field_validator("host_key")
    @classmethod
    def _one_key(cls, line: str) -> str:
        """Type and key, from a line of known_hosts, of ssh-keyscan or of a file *.pub."""
        found = HOST_KEY.search(line)
        if line and not found:
            raise ValueError("expected the other end's public host key: ssh-ed25519 AAAA...")
        return " ".join(found.groups()) if found else ""

    @field_validator("options")
    @classmethod
    def _no_secret(cls, options: list[str]) -> list[str]:
        for option in options:
            name = option.partition("=")[0].lower()
            if name in OWN:
                raise ValueError(
                    f"{name} is not set here: read_only, uid, gid, port and host_key are"
                )
            if name in SECRET:
                raise ValueError(f"no {name} in a site file: put it into a file on the host that root"
                                 " alone reads, and name that (credentials=, secretfile=)")  # fmt: skip
        return options

    @model_validator(mode="after")
    def _fits_the_kind(self) -> Mount:
        pattern, words = SOURCES[self.kind]
        if not re.fullmatch(pattern, self.source):
            raise ValueError(f"the source of {self.kind} is {words}, not {self.source}")
        if self.kind == "sshfs" and not self.host_key:
            raise ValueError(
                "sshfs needs host_key; on the other machine: cat /etc/ssh/ssh_host_ed25519_key.pub"
            )
        if self.kind != "sshfs" and (self.host_key or self.port != 22):
            raise ValueError("host_key and port are for sshfs")
        if self.kind != "sshfs" and (self.uid is not None or self.gid is not None):
            raise ValueError("uid and gid are for sshfs; with nfs the other end maps the owner")
        if (self.kind == "other") != bool(self.type):
            raise ValueError("type (cifs, ceph, ext4, ...) goes with kind other, and only with it")
        return self

    def place(self, data_root: str) -> str:
        """Where it is mounted; a path without a leading / is below data_root."""
        return self.path if self.path.startswith("/") else f"{data_root.rstrip('/')}/{self.path}"


def check_places(mounts: list[Mount], data_root: str) -> None:
    """Raises ValueError where mounts cannot be meant: twice in one place, or without effect."""
    places = [mount.place(data_root) for mount in mounts]
    root = data_root.rstrip("/")
    ours = ("data", "user", "jupyterhub_users", "home_images", "tmp")
    taken = ("/", root, *(f"{root}/{name}" for name in ours))
    for mount, place in zip(mounts, places, strict=True):
        if not data_root.startswith("/") and not mount.path.startswith("/"):
            raise ValueError(f"the path {mount.path} needs a data_root that is a path, like /mnt")
        if place in taken or places.count(place) > 1:
            raise ValueError(f"{place} cannot be the place of a mount, or of two")
        if not mount.read_only and place.startswith(f"{root}/data/"):
            raise ValueError(
                f"{place} is below data, which users only read; put it below {root}/user,"
                " or leave read_only as it is"
            )
