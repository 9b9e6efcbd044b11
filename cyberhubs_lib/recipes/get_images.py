"""08: the images of the hub and of the menu, on the host."""

from __future__ import annotations

import platform
import re

from ..answers import number
from ..check import Check
from ..contexts import context, ours, reference
from ..facts import Facts
from ..params import Params
from ..proven import keep, recall
from ..resources.images import Built, Copied, Published, Pulled
from ..shell import sh
from ..site import Site
from ..state import Resource
from ..transport import Result
from .recipe import Recipe, docker_answers

DAY = re.compile(r"\d{4}-\d\d-\d\d")


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
        checks=[
            Check(f"{image} runs", _once(image, site, facts, params), _home,
                  "a home that can be written", "build or pull it again")
            for image in wanted if ours(image)
        ],
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


def _runs(tag: str) -> str:
    """As some other uid than the image's own, the way a site may choose it."""
    inside = 'jupyterhub-singleuser --version >/dev/null && cd && touch x && echo "$HOME"'
    return sh(
        "docker run --rm --network none --user 4711:4711 --read-only --tmpfs /tmp"
        " --tmpfs /home/user:mode=777 {} sh -c {}",
        tag, inside,
    )  # fmt: skip


def _once(image: str, site: Site, facts: Facts, params: Params) -> str:
    """The same, unless it was seen to run on this engine already; a dry run notes nothing."""
    home, tag = site.directory(facts.home), reference(image, site)
    name = "image-" + re.sub(r"[^a-z0-9.]+", "-", image)
    depends = sh("docker image inspect -f {} {}", "{{.Id}}", tag) + sh(
        " && docker version -f {} && cat /etc/machine-id && echo {}",
        "{{.Server.Version}}", _runs(tag),
    )  # fmt: skip
    known = "" if getattr(params, "prove", False) else '[ -z "$day" ] || { echo "$day"; exit 0; }\n'
    note = "" if params.dry_run else keep(home, name)
    return (
        f'{recall(home, name, depends)}{known}said=$({_runs(tag)} 2>&1)\ncode=$?\necho "$said"\n'
        f"case $code$said in 0*/home/user*) :\n{note};; esac\nexit $code"
    )


def _home(answer: Result) -> tuple[bool, str]:
    said, good = answer.out.strip(), "a home that can be written"
    if answer.code == 0 and DAY.fullmatch(said):
        return True, f"{good}, proven on {said}"
    return (True, good) if answer.code == 0 and "/home/user" in said else (False, said[-200:])


def _room(answer: Result) -> tuple[bool, str]:
    gib = number(answer.out.strip()) / 1024**2
    return gib >= 4, f"{gib:.0f} GiB"
