"""What recipes ask of an operating system. A family answers in a small class of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..check import Check
from ..facts import Facts
from ..resources.docker import Engine
from ..resources.packages import Manager, Package
from ..resources.trust import Store
from ..site_host import Docker
from ..state import Resource


@dataclass(frozen=True)
class Lack:
    """A feature that a system has no package for: is it there anyhow, and the way round."""

    question: str
    way: str


class System:
    """One host's system. Features go by the names that Debian's packages have."""

    name: str
    manager: Manager
    store: Store  # of certificate authorities
    ssh_service: str  # its unit
    names: Mapping[str, str]  # feature -> package, where it is not called so
    extras: Mapping[str, str]  # what runbook 02 installs besides, with the reason
    restart_needed: str  # shell text: prints no, or yes and perhaps why
    index_read: str  # shell text: exit code 0 if there is a package index
    sources: Sequence[str]  # what docker.source may be

    def __init__(self, facts: Facts):
        self.facts = facts

    @property
    def lacks(self) -> Mapping[str, Lack]:
        """Feature -> what to do without it."""
        return {}

    def missing(self, *features: str, hard: bool = False) -> list[Check]:
        """A row for each of these that this system lacks; `hard` where nothing can be done without."""
        return [
            Check(feature, lack.question, lambda a: (
                  a.code == 0, "there" if a.code == 0 else f"not in {self.name}"),
                  "there", lack.way, hard=hard)
            for feature, lack in self.lacks.items() if feature in features
        ]  # fmt: skip

    def packages(self, wanted: Mapping[str, str]) -> list[Resource]:
        """Feature -> reason, as this system's packages; what it lacks is left out."""
        found = {self.names.get(f, f): why for f, why in wanted.items() if f not in self.lacks}
        return [Package(name, why, manager=self.manager) for name, why in found.items()]

    def packages_consistent(self) -> Resource:
        """No installation was cut off half way, or it is ended."""
        raise NotImplementedError

    def index(self) -> list[Resource]:
        """The package index read, updates, repositories that packages come from."""
        raise NotImplementedError

    def clock(self, packages: Sequence[str] = ()) -> Resource:
        """A service that keeps the clock; that of one of these packages, if there is one among them."""
        raise NotImplementedError

    def automatic_updates(self, restart_at: str) -> list[Resource]:
        """Security updates every day; a restart at that hour if one is needed, "" never."""
        raise NotImplementedError

    def updates_come(self) -> Check:
        """The proof that security updates come by themselves."""
        raise NotImplementedError

    def from_docker(self, docker: Docker) -> bool:
        """Whether the engine comes from Docker's own repository."""
        raise NotImplementedError

    def repository(self, docker: Docker) -> list[Resource]:
        """Docker's repository, where the engine comes from there."""
        raise NotImplementedError

    def engine(self, docker: Docker) -> Engine:
        """The packages of the engine and of compose."""
        raise NotImplementedError

    def engine_options(self, early: bool = False) -> list[Resource]:
        """What the package of the engine sets that would contradict daemon.json.

        `early`: of an engine that was there before the runbook.
        """
        return []
