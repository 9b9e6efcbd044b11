"""The end state S that all tools must reach, read from the recipes of runbooks 02, 03 and 04.

Read, not written down once more: when a recipe changes its lists and files, the other tools follow.
"""

from __future__ import annotations

import json
from typing import Any

from cyberhubs_lib.facts import Facts
from cyberhubs_lib.host import Host
from cyberhubs_lib.params import Params, StorageParams, SystemParams
from cyberhubs_lib.recipes import install_docker, prepare_os, prepare_storage
from cyberhubs_lib.resources.accounts import Membership
from cyberhubs_lib.resources.daemon_json import DAEMON_JSON, DaemonSettings
from cyberhubs_lib.resources.disks import SMALL_FILES, Filesystem
from cyberhubs_lib.resources.docker import Engine
from cyberhubs_lib.resources.docker_data import DockerData
from cyberhubs_lib.resources.files import Directory, File
from cyberhubs_lib.resources.firewall import RULES, UNIT, UNIT_FILE, Firewall
from cyberhubs_lib.resources.kernel import FILE as SYSCTL_FILE
from cyberhubs_lib.resources.kernel import Sysctl
from cyberhubs_lib.resources.mounts import Mount
from cyberhubs_lib.resources.packages import Package
from cyberhubs_lib.resources.services import Service
from cyberhubs_lib.site import Site
from cyberhubs_lib.state import Resource, difference, look

State = dict[str, Any]


def state(host: Host, device: str) -> State:
    """S for this host and data disk, in JSON's types; keys as the README's table explains them."""
    facts, site = host.facts, Site()
    made = {
        "os": prepare_os.recipe(facts, site, SystemParams()),
        "storage": prepare_storage.recipe(facts, site, StorageParams(device=device)),
        "docker": install_docker.recipe(facts, site, Params()),
    }
    things = {name: [r for s in m.steps.values() for r in s] for name, m in made.items()}
    (engine,) = of(things["docker"], Engine)
    (member,) = of(things["docker"], Membership)
    (firewall,) = of(things["os"], Firewall)
    (daemon,) = of(things["docker"], DaemonSettings)
    return {
        "device": device,
        "mount": of(things["storage"], Mount)[0].path,
        "label": of(things["storage"], Filesystem)[0].wanted["label"],
        "bytes_per_inode": SMALL_FILES,
        "packages": [p.name for p in of(things["os"], Package)],
        "os_files": [_file(f) for f in of(things["os"], File)],
        "sysctl_file": _sysctls(host, of(things["os"], Sysctl)),
        "firewall_files": [
            {"path": RULES, "mode": "644", "content": firewall.text},
            {"path": f"/etc/systemd/system/{UNIT}", "mode": "644",
             "content": UNIT_FILE.read_text()},
        ],
        "services": [s.unit for s in of(things["os"], Service)],
        "directories": [_directory(d, facts) for d in of(things["storage"], Directory)],
        "binds": [{"source": d.source, "path": d.path} for d in of(things["storage"], DockerData)],
        "drop_ins": [_file(f) for f in of(things["storage"], File)],
        "daemon_json": {
            "path": DAEMON_JSON, "mode": "644",
            "content": json.dumps(dict(daemon.values), indent=2) + "\n",
        },
        "engine": [*engine.packages, engine.compose],
        "user": member.user,
    }  # fmt: skip


def of(things: list[Resource], kind: type) -> list[Any]:
    """Those of one kind."""
    return [thing for thing in things if isinstance(thing, kind)]


def _file(file: File) -> State:
    return {"path": file.path, "mode": file.mode, "content": file.content.decode()}


def _directory(directory: Directory, facts: Facts) -> State:
    """The owner by name, which is how the others compare it."""
    names = {str(facts.uid): facts.user, str(facts.gid): facts.user}
    owner, group = (names.get(word, word) for word in directory.owner.split(":"))
    return {"path": directory.path, "owner": owner, "group": group, "mode": directory.mode}


def _sysctls(host: Host, settings: list[Sysctl]) -> State:
    """One file, with what the next boot would not set by itself; ours lowers no value."""
    lines = []
    for one, has in zip(settings, look(host, settings), strict=True):
        assert isinstance(has, dict), has
        if "boot" in difference(has, one.wanted):
            lines.append(f"{one.key} = {max(one.at_least, int(has['value']))}\n")
    return {"path": SYSCTL_FILE, "mode": "644", "content": "".join(lines)}
