"""00: can the host be reached, what is it, is it suitable."""

from __future__ import annotations

from ..check import Check
from ..facts import MIN_FREE_GIB, MIN_MEMORY_MIB, Facts
from ..host import advice
from ..params import Params
from ..resources import clock
from ..site import Site
from ..transport import Result
from .recipe import Recipe, docker_is_not_kept_waiting, supported


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """Only questions; nothing is changed."""
    supported(facts)
    return Recipe(
        requirements=[
            Check(
                "may become root",
                "true",
                lambda a: (facts.sudo in SUDO, SUDO.get(facts.sudo, facts.sudo_said or "no")),
                "root, or sudo",
                advice(facts.sudo_said, "log in as the account that your provider made"),
            ),
            Check(
                "processor",
                "true",
                lambda a: (facts.arch in ("x86_64", "aarch64"), f"{facts.cpus} x {facts.arch}"),
                "x86_64 or aarch64",
            ),
            Check(
                "memory",
                "true",
                lambda a: (
                    facts.memory_mib >= MIN_MEMORY_MIB,
                    f"{facts.memory_mib / 1024:.1f} GiB",
                ),
                f"at least {MIN_MEMORY_MIB / 1024:.1f} GiB",
                "a user with one notebook takes 150 MiB to begin with; small machines hold few",
                hard=False,
            ),
            Check(
                "free on /",
                "true",
                lambda a: (facts.root_free_gib >= MIN_FREE_GIB, f"{facts.root_free_gib} GiB"),
                f"at least {MIN_FREE_GIB} GiB",
                "attach a data volume; runbook 03 puts Docker and the users' files there",
                hard=False,
            ),
            *docker_is_not_kept_waiting(facts),
        ],
        checks=[
            clock.as_here(),
            Check("temporary files", WRITABLE, _ok, "can be written", "is the disk full? `df -h`"),
        ],
    )


SUDO = {"root": "is root", "free": "sudo", "password": "perhaps: sudo asks for a password"}
WRITABLE = 't=$(mktemp) && echo x > "$t" && [ -s "$t" ]; c=$?; rm -f "$t"; exit $c'


def _ok(answer: Result) -> tuple[bool, str]:
    return answer.code == 0, "can be written" if answer.code == 0 else answer.out.strip()
