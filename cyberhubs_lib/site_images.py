"""Keys of a site file about images: which there are to choose from, and where ours come from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .site_host import Part
from .site_types import ImageName, OptionalImageName, OptionalRegistry

VERSION = "0.1.0"  # of the images that this release makes and expects


class Choice(Part):
    """One line of the menu that a user sees before a server starts."""

    title: str = Field(min_length=1)
    image: ImageName = f"cyberhubs/corehub:{VERSION}"
    interface: Literal["lab", "notebook"] = "lab"


class Images(Part):
    """Where images come from: built on the host, pulled by it, or copied from here."""

    source: Literal["build", "pull", "copy"] = "build"
    registry: OptionalRegistry = ""
    base: OptionalImageName = ""

    @model_validator(mode="after")
    def _a_pull_is_from_somewhere(self) -> Images:
        if self.source == "pull" and not self.registry:
            raise ValueError(
                "nobody publishes these images for you: name the registry to which you pushed"
                " them, for example registry: ghcr.io/institute"
            )
        return self
