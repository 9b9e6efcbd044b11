"""What runbook 03 asks at its end: are the volumes fit, and on which disk do images really lie?"""

from __future__ import annotations

from ..answers import number
from ..check import Check
from ..resources.docker_data import PATHS
from ..resources.docker_move import BEFORE
from ..shell import sh
from ..site_host import Volume
from ..transport import Result

MIN_GIB = 100  # the original's figure for a group; 50 for a small installation
SMALL_GIB = 50
FULL = 90  # percent of inodes: no file can be made when they are used up

# Where the engine says its data are; its defaults where no engine runs.
DOCKER_ROOT = """
p=$(docker info -f '{{.DockerRootDir}}' 2>/dev/null); p=${p:-/var/lib/docker}
"""
CONTAINERD_ROOT = r"""
p=$(containerd config dump 2>/dev/null | sed -n "s/^root = ['\"]\(.*\)['\"]$/\1/p")
p=${p:-/var/lib/containerd}
"""
DISK = """
until [ -d "$p" ]; do p=$(dirname "$p"); done
echo "$p on $(findmnt -vnro SOURCE,FSTYPE --target "$p" | tail -n 1)"
[ "$(stat -Lc %d "$p")" = "$(stat -c %d {})" ]
"""
SIZE = "d=$(df -Pk {}) && echo \"$d\" | tail -1 | tr -s ' ' | cut -d' ' -f2"


def checks(root: str, volumes: list[Volume], docker: bool) -> list[Check]:
    """`docker`: images must lie on the first volume; otherwise it is only told where they lie."""
    mounts = [volume.mount for volume in volumes] or [root]
    own = sh('[ "$(stat -c %d {})" != "$(stat -c %d /)" ]', root)
    write = sh("findmnt -no OPTIONS --target {} | tr , '\\n' | grep -qx rw", root)
    before = sh("ls -d {} {} 2>/dev/null || :", *[path + BEFORE for path in PATHS])
    return [
        Check(f"{root} is a disk of its own", own, _yes, "yes",
              "users' files share the system disk: if it fills up, the host stops working",
              hard=bool(volumes)),
        Check(f"size of {root}", sh(SIZE, root), _size,
              f"at least {MIN_GIB} GiB",
              f"{SMALL_GIB} GiB do for a small installation; 1 TB is better", hard=False),
        *[Check(f"room for files on {path}", sh('d=$(df -Pi {}) && echo "$d" | tail -1', path), _inodes,
                f"under {FULL} % used", "`sudo du --inodes -xd2` on it shows where the files are",
                hard=False) for path in mounts],
        Check("can be written", write, _yes, "yes", "`dmesg` tells why it became read only"),
        *[Check(f"{name} really lie in", where + sh(DISK, mounts[0]), _there,
                f"a directory on the disk of {mounts[0]}", TODO, hard=docker)
          for name, where in (("Docker's data", DOCKER_ROOT), ("containerd's data", CONTAINERD_ROOT))],
        *([Check("copies from before the move", before, _none, "none",
                 "when the hub has worked for a while: `sudo rm -rf` them", hard=False)]
          if docker else []),
    ]  # fmt: skip


TODO = (
    "does `data-root` in /etc/docker/daemon.json, or `root` in /etc/containerd/config.toml, name"
    " another place? To move them, name the volume (`device`, or storage.volumes)"
)


def _size(answer: Result) -> tuple[bool, str]:
    gib = number(answer.out.strip()) / 1024**2
    return gib >= MIN_GIB, f"{gib:.0f} GiB"


def _inodes(answer: Result) -> tuple[bool, str]:
    words = answer.out.split()
    if words[4] == "-":
        return True, "as many as there is space"  # btrfs counts none
    used = number(words[4].rstrip("%"))
    return used < FULL, f"{used} % of {int(words[1]):,} used"


def _yes(answer: Result) -> tuple[bool, str]:
    return answer.code == 0, "yes" if answer.code == 0 else answer.out.strip() or "no"


def _none(answer: Result) -> tuple[bool, str]:
    names = ", ".join(answer.out.split())
    return not names, names or "none"


def _there(answer: Result) -> tuple[bool, str]:
    return answer.code == 0, answer.out.strip()
