"""Mounts: a data volume in its place, now and at every start; and what lies in that place before."""

from __future__ import annotations

from dataclasses import dataclass

from ..answers import pairs
from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result
from .disks import LABEL, resolve
from .fstab import RELOAD, edit, options


@dataclass(frozen=True)
class Mount(Resource):
    """A filesystem mounted now and at every boot, by UUID; a missing disk does not stop the boot."""

    device: str
    path: str
    kind: str = "ext4"
    project_quotas: bool = False
    name: str = LABEL

    @property
    def label(self) -> str:  # type: ignore[override]
        """mount PATH."""
        return f"mount {self.path}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Mounted from this disk, and so in fstab."""
        quotas = {"quotas": "by project"} if self.project_quotas else {}
        return {"now": self.device, "boot": "by UUID, nofail", **quotas}

    def _resolve(self) -> str:
        return resolve(self.device, self.path, self.name)

    def _needed(self) -> list[str]:
        return ["nofail", *(["prjquota"] if self.project_quotas else [])]

    def question(self) -> str:
        """What is mounted there and how, the disk's UUID, and fstab's line for the path."""
        return sh(
            f"({self._resolve()}"
            'echo "device=$d"; echo "uuid=$(blkid -p -s UUID -o value "$d")")\n'
            "source=$(findmnt -rno SOURCE --mountpoint {} | tail -n 1)\n"
            'echo "source=$([ -z "$source" ] || readlink -f "$source")"\n'
            'echo "live=$(findmnt -rno OPTIONS --mountpoint {} | tail -n 1)"\n'
            'echo "fstab=$(findmnt -srno SOURCE,OPTIONS --mountpoint {} | tail -n 1)"',
            self.path, self.path, self.path,
        )  # fmt: skip

    def parse(self, answer: Result) -> State:
        """Unknown while there is no filesystem."""
        found = pairs(answer.out, "source", "live", "fstab")
        uuid, source = found.get("uuid", ""), found.get("source", "")
        if not uuid:
            raise Unknown(f"no filesystem on {self.device} yet")
        where, _, line = found.get("fstab", "").partition(" ")
        right = where == f"UUID={uuid}" and set(self._needed()) <= set(line.split(","))
        quotas = "by project" if "prjquota" in found.get("live", "").split(",") else "none"
        return {
            "now": self.device if source == found.get("device") else source or "nothing",
            "boot": "by UUID, nofail" if right else where or "not in fstab",
            **({"quotas": quotas} if self.project_quotas else {}),
            "options": line,
        }

    def change(self, was: State) -> str:
        """One line in fstab, then mount what it says. xfs takes up quotas only at a mount."""
        wanted = options((was or {}).get("options", ""), self._needed())
        check = "0 2" if self.kind == "ext4" else "0 0"  # xfs needs no check at boot
        line = sh("{}", f" {self.path} {self.kind} {wanted} {check}")
        again = was is not None and was["now"] == self.device and was.get("quotas") == "none"
        return (
            f'{self._resolve()}line="UUID=$(blkid -p -s UUID -o value "$d")"{line}\n'
            + sh("mkdir -p {}", self.path)
            + edit(self.path)
            + RELOAD
            + (sh("umount {}\n", self.path) if again else "")
            + sh("findmnt --mountpoint {} >/dev/null || mount {}", self.path, self.path)
        )


def place(path: str, device: str, label: str = LABEL) -> str:
    """Shell text: is the volume mounted at this path already, or what would a mount there hide?"""
    return sh(
        f'({resolve(device, path, label)}echo "device=$d")\n'
        "if findmnt --mountpoint {} >/dev/null; then\n"
        'echo "mounted=$(readlink -f "$(findmnt -rno SOURCE --mountpoint {} | tail -n 1)")"\n'
        'elif [ -d {} ]; then echo "file=$(find {} -xdev ! -type d -print -quit)"\n'
        "else echo file=; fi",
        path, path, path, path,
    )  # fmt: skip


def is_free(answer: Result) -> tuple[bool, str]:
    """Whether the volume may be mounted here, and what was found."""
    found = pairs(answer.out)
    mounted = found.get("mounted")
    if mounted:
        good = mounted == found.get("device")
        return good, "the volume" if good else f"{mounted} is mounted there"
    if found["file"]:
        return False, f"it would hide {found['file']}"
    return True, "free"


# A volume that somebody else mounted, as a provider does. cloud-init marks its lines: on Azure,
# OpenStack and others they are the machine's own temporary disk, empty after a stop.
JUDGE = r"""
echo "source=$(findmnt -vrno SOURCE --mountpoint {} | tail -n 1)"
echo "kind=$(findmnt -rno FSTYPE --mountpoint {} | tail -n 1)"
echo "options=$(findmnt -rno OPTIONS --mountpoint {} | tail -n 1)"
echo "line=$(findmnt -srno OPTIONS --mountpoint {} | tail -n 1)"
echo "unit=$(systemctl show -P FragmentPath "$(systemd-escape -p --suffix=mount {})")"
"""


def judge(path: str) -> str:
    """Shell text: what is mounted at this path, by whom."""
    return sh(JUDGE, path, path, path, path, path)


def judged(answer: Result) -> tuple[bool, str]:
    """Is it a volume that one can rely on, and what was found."""
    found = pairs(answer.out, "source", "kind", "options", "line", "unit")
    source = found.get("source", "")
    if not source:
        return False, "not a volume: a directory of the system disk"
    line, unit = found.get("line", ""), found.get("unit", "")
    stays = line or (unit and not unit.startswith("/run/"))
    faults = [text for text, there in (
        ("in the memory", found.get("kind") in ("tmpfs", "ramfs")),
        ("read only", "ro" in found.get("options", "").split(",")),
        ("a temporary disk of the provider (cloud-init)", "comment=cloudconfig" in line),
        ("not mounted after a restart", not stays),
        ("without nofail: a missing disk stops the start", line and "nofail" not in line.split(",")),
    ) if there]  # fmt: skip
    return not faults, "; ".join([f"{source} {found.get('kind', '')}", *faults])
