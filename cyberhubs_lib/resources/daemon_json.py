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
from .services import UNREAD, restart, unread

ENGINE = "docker.service"
CUT_OFF = unread(ENGINE)
DAEMON_JSON = "/etc/docker/daemon.json"
BEFORE = f"{DAEMON_JSON}.before"  # as it was before the first change, for the way back; empty: none
MARK = f"{DAEMON_JSON}.ours"  # the lists that a runbook wrote
# Which an institution's administrators may have set as well, and without which the engine has its own.
LISTS = ("default-address-pools", "registry-mirrors")
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
    """What a site wants in daemon.json; an empty list is the engine's own default."""
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


def merged(found: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    """Ours over what is there; in a table (log-opts, default-ulimits) line by line.

    Options of another log driver do not stay: the engine does not start with one that ours has not.
    """
    driver = values.get("log-driver")
    kept = dict(found)
    if kept.get("log-driver", driver) != driver:
        kept.pop("log-opts", None)
    return {**kept, **{key: _over(kept.get(key), value) for key, value in values.items()}}


def _over(found: object, value: object) -> object:
    both = isinstance(found, dict) and isinstance(value, dict)
    return {**found, **value} if both else value  # type: ignore[dict-item]


def _part(found: object, value: object) -> object:
    """What decides: of a table only the lines that are ours."""
    if isinstance(found, dict) and isinstance(value, dict):
        return {key: found[key] for key in value if key in found}
    return found


@dataclass(frozen=True)
class DaemonSettings(Resource):
    """Keys of daemon.json; what others put into that file stays.

    A list (LISTS) that is not among `values` goes if it is what this runbook wrote last, which is
    kept in MARK; any other is somebody else's.
    """

    values: Mapping[str, object]

    label = f"file {DAEMON_JSON}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Our keys, as JSON, and that a running engine has read them."""
        ours = {key: _json(value) for key, value in self.values.items()}
        return {**ours, **{k: NOT_OURS for k in LISTS if k not in self.values}, UNREAD: "no"}

    def question(self) -> str:
        """Whether a change was cut off, and both files, the mark first."""
        both = f"[ ! -e {CUT_OFF} ] || echo {UNREAD}\ncat {MARK} 2>/dev/null; echo; echo {END}\n"
        return f"{both}[ -f {DAEMON_JSON} ] && cat {DAEMON_JSON} || :"

    def parse(self, answer: Result) -> State:
        """Our keys, as JSON, and both files. Unknown if one is not a JSON object."""
        out = answer.out.removeprefix(f"{UNREAD}\n")
        mark, _, text = out.partition(f"{END}\n")
        data, written = _read(text, DAEMON_JSON), _read(mark, MARK)
        found = {
            k: _json(_part(data[k], v)) if k in data else ABSENT for k, v in self.values.items()
        }
        for key in LISTS:
            if key not in self.values:
                ours = key in data and key in written and data[key] == written[key]
                found[key] = _json(data[key]) if ours else NOT_OURS
        found[UNREAD] = "yes" if out != answer.out else "no"
        return {**found, "file": json.dumps(data), "mark": json.dumps(written)}

    def note(self, was: State) -> str:
        """What happens to an engine that runs."""
        if self._is_reloaded(was):
            return "the engine reads it without a restart"
        if self.values.get("live-restore"):
            return "the engine restarts, containers go on"
        return "the engine restarts, and all containers with it"

    def _changed(self, was: State) -> set[str]:
        return {key for key, value in (self.wanted or {}).items() if (was or {}).get(key) != value}

    def _is_reloaded(self, was: State) -> bool:
        """A key that is gone is not taken note of by a reload; what was cut off may be any."""
        return self._changed(was) <= RELOADED & self.values.keys()

    def change(self, was: State) -> str:
        """Merge, and have a running engine read it; first of all that containers may go on."""
        found, written = json.loads((was or {})["file"]), json.loads((was or {})["mark"])
        changed = self._changed(was)
        gone = changed - self.values.keys()
        text = merged({k: v for k, v in found.items() if k not in gone}, self.values)
        # before the file itself, and never less: only a list that is equal to it counts as ours
        mark = {**written, **{key: self.values[key] for key in changed & {*LISTS} - gone}}
        anew = "" if self._is_reloaded(was) else f"sleep 1; {restart(ENGINE)}"
        tell = f"if systemctl is-active -q docker; then systemctl reload docker; {anew}\nfi"
        keep = f"[ -e {BEFORE} ] || cp -p {DAEMON_JSON} {BEFORE} 2>/dev/null || : > {BEFORE}\n"
        files = {MARK: mark, DAEMON_JSON: text} if mark else {DAEMON_JSON: text}
        return "\n".join([
            f"mkdir -p /etc/docker\n{keep}",
            f": > {CUT_OFF}",
            *(self._first(found) if anew else []),
            *[_put(content, path) for path, content in files.items()],
            tell,
            f"rm -f {CUT_OFF}",
        ])  # fmt: skip

    def _first(self, found: Mapping[str, object]) -> list[str]:
        """Live-restore alone: an engine that was started with an option of another key refuses both."""
        if not self.values.get("live-restore") or found.get("live-restore") is True:
            return []
        alone = _put({**found, "live-restore": True}, DAEMON_JSON)
        return [
            f"if systemctl is-active -q docker; then {alone}\nsystemctl reload docker; sleep 1\nfi"
        ]


ABSENT = "absent"  # is no JSON, so no value can be mistaken for it
NOT_OURS = "none of ours"
END = "---"  # between the two files: a line that JSON has not


def _put(content: Mapping[str, object], path: str) -> str:
    return put(f"{json.dumps(content, indent=2)}\n".encode(), path, "644", "root:root")


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _read(text: str, path: str) -> dict[str, object]:
    try:
        data = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise Unknown(f"{path} is not JSON ({error}): correct it by hand") from None
    if not isinstance(data, dict):
        raise Unknown(f"{path} is not a JSON object: correct it by hand")
    return data
