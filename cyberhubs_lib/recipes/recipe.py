"""What one runbook wants of one host: requirements, steps, checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..answers import matching
from ..check import Check
from ..facts import Facts
from ..host import Host
from ..params import Params
from ..report import Row
from ..resources.services import CLOCKS, Service, TimeService
from ..shell import sh
from ..site import Site
from ..state import Resource
from ..systems.choose import system
from ..systems.system import System
from ..transport import Result


@dataclass(frozen=True)
class Recipe:
    """Requirements are asked before anything; `steps` in order; `checks` prove the behaviour.

    `proof` is for what cannot be asked on the host: a function that acts as a user from outside.
    """

    requirements: Sequence[Check] = ()
    steps: Mapping[str, Sequence[Resource]] = field(default_factory=dict)
    checks: Sequence[Check] = ()
    proof: Callable[[Host], list[Row]] | None = None

    def masked(self) -> list[Check]:
        """The requirement that no unit is masked that a step would start; none without such a step."""
        wanted = [resource for step in self.steps.values() for resource in step]
        units = [one.unit for one in wanted if isinstance(one, Service)]
        clocks = [unit for one in wanted if isinstance(one, TimeService) for unit in one.units]
        if not units and not clocks:
            return []
        ask = sh(MASKED, CLOCKS, " ".join(units), " ".join(clocks))
        return [Check("masked units", ask, _masked, "none", UNMASK)]


# A clock's service counts only if no other keeps the clock.
MASKED = """
systemctl list-unit-files --no-legend $(echo {}) 2>/dev/null | grep -q ' enabled' && kept=yes
for unit in $(echo {}; [ "$kept" ] || echo {}); do
    case $(systemctl is-enabled $unit 2>/dev/null) in masked*) echo $unit ;; esac
done"""
UNMASK = (
    "the provider's image, or a script that hardens systems, may have done it;"
    " `sudo systemctl unmask NAME` on the host allows it again"
)


def _masked(answer: Result) -> tuple[bool, str]:
    units = [matching(r"[\w@.:-]+\.\w+", line) for line in answer.out.split()]
    return not units, ", ".join(units) or "none"


def docker_answers(facts: Facts) -> Check:
    """The requirement of what works with containers."""
    found = facts.docker or facts.docker_trouble or "not installed"
    todo = facts.docker_todo or "run 04_install_docker first; on your own machine, install Docker"
    return Check("Docker", "true", lambda a: (bool(facts.docker), found),
                 "an engine that answers", todo)  # fmt: skip


def docker_is_not_kept_waiting(facts: Facts) -> list[Check]:
    """The requirement of what starts Docker: it does not wait for a disk; no row if it does not."""
    return [docker_answers(facts)] if facts.docker_hangs else []


def account_exists(facts: Facts) -> Check:
    """The requirement of what belongs to the service account."""
    there = facts.service_uid >= 0
    return Check(f"account {facts.service_user}", "true",
                 lambda a: (there, "exists" if there else "missing"), "exists",
                 "run 02_prepare_os first")  # fmt: skip


Maker = Callable[[Facts, Site, Params], Recipe]


def supported(facts: Facts) -> System:
    """What this host's system is. Raises Unsupported, with the way to move."""
    return system(facts)
