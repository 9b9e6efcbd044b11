"""The keys of a site file that describe the machine: disks, and what later runbooks need of it."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Memory = Annotated[str, Field(pattern=r"^[1-9][0-9]*[KMGT]$")]
Port = Annotated[int, Field(ge=1, le=65535)]
# plain names only: they go into fstab, unit files and shell text
AbsolutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")]


class Part(BaseModel):
    """A group of keys: unknown ones are refused, a misspelt one would be silently without effect."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


# /dev/NAME, /dev/disk/by-id/NAME, or UUID=... of a volume that is there already
DEVICE = r"^(/dev/[A-Za-z0-9][A-Za-z0-9._:+/@-]*|UUID=[0-9A-Fa-f-]+)?$"


class Volume(Part):
    """A disk that runbook 03 may format, and where it is mounted.

    Without `device` it is a volume that somebody else mounted there, and is left as it is.
    """

    device: Annotated[str, Field(pattern=DEVICE)] = ""
    mount: AbsolutePath = "/mnt"
    label: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,12}$")] = "cyberhubs"  # xfs: 12 letters
    filesystem: Literal["ext4", "xfs"] = "ext4"
    files: Literal["small", "large"] = "small"
    project_quotas: bool = True  # of xfs


class Storage(Part):
    """The data volumes; the first is the one for users' files and Docker."""

    volumes: list[Volume] = []
    docker_data: bool = True

    @field_validator("volumes")
    @classmethod
    def _differ(cls, volumes: list[Volume]) -> list[Volume]:
        made = [volume for volume in volumes if volume.device]
        for key, some in (("device", made), ("label", made), ("mount", volumes)):
            values = [getattr(volume, key) for volume in some]
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"give each volume a {key} of its own, not twice {twice[0]}")
        return volumes


class System(Part):
    """The operating system: who may come in by which port, and when it restarts by itself."""

    firewall: bool = True
    open_ports: list[Port] = []
    ssh_from: list[str] = []
    ssh_hardening: bool = False
    restart_at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^$")] = ""
    swap: Literal["auto", "none"] | Memory = "auto"

    @field_validator("ssh_from")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        return [str(ipaddress.ip_network(network)) for network in networks]


class Pool(Part):
    """Addresses that Docker may use for its networks: `base` is divided into networks of `size`."""

    base: str
    size: int = Field(ge=16, le=28)  # half of 16 addresses for services, half for servers

    @field_validator("base")
    @classmethod
    def _private(cls, base: str) -> str:
        if not ipaddress.IPv4Network(base).is_private:
            raise ValueError("a private network, for example 10.201.0.0/16")
        return base

    @model_validator(mode="after")
    def _can_be_divided(self) -> Pool:
        if ipaddress.IPv4Network(self.base).prefixlen > self.size:
            raise ValueError(f"{self.base} has no room for networks of size {self.size}")
        return self


class Docker(Part):
    """The engine: where its packages come from, and what goes into daemon.json."""

    source: Literal["auto", "distribution", "docker"] = "auto"
    repository: Annotated[str, Field(pattern=r"^(https?|file)://[^\s]+[^/\s]$")] = (
        "https://download.docker.com/linux"
    )
    key_fingerprint: Annotated[str, Field(pattern=r"^([0-9A-F]{40})?$")] = ""  # Docker's own
    live_restore: bool = True
    # 512 networks. Docker's own 31, of 65,534 addresses each, are too few and hide too much.
    address_pools: list[Pool] = [Pool(base="192.168.128.0/17", size=26)]
    registry_mirrors: list[Annotated[str, Field(pattern=r"^https?://[^\s]+$")]] = []
