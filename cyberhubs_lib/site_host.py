"""The keys of a site file that describe the machine: disks, and what later runbooks need of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# plain names only: they go into fstab, unit files and shell text
AbsolutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")]


class Part(BaseModel):
    """A group of keys: unknown ones are refused, a misspelt one would be silently without effect."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Volume(Part):
    """A disk that runbook 03 may format, and where it is mounted."""

    device: Annotated[str, Field(pattern=r"^/dev/[^\s]+$")]
    mount: AbsolutePath = "/mnt"


class Storage(Part):
    """The data volumes; the first is the one for users' files and Docker."""

    volumes: list[Volume] = []
