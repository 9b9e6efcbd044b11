"""Build contexts of our images: the files, their digest, the tar that an engine wants."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from .site import Site
from .site_images import VERSION

IMAGES = Path(__file__).parent / "server" / "images"
LABEL = "org.cyberhubs.context"
# The one place of the base image's pin; its Dockerfiles name the same (tests compare them).
OFFICIAL = (
    "debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f"
)
SUITE = "trixie"
MADE = f"cyberhubs/debian:{SUITE}"  # made from Debian's packages; never under the official name
OURS = ("base", "hub", "edge", "corehub", "compose")


@dataclass(frozen=True)
class Context:
    """One of our images: `digest` changes when its files or those below it change."""

    name: str
    files: tuple[tuple[str, bytes], ...]
    below: str = ""

    @property
    def title(self) -> str:
        """cyberhubs/NAME:VERSION, as people and site files call it."""
        return f"cyberhubs/{self.name}:{VERSION}"

    @property
    def tag(self) -> str:
        """cyberhubs/NAME:VERSION-DIGEST, as engines know it: two sites' images both stay on one."""
        return f"{self.title}-{self.digest}"

    @property
    def digest(self) -> str:
        """12 hex digits."""
        whole = hashlib.sha256(self.below.encode())
        for name, content in self.files:
            whole.update(f"{name} {len(content)}\n".encode() + content)
        return whole.hexdigest()[:12]

    def tar(self) -> io.BytesIO:
        """The files, executable if they begin with #!; same bytes each time, so layers are cached."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, content in self.files:
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o755 if content[:2] == b"#!" else 0o644
                tar.addfile(info, io.BytesIO(content))
        buffer.seek(0)
        return buffer


def context(name: str, site: Site) -> Context:
    """The context of images/NAME; `base` also carries the site's certificate authorities."""
    folder = IMAGES / name
    files = {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and "__pycache__" not in p.parts
    }
    if name == "base":
        files |= {f"ca/{p.name}": p.read_bytes() for p in site.certificates()}
    below = site.images.base or OFFICIAL if name == "base" else context("base", site).digest
    return Context(name, tuple(sorted(files.items())), below)


def ours(image: str) -> str:
    """The name of our image that a menu calls so, or "" if it is somebody else's."""
    for name in OURS:
        if image == f"cyberhubs/{name}:{VERSION}":
            return name
    return ""


def reference(image: str, site: Site) -> str:
    """What an engine knows an image of the menu by: for ours, the tag of this site's own."""
    name = ours(image)
    return context(name, site).tag if name else image
