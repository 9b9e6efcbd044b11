"""The Docker engine of the host: its packages, its settings."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..shell import put, sh
from ..state import Resource, State, Unknown
from ..transport import Result
from .packages import APT

DAEMON_JSON = "/etc/docker/daemon.json"
SETTINGS: dict[str, object] = {
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3"},  # otherwise a chatty container fills the disk
}


@dataclass(frozen=True)
class Engine(Resource):
    """A Docker engine with compose v2, from the distribution; an engine from elsewhere is kept."""

    packages: tuple[str, ...]
    compose: bool = True

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
        places = " ".join("{}" for _ in self.packages)
        if was and was["engine"] == "installed":  # Docker's own packages: the distribution's would
            own = "dpkg-query -W docker-ce >/dev/null 2>&1"  # take the engine's place
            return f"if {own}; then {APT} install docker-compose-plugin; else " + sh(
                f"{APT} --no-install-recommends install {places}; fi", *self.packages
            )
        return sh(f"{APT} --no-install-recommends install {places}", *self.packages)


@dataclass(frozen=True)
class DaemonSettings(Resource):
    """Keys of daemon.json; what others put into that file stays."""

    label = f"file {DAEMON_JSON}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Our keys, as JSON."""
        return {key: json.dumps(value, sort_keys=True) for key, value in SETTINGS.items()}

    def question(self) -> str:
        """The whole file."""
        return f"[ -f {DAEMON_JSON} ] && cat {DAEMON_JSON} || :"

    def parse(self, answer: Result) -> State:
        """All keys that are there, as JSON. Unknown if it is not a JSON object."""
        if not answer.out.strip():
            return {key: "absent" for key in SETTINGS}
        try:
            data = json.loads(answer.out)
        except ValueError as error:
            raise Unknown(f"{DAEMON_JSON} is not JSON ({error}): correct it by hand") from None
        if not isinstance(data, dict):
            raise Unknown(f"{DAEMON_JSON} is not a JSON object: correct it by hand")
        return {key: json.dumps(value, sort_keys=True) for key, value in data.items()}

    def note(self, was: State) -> str:
        """What it is for."""
        return "rotates the containers' logs"

    def change(self, was: State) -> str:
        """Merge, and restart the engine if it runs: that is when it reads the file."""
        kept = {k: json.loads(v) for k, v in (was or {}).items() if v != "absent"}
        text = json.dumps({**kept, **SETTINGS}, indent=2) + "\n"
        restart = "if systemctl is-active -q docker; then systemctl restart docker; fi"
        return put(text.encode(), DAEMON_JSON, "644", "root:root") + f"\n{restart}"
