"""The keys of a site file that say what a user's server may use, and for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from .site_host import Memory, Part
from .site_types import Login

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
LEAST = "64M"  # a filesystem needs some space for itself, a server some for its first files


def in_bytes(size: str) -> int:
    """The number of bytes that 20G means; units of 1024, as everywhere in Linux."""
    return int(size[:-1]) * UNITS[size[-1]]


def _large_enough(size: str) -> str:
    if in_bytes(size) < in_bytes(LEAST):
        raise ValueError(f"at least {LEAST}")
    return size


Disk = Annotated[Memory, AfterValidator(_large_enough)]


class Limits(Part):
    """What one user's server may use, `disk_of` is for single users; and how many servers there are."""

    memory: Memory = "2G"
    cpus: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    processes: int = Field(default=512, ge=64)
    upload: Memory = "1G"  # in one request
    servers: int = Field(
        default=0, ge=0
    )  # that run at the same time, of all users; 0 is any number
    starting: int = Field(default=20, ge=1)  # that start at the same time
    start_seconds: int = Field(default=180, ge=1)  # ten at once on two cores take 60
    starts: int = Field(default=10, ge=1)  # of one user in ten minutes
    refused_logins: int = Field(default=60, ge=1)  # of one address in a minute
    disk: Disk | None = None
    disk_of: dict[Login, Disk] = {}

    @model_validator(mode="after")
    def _single_users_differ_from_something(self) -> Limits:
        if self.disk_of and not self.disk:
            raise ValueError("disk_of goes only with disk, the limit of all others")
        return self


class Culling(Part):
    """When an idle server is stopped; 0 is never."""

    idle_minutes: int = Field(default=60, ge=0)
    max_age_hours: int = Field(default=0, ge=0)
