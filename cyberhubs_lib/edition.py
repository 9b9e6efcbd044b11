"""Whose book was built last: a site's book must never land on another site's hub."""

from __future__ import annotations

import json
from pathlib import Path

from .site import REPOSITORY, Site

BUILD = REPOSITORY / "book" / "_build"


def edition(site: Site | None) -> dict[str, object]:
    """What decides what the book shows; None is the book that is nobody's."""
    return {"site": site.name, "hide": sorted(site.docs.hide)} if site else {"site": ""}


def built(site: Site | None) -> Path | None:
    """The HTML, if what was built last is this site's book with its settings of today."""
    try:
        same = json.loads((BUILD / "built.json").read_text()) == edition(site)
    except (FileNotFoundError, ValueError):
        same = False
    return BUILD / "html" if same else None
