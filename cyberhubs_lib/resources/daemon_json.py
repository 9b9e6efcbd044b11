"""daemon.json: the settings of the Docker engine, merged with what others wrote there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ..facts import Facts
from ..shell import put
from ..site_host import Docker
from ..state import Resource, State, Unknown
from ..transport import Result

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
