"""03: the data volumes, their directories, and Docker's data on the first."""

from __future__ import annotations

from ..check import Check
from ..facts import Facts
from ..params import Params, StorageParams
from ..resources.disks import Filesystem, look, usable
from ..resources.docker_data import PATHS, DockerData, engine_state, movable
from ..resources.docker_move import Restarted
from ..resources.files import Directory, File
from ..resources.mounts import Mount, is_free, judge, judged, place
from ..site import Site
from ..site_host import Volume
from ..state import Resource
from ..transport import Result
from . import disk_limits
from .recipe import Recipe, account_exists, supported
from .storage_checks import checks

STEPS = ("filesystem", "mount", "directories", "disk_limits", "docker")
DROP_INS = [f"/etc/systemd/system/{s}.service.d/cyberhubs.conf" for s in ("containerd", "docker")]


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """With volumes: format (once), mount, bind. Without: the directories where they are."""
    system = supported(facts)
    assert isinstance(params, StorageParams)
    root = site.data_root
    if site.in_volume:
        return Recipe([_no_path(root)], dict.fromkeys(STEPS, ()))
    volumes = _volumes(site, params)
    made = [volume for volume in volumes if volume.device]
    docker = _docker(volumes[0].mount, params) if volumes and site.storage.docker_data else []
    return Recipe(
        requirements=[
            account_exists(facts),
            *_strange(params.confirm, [volume.device for volume in made]),
            *[check for volume in volumes for check in _fit(volume)],
            *([] if volumes else [_judge(root, hard=False)]),
            *([_movable(docker)] if docker else []),
            *disk_limits.requirements(site),
        ],
        steps={
            "filesystem": [
                *(system.packages({"xfsprogs": "makes and repairs xfs"}) if _xfs(made) else []),
                *[
                    Filesystem(v.device, v.filesystem, v.label, v.files == "large", v.mount)
                    for v in made
                ],
            ],
            "mount": [Mount(v.device, v.mount, v.filesystem, _quotas(v), v.label) for v in made],
            "directories": _directories(site, facts.owner),
            "disk_limits": disk_limits.step(site, system),
            "docker": [*_drop_ins(volumes[0].mount), *docker, Restarted()] if docker else [],
        },
        checks=[*checks(root, volumes, bool(docker)), *disk_limits.checks(site)],
    )


def _no_path(root: str) -> Check:
    return Check("data_root", "true", lambda a: (False, f"the Docker volume {root}"),
                 "a path, like /mnt", "there is no disk to prepare: leave this runbook out, or"
                 " change data_root in the site file")  # fmt: skip


def _volumes(site: Site, params: StorageParams) -> list[Volume]:
    """Those of the site; the parameter replaces the device of the first."""
    volumes = list(site.storage.volumes)
    if params.device:
        first = volumes[0] if volumes else Volume(mount=site.data_root)
        volumes[:1] = [first.model_copy(update={"device": params.device})]
    return volumes


def _strange(confirm: str, devices: list[str]) -> list[Check]:
    """Who confirms a disk that no volume names believes that it will be used."""
    names = ", ".join(name for name in confirm.split(",") if name and name not in devices)
    if not names:
        return []
    return [
        Check("confirm", "true", lambda a: (False, names),
              " or ".join(devices) or "a disk that the site file names",
              "write the same name here and into storage.volumes of the site file (or -p device): a"
              " disk that is only confirmed is not used"),
    ]  # fmt: skip


def _xfs(volumes: list[Volume]) -> bool:
    return any(volume.filesystem == "xfs" for volume in volumes)


def _quotas(volume: Volume) -> bool:
    return volume.filesystem == "xfs" and volume.project_quotas


def _fit(volume: Volume) -> list[Check]:
    """The disk is empty or ours, nothing is in its place, and the kernel can do what is asked."""
    if not volume.device:
        return [_judge(volume.mount, hard=True)]

    def disk(answer: Result) -> tuple[bool, str]:
        return usable(answer, volume.label, volume.filesystem, volume.mount)

    quotas = Check(
        "project quotas", "modprobe -q xfs; [ -e /proc/fs/xfs/xqm ]",
        lambda a: (a.code == 0, "yes" if a.code == 0 else "not in this kernel (CONFIG_XFS_QUOTA)"),
        "yes", f"set project_quotas: false for the volume at {volume.mount}",
    )  # fmt: skip
    return [
        Check(f"disk {volume.device}", look(volume.device, volume.mount, volume.label), disk,
              "empty, or made by this runbook",
              "is it the right disk? `lsblk -f` on the host shows all; this runbook never clears one"),
        Check(f"place {volume.mount}", place(volume.mount, volume.device, volume.label), is_free,
              "free, or the volume", "move away what is there, or mount the volume elsewhere"),
        *([quotas] if _quotas(volume) else []),
    ]  # fmt: skip


def _judge(path: str, hard: bool) -> Check:
    todo = "name an empty disk (`device`), or have the volume mounted by /etc/fstab, with nofail"
    return Check(f"volume at {path}", judge(path), judged, "a disk of its own", todo, hard=hard)


def _movable(docker: list[DockerData]) -> Check:
    """One question for all, since they move together."""
    each = [f"({data.question()}\n)\necho ==" for data in docker]
    question = "\n".join([*each, engine_state(docker)])

    def expect(answer: Result) -> tuple[bool, str]:
        *answers, last = answer.out.split("==\n")
        return movable(answers, last, docker)

    return Check("Docker's data", question, expect, "can move, or need not",
                 "when nobody works, -p stop_containers true lets containers stop; rsync comes with"
                 " 02_prepare_os; for all else see `Docker's data` on this page")  # fmt: skip


def _directories(site: Site, owner: str) -> list[Resource]:
    root, users = site.data_root, f"{site.uid}:{site.gid}"
    return [
        Directory(f"{root}/data", owner, "755", "for all, read only in the hub"),
        Directory(f"{root}/user", users, "775", "for all, read and write"),
        Directory(f"{root}/jupyterhub_users", owner, "755", "one directory a user"),
        Directory(f"{root}/tmp", "root:root", "1777", "scratch space"),
    ]


def _docker(mount: str, params: StorageParams) -> list[DockerData]:
    return [DockerData(path, mount, params.stop_containers) for path in PATHS]


def _drop_ins(mount: str) -> list[Resource]:
    text = f"[Unit]\nRequiresMountsFor={' '.join([mount, *PATHS])}\n"
    return [
        File(path, text.encode(), why="without its disk it must not start empty",
             after="systemctl daemon-reload")
        for path in DROP_INS
    ]  # fmt: skip
