"""05: data of other machines, and what keeps them there."""

from __future__ import annotations

from .. import mount_checks as checks
from ..check import Check
from ..facts import Facts
from ..params import Params
from ..resources.files import File
from ..resources.firewall import UNIT_FILE
from ..resources.mount_keys import MountKey
from ..resources.mount_units import COMMON, FOLDER, NFS, Far, access, mark, merged, unit_text
from ..resources.old_mounts import OldMounts
from ..resources.remote_mounts import PROGRAM, RemoteMount
from ..resources.services import Service
from ..site import Site
from ..site_mounts import Mount
from ..state import Resource
from .recipe import Recipe, supported

PACKAGES = {"sshfs": ("sshfs", "files by ssh"), "nfs": ("nfs-common", "files by NFS")}
UNITS = UNIT_FILE.parent
TIMER = "cyberhubs-mounts.timer"


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """Without `mounts` in the site file there are none but those of other hands."""
    system = supported(facts)
    found = [remote(mount, site) for mount in site.mounts]
    kinds = {mount.kind for mount in site.mounts}
    return Recipe(
        requirements=[
            _wanted(len(found)),
            *system.missing(
                *[name for kind, (name, _) in PACKAGES.items() if kind in kinds], hard=True
            ),
            *[checks.place(mount.path) for mount in found],
            *([checks.shared(site.data_root)] if found and not site.in_volume else []),
        ],
        steps={
            "packages": system.packages(
                {n: why for kind, (n, why) in PACKAGES.items() if kind in kinds}
            ),
            "keys": [r for mount in found if mount.far for r in _keys(mount.far, mount.path)],
            "watch": _watch() if found else [],
            "mounts": [*found, OldMounts(mark(site.name), tuple(r.path for r in found))],
        },
        checks=[
            *[c for m, r in zip(site.mounts, found, strict=True) for c in _checks(m, r, site)],
            *([checks.timer(TIMER)] if found else []),
        ],
    )


def remote(mount: Mount, site: Site) -> RemoteMount:
    """What the site file says of one mount, as a unit."""
    path = mount.place(site.data_root)
    ours: tuple[str, ...] = NFS if mount.kind == "nfs" else ()
    kind, far = mount.type or "nfs", None
    if mount.kind == "sshfs":
        far, kind = _far(mount, path), "fuse.sshfs"
        ours = far.sshfs_options(*_owner(mount, site))
    options = merged((access(mount.read_only), *COMMON, *ours), mount.options)
    text = unit_text(site.name, mount.source, path, kind, options)
    return RemoteMount(path, text, mount.read_only, far, _advice(mount, site))


def _owner(mount: Mount, site: Site) -> tuple[int, int]:
    uid = site.uid if mount.uid is None else mount.uid
    return uid, site.gid if mount.gid is None else mount.gid


def _far(mount: Mount, path: str) -> Far:
    user, _, rest = mount.source.partition("@")
    host = rest[1 : rest.index("]")] if rest.startswith("[") else rest.partition(":")[0]
    return Far(user, host, mount.port, mount.host_key, FOLDER + path, mount.read_only)


def _advice(mount: Mount, site: Site) -> str:
    """For NFS the line of /etc/exports at the other end."""
    if mount.kind != "nfs":
        return ""
    how = f"{access(mount.read_only)},all_squash,anonuid={site.uid},anongid={site.gid}"
    line = f"/{mount.source.partition(':/')[2]} ADDRESS({how})"
    return (
        f"at the other end, with ADDRESS of this host, in /etc/exports: {line}; then exportfs -ra"
    )


def _wanted(count: int) -> Check:
    found = f"{count} wanted" if count else "none"
    return Check("mounts in the site file", "true", lambda a: (True, found), "any number")


def _keys(far: Far, path: str) -> list[Resource]:
    known = far.known_hosts.encode()
    return [
        MountKey(far, path),
        File(f"{far.folder}/known_hosts", known, why="no other machine is taken for it"),
    ]


def _watch() -> list[Resource]:
    reload = "systemctl daemon-reload"
    units = [UNITS / "cyberhubs-mounts.service", UNITS / TIMER]
    return [
        File(f"/usr/local/sbin/{PROGRAM.name}", PROGRAM.read_bytes(), "755", why="mounts again"),
        *[File(f"/etc/systemd/system/{u.name}", u.read_bytes(), after=reload) for u in units],
        Service(TIMER, why="looks every minute"),
    ]


def _checks(mount: Mount, wanted: RemoteMount, site: Site) -> list[Check]:
    return [
        checks.answers(wanted),
        checks.writing(wanted, *_owner(mount, site)),
        checks.seen(wanted, site.data_root, f"{site.project}-user-"),
        *checks.key_line(wanted),
    ]
