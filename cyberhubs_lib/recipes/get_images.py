"""08: the images of the hub and of the menu, on the host."""

from __future__ import annotations

import platform

from ..answers import number
from ..check import Check
from ..contexts import context, ours
from ..facts import Facts
from ..params import Params
from ..resources.images import Built, Copied, Published, Pulled
from ..site import Site
from ..state import Resource
from ..transport import Result
from .image_checks import runs
from .recipe import Recipe, docker_answers


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """The bottom image first, then what stands on it; the menu's own images are always pulled."""
    wanted = list(dict.fromkeys(choice.image for choice in site.menu))
    server = ["hub", "edge", *([] if facts.compose else ["compose"])]
    applications = [name for name in map(ours, wanted) if name]
    foreign = [tag for tag in wanted if not ours(tag)]
    return Recipe(
        requirements=[
            docker_answers(facts),
            Check("free for images", ROOM, _room, "at least 4 GiB",
                  "runbook 03 puts Docker's data on the data volume", hard=False),
            *([_same_kind(facts)] if site.images.source == "copy" else []),
        ],
        steps={
            "base": [] if site.images.source == "pull" else [_ours("base", site)],
            "server": [_ours(name, site) for name in server],
            "applications": [
                *[_ours(name, site) for name in applications],
                *[Pulled(tag) for tag in foreign],
            ],
        },
        checks=[runs(image, site, facts, params) for image in wanted],
    )  # fmt: skip


def _ours(name: str, site: Site) -> Resource:
    found = context(name, site)
    base = site.images.base if name == "base" else context("base", site).tag
    kind = {"build": Built, "copy": Copied}
    if site.images.source == "pull":
        return Published(found, site.images.registry)
    return kind[site.images.source](found, base)


def _same_kind(facts: Facts) -> Check:
    """An image holds programs for one kind of processor."""
    here = platform.machine()
    return Check("processor, for images made here", "true",
                 lambda a: (facts.arch == here, facts.arch), here,
                 "they would not run there: set images.source to `build` or `pull`")  # fmt: skip


ROOM = r"""
r=$(docker info -f '{{.DockerRootDir}}') && d=$(df -Pk "$r") &&
echo "$d" | tail -1 | tr -s ' ' | cut -d' ' -f4
"""


def _room(answer: Result) -> tuple[bool, str]:
    gib = number(answer.out.strip()) / 1024**2
    return gib >= 4, f"{gib:.0f} GiB"
