"""What one runbook wants of one host: requirements, steps, checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..check import Check
from ..errors import Unsupported
from ..facts import Facts
from ..host import Host
from ..params import Params
from ..report import Row
from ..site import Site
from ..state import Resource


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
    found = "not installed"
    todo = "run 04_install_docker first; on your own machine, install Docker"
    if facts.docker_cli:
        found = "installed, does not answer"
        todo = "`systemctl status docker` tells why; run 04_install_docker again, it starts Docker"
    return Check("Docker", "true", lambda a: (bool(facts.docker), facts.docker or found),
                 "an engine that answers", todo)  # fmt: skip


def account_exists(facts: Facts) -> Check:
    """The requirement of what belongs to the service account."""
    there = facts.service_uid >= 0
    return Check(f"account {facts.service_user}", "true",
                 lambda a: (there, "exists" if there else "missing"), "exists",
                 "run 02_prepare_os first")  # fmt: skip


Maker = Callable[[Facts, Site, Params], Recipe]


TESTED = {("debian", "12"), ("debian", "13"), ("ubuntu", "22.04"), ("ubuntu", "24.04")}


def supported(facts: Facts) -> None:
    """Raises Unsupported for systems that this project does not know, with the way to move."""
    if facts.id in ("centos", "amzn") and facts.version in ("7", "2018.03", "2"):
        raise Unsupported(
            f"{facts.system} no longer gets updates and has no current Docker",
            expected="Debian 12 or 13, Ubuntu 22.04 or 24.04",
            todo="launch a new machine with Debian 13, attach the data volume to it",
        )
    if (facts.id, facts.version) not in TESTED and facts.id in ("debian", "ubuntu"):
        raise Unsupported(
            f"the host runs {facts.system}",
            expected="Debian 12 or 13, Ubuntu 22.04 or 24.04",
            todo="bring it to one of these releases, or use a new machine",
        )
    if facts.family != "debian" or not facts.version:
        raise Unsupported(
            f"the host runs {facts.system or 'an unknown system'}",
            expected="Debian 12 or 13, Ubuntu 22.04 or 24.04",
            todo="use a machine with one of these systems",
        )
