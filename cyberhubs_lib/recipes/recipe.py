"""What one runbook wants of one host: requirements, steps, checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..check import Check
from ..facts import Facts
from ..host import Host
from ..params import Params
from ..report import Row
from ..site import Site
from ..state import Resource
from ..systems.choose import system
from ..systems.system import System


@dataclass(frozen=True)
class Recipe:
    """Requirements are asked before anything; `steps` in order; `checks` prove the behaviour.

    `proof` is for what cannot be asked on the host: a function that acts as a user from outside.
    """

    requirements: Sequence[Check] = ()
    steps: Mapping[str, Sequence[Resource]] = field(default_factory=dict)
    checks: Sequence[Check] = ()
    proof: Callable[[Host], list[Row]] | None = None


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
