"""The Docker engine of the host: its packages, its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ..facts import Facts
from ..shell import put, sh
from ..site_host import Docker
from ..state import Resource, State, Unknown
from ..transport import Result
from .packages import APT_GET, Manager

DAEMON_JSON = "/etc/docker/daemon.json"
BEFORE = f"{DAEMON_JSON}.before"  # as it was before the first change, for the way back; empty: none
# docs.docker.com/reference/cli/dockerd/#configuration-reload-behavior: these need no restart
RELOADED = {"live-restore", "registry-mirrors"}


def open_files(facts: Facts) -> tuple[int, int]:
    """The limits of a container, soft and hard. limits.conf does not count there.

    65536 since the usual soft 1024 is few for large notebooks; 524288 is systemd's own hard limit. A
    host that is a container itself may have less, and no container starts that asks for more.
    """
    hard = min(524288, facts.open_files or 524288)
    return min(65536, hard), hard


def settings(docker: Docker, facts: Facts) -> dict[str, object]:
    """What a site wants in daemon.json; an empty list leaves the engine's own default."""
    soft, hard = open_files(facts)
    pools = [pool.model_dump() for pool in docker.address_pools]
    return {
        "log-driver": "json-file",
        # otherwise a chatty container fills the disk
        "log-opts": {"max-size": "10m", "max-file": "3"},
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": soft, "Hard": hard}},
        "live-restore": docker.live_restore,
        **({"default-address-pools": pools} if pools else {}),
        **({"registry-mirrors": docker.registry_mirrors} if docker.registry_mirrors else {}),
    }


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
        engine, _, compose = answer.out.strip().partition("\n")
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
class DaemonSettings(Resource):
    """Keys of daemon.json; what others put into that file stays."""

    values: Mapping[str, object]

    label = f"file {DAEMON_JSON}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Our keys, as JSON."""
        return {key: _json(value) for key, value in self.values.items()}

    def question(self) -> str:
        """The whole file."""
        return f"[ -f {DAEMON_JSON} ] && cat {DAEMON_JSON} || :"

    def parse(self, answer: Result) -> State:
        """All keys that are there, as JSON. Unknown if it is not a JSON object."""
        try:
            data = json.loads(answer.out) if answer.out.strip() else {}
        except ValueError as error:
            raise Unknown(f"{DAEMON_JSON} is not JSON ({error}): correct it by hand") from None
        if not isinstance(data, dict):
            raise Unknown(f"{DAEMON_JSON} is not a JSON object: correct it by hand")
        return {k: _json(data[k]) if k in data else ABSENT for k in {**self.values, **data}}

    def note(self, was: State) -> str:
        """What happens to an engine that runs."""
        if self._changed(was) <= RELOADED:
            return "the engine reads it without a restart"
        if self.values.get("live-restore"):
            return "the engine restarts, containers go on"
        return "the engine restarts, and all containers with it"

    def _changed(self, was: State) -> set[str]:
        return {key for key, value in (self.wanted or {}).items() if (was or {}).get(key) != value}

    def change(self, was: State) -> str:
        """Merge, and have a running engine read it; first of all that containers may go on."""
        kept = {k: json.loads(v) for k, v in (was or {}).items() if v != ABSENT}
        text = json.dumps({**kept, **self.values}, indent=2) + "\n"
        restart = "" if self._changed(was) <= RELOADED else "sleep 1; systemctl restart docker"
        tell = f"if systemctl is-active -q docker; then systemctl reload docker; {restart}\nfi"
        keep = f"[ -e {BEFORE} ] || cp -p {DAEMON_JSON} {BEFORE} 2>/dev/null || : > {BEFORE}\n"
        return (
            f"mkdir -p /etc/docker\n{keep}"
            + put(text.encode(), DAEMON_JSON, "644", "root:root")
            + f"\n{tell}"
        )


ABSENT = "absent"  # is no JSON, so no value can be mistaken for it


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


@dataclass(frozen=True)
class SysconfigOptions(Resource):
    """Options that a package gives dockerd and that exclude the same setting in daemon.json.

    dockerd does not start with both. Each of `unwanted` is an option with one value.
    """

    unwanted: tuple[str, ...]

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
        """Which are there. Unknown while the engine is not installed."""
        if answer.code == 9:
            raise Unknown("not installed yet")
        found = [option for option in self.unwanted if option in answer.out]
        return {"excludes daemon.json": ", ".join(found) or "nothing"}

    def note(self, was: State) -> str:
        """Why."""
        return "the engine does not start with the same setting in two places"

    def change(self, was: State) -> str:
        """Take them out; other options stay."""
        return "\n".join(
            sh("sed -i {} {}", f'/^OPTIONS=/s/ *{option}[ =][^ "]*//', self.file)
            for option in self.unwanted
        )
