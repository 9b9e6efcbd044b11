"""The Docker engine of the host: its packages, and what they must not set."""

from __future__ import annotations

from dataclasses import dataclass

from ..answers import matching
from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result
from .packages import APT_GET, Manager

# Shell text: ends with 9 if no engine answers. `docker info -f` of Docker 26 ends with 0 then, too.
ANSWERS = "docker version -f '{{.Server.Version}}' >/dev/null 2>&1 || exit 9\n"
# Do containers run without the engine, which was stopped or died (live-restore)? Each has a process of
# its own that keeps it, and nothing lists or stops them before the engine is there again.
ALONE = "(! docker ps -q && grep -qsx containerd-shim /proc/[0-9]*/comm) >/dev/null 2>&1"
ALONE_MEANS = "containers run without their engine: `sudo systemctl start docker` first"


@dataclass(frozen=True)
class Engine(Resource):
    """A Docker engine with compose v2; an engine that is there is kept, wherever it came from.

    `compose` is the package with compose v2, "" where there is none.
    """

    packages: tuple[str, ...]
    compose: str = ""
    manager: Manager = APT_GET

    label = "Docker engine"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Engine present, compose v2."""
        return {"engine": "installed", **({"compose": "v2"} if self.compose else {})}

    def question(self) -> str:
        """Neither needs the engine to run."""
        return (
            "command -v dockerd >/dev/null && echo installed || echo missing\n"
            "docker compose version --short 2>/dev/null || echo missing"
        )

    def parse(self, answer: Result) -> State:
        """Two lines."""
        engine, compose = answer.out.strip().split("\n")
        matching("installed|missing", engine)
        matching(r"v?\d\S*|missing", compose)
        return {"engine": engine, "compose": "v2" if compose[:1] in tuple("2345") else "missing"}

    def change(self, was: State) -> str:
        """One transaction."""
        install = self.manager.install
        if was and was["engine"] == "installed":  # Docker's own packages bring their own compose
            own = sh(self.manager.state, "docker-ce")
            which = f'[ "$({own})" = installed ] && p=docker-compose-plugin || p={{}}\n'
            return sh(which, self.compose) + f'{install} "$p"'
        names = [*self.packages, *([self.compose] if self.compose else [])]
        places = " ".join("{}" for _ in names)
        return sh(f"{install} {places}", *names)


@dataclass(frozen=True)
class SysconfigOptions(Resource):
    """Options that a package gives dockerd and that exclude the same setting in daemon.json.

    dockerd does not start with both. Each of `unwanted` is an option with one value. `early`: before
    the step that installs the engine, so that there is nothing to do while there is none.
    """

    unwanted: tuple[str, ...]
    early: bool = False

    label = "file /etc/sysconfig/docker"
    file = "/etc/sysconfig/docker"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """None of them."""
        return {"excludes daemon.json": "nothing"}

    def question(self) -> str:
        """The line with the options."""
        there = "command -v dockerd >/dev/null || exit 9"
        return f"{there}\nsed -n 's/^OPTIONS=//p' {self.file} 2>/dev/null"

    def parse(self, answer: Result) -> State:
        """Which are there. Unknown while the engine is not installed, unless `early`."""
        if answer.code == 9 and not self.early:
            raise Unknown("not installed yet")
        found = [option for option in self.unwanted if option in answer.out]
        return {"excludes daemon.json": ", ".join(found) or "nothing"}

    def note(self, was: State) -> str:
        """Why."""
        return "the engine does not start with the same setting in two places"

    def change(self, was: State) -> str:
        """Take them out; other options stay."""
        return "\n".join(
            sh("sed -i {} {}", f'/^OPTIONS=/s/ *{option}[ =][^ "]*//g', self.file)
            for option in self.unwanted
        )
