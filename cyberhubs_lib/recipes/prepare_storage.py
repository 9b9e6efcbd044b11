"""03: the data volume, its directories, and Docker's data on it."""

from __future__ import annotations

from ..check import Check
from ..errors import PreconditionFailed
from ..facts import Facts
from ..params import Params, StorageParams
from ..resources.disks import LABEL, Bind, Filesystem, Mount, probe, signatures
from ..resources.files import Directory, File
from ..shell import sh
from ..site import Site
from ..state import Resource
from ..transport import Result
from .recipe import Recipe, supported

MIN_GIB = 100  # the original's figure for a group; 50 for a small installation
SMALL_GIB = 50
DROP_INS = [f"/etc/systemd/system/{s}.service.d/cyberhubs.conf" for s in ("containerd", "docker")]


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """With a device: format (once), mount, bind. Without one: the directories where they are."""
    supported(facts)
    assert isinstance(params, StorageParams)
    root = site.data_root
    if not root.startswith("/"):
        raise PreconditionFailed(
            f"data_root of site {site.name} is the Docker volume {root!r}: there is no disk to make",
            expected="a path, for example /mnt",
            todo="leave this runbook out, or change data_root in the site file",
        )
    volumes = site.storage.volumes
    device = params.device or (volumes[0].device if volumes else "")
    mount = volumes[0].mount if volumes else root
    return Recipe(
        requirements=[_usable(device, mount)] if device else [],
        steps={
            "filesystem": [Filesystem(device)] if device else [],
            "mount": [Mount(device, mount)] if device else [],
            "directories": _directories(site, f"{facts.service_uid}:{facts.service_gid}"),
            "docker": _docker(mount) if device else [],
        },
        checks=_checks(root, mount, bool(device)),
    )


def _usable(device: str, mount: str) -> Check:
    """Empty, or the volume that this runbook made; anything else is refused, saying what it is."""
    where = sh('\necho "at=$(findmnt -rno TARGET --source {} | head -1)"', device)
    question = probe(device) + where

    def expect(answer: Result) -> tuple[bool, str]:
        if answer.code == 9:
            return False, "no such block device"
        if answer.code:
            return False, "not empty: several signatures"
        found = signatures(answer.out)
        at = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line).get("at")
        if found.get("TYPE") == "ext4" and found.get("LABEL") == LABEL:
            ours = not at or at == mount or at.startswith("/var/lib/")
            return ours, "made by this runbook" if ours else f"made by this runbook, but at {at}"
        if at:
            return False, f"mounted at {at}"
        if found:
            what = found.get("TYPE") or f"partition table {found.get('PTTYPE')}"
            return False, f"not empty: {what} {found.get('LABEL', '')}".strip()
        return True, "empty"

    return Check(
        f"disk {device}", question, expect, "empty, or made by this runbook",
        "is it the right disk? `lsblk -f` on the host shows all; this runbook never clears a disk",
    )  # fmt: skip


def _directories(site: Site, owner: str) -> list[Resource]:
    root, users = site.data_root, f"{site.uid}:{site.gid}"
    return [
        Directory(f"{root}/data", owner, "755", "for all, read only in the hub"),
        Directory(f"{root}/user", users, "775", "for all, read and write"),
        Directory(f"{root}/jupyterhub_users", owner, "755", "one directory a user"),
        Directory(f"{root}/tmp", "root:root", "1777", "scratch space"),
    ]


def _docker(mount: str) -> list[Resource]:
    drop_in = f"[Unit]\nRequiresMountsFor={mount} /var/lib/docker /var/lib/containerd\n"
    return [
        Bind(f"{mount}/var/lib/docker", "/var/lib/docker", "images and containers"),
        Bind(f"{mount}/var/lib/containerd", "/var/lib/containerd", "images, from engine 29 on"),
        *[File(path, drop_in.encode(), why="without its disk it must not start empty",
               after="systemctl daemon-reload") for path in DROP_INS],
    ]  # fmt: skip


def _checks(root: str, mount: str, separate: bool) -> list[Check]:
    def size(answer: Result) -> tuple[bool, str]:
        kib = answer.out.strip()
        gib = int(kib) / 1024**2 if kib.isdigit() else 0.0
        return gib >= MIN_GIB, f"{gib:.0f} GiB"

    def yes(answer: Result) -> tuple[bool, str]:
        return answer.code == 0, "yes" if answer.code == 0 else answer.out.strip() or "no"

    own = sh('[ "$(stat -c %d {})" != "$(stat -c %d /)" ]', root)
    write = sh("findmnt -no OPTIONS --target {} | tr , '\\n' | grep -qx rw", root)
    docker = sh('[ "$(stat -c %d /var/lib/docker)" = "$(stat -c %d {})" ]', mount)
    return [
        Check(f"{root} is a disk of its own", own, yes, "yes",
              "users' files share the system disk: if it fills up, the host stops working",
              hard=separate),
        Check(f"size of {root}", sh("df -Pk {} | tail -1 | tr -s ' ' | cut -d' ' -f2", root), size,
              f"at least {MIN_GIB} GiB",
              f"{SMALL_GIB} GiB do for a small installation; 1 TB is better", hard=False),
        Check("can be written", write, yes, "yes", "`dmesg` tells why it became read only"),
        *([Check("Docker's data lie on it", docker, yes, "yes")] if separate else []),
    ]  # fmt: skip
