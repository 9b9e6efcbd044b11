"""Disks: the filesystem, the mount, and directories bound to it; all kept in /etc/fstab."""

from __future__ import annotations

from dataclasses import dataclass

from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result

LABEL = "cyberhubs"
# Docker's layers are many small files: one inode for 8 KiB instead of ext4's usual 16 KiB. The
# original asked for 2^31 inodes whatever the size, which on 1 TB costs half of the disk for inodes.
BYTES_PER_INODE = 8192


@dataclass(frozen=True)
class Filesystem(Resource):
    """An ext4 filesystem that this project made on an empty disk."""

    device: str

    @property
    def label(self) -> str:  # type: ignore[override]
        """filesystem on DEVICE."""
        return f"filesystem on {self.device}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """ext4 with our label."""
        return {"type": "ext4", "label": LABEL}

    @property
    def irreversible(self) -> str:
        """Formatting destroys what is on the disk: its name must be typed."""
        return self.device

    def question(self) -> str:
        """What the disk itself says, not a cache: blkid probes it."""
        return probe(self.device)

    def parse(self, answer: Result) -> State:
        """None for an empty disk."""
        if answer.code == 9:
            raise Unknown(f"there is no block device {self.device}")
        if answer.code:
            return {"type": "several signatures", "label": ""}
        found = signatures(answer.out)
        if not found:
            return None
        return {
            "type": found.get("TYPE", found.get("PTTYPE", "?")),
            "label": found.get("LABEL", ""),
        }

    def note(self, was: State) -> str:
        """The inode count."""
        return f"one inode for {BYTES_PER_INODE} bytes: images are many small files"

    def change(self, was: State) -> str:
        """Only ever on an empty disk, looked at once more: mkfs itself would overwrite anything."""
        return sh(
            'o=$(wipefs --noheadings --no-act {}) && [ -z "$o" ] || exit 77  # no longer empty\n'
            f"mkfs.ext4 -q -L {LABEL} -i {BYTES_PER_INODE} -m 1 {{}}",
            self.device, self.device,
        )  # fmt: skip


def probe(device: str) -> str:
    """Shell text: what is on the disk. Exit 9: no such disk; 10: so much that blkid cannot decide."""
    return sh(
        "[ -b {} ] || exit 9\nblkid -p -o export {}; c=$?\n"
        "case $c in 0|2) ;; *) exit 10;; esac",  # 2: nothing found, 8: several signatures
        device, device,
    )  # fmt: skip


def signatures(text: str) -> dict[str, str]:
    """What `blkid -p -o export` found: TYPE, LABEL, UUID, PTTYPE; empty for an empty disk."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    found.pop("DEVNAME", None)
    return found if {"TYPE", "PTTYPE"} & set(found) else {}


@dataclass(frozen=True)
class Mount(Resource):
    """A filesystem mounted now and at every boot, by UUID; a missing disk does not stop the boot."""

    device: str
    path: str

    @property
    def label(self) -> str:  # type: ignore[override]
        """mount PATH."""
        return f"mount {self.path}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Mounted from this disk, and so in fstab."""
        return {"now": self.device, "boot": "by UUID, nofail"}

    def question(self) -> str:
        """What is mounted there, the disk's UUID, and fstab's line for the path."""
        return sh(
            'echo "device=$(readlink -f {})"\n'
            'echo "uuid=$(blkid -p -s UUID -o value {})"\n'
            'echo "source=$(findmnt -rno SOURCE --mountpoint {})"\n'
            'echo "fstab=$(findmnt -srno SOURCE,OPTIONS --mountpoint {})"',
            self.device, self.device, self.path, self.path,
        )  # fmt: skip

    def parse(self, answer: Result) -> State:
        """Unknown while there is no filesystem."""
        found = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
        uuid, source = found.get("uuid", ""), found.get("source", "")
        if not uuid:
            raise Unknown(f"no filesystem on {self.device} yet")
        where, _, options = found.get("fstab", "").partition(" ")
        right = where == f"UUID={uuid}" and "nofail" in options.split(",")
        return {
            "now": self.device if source == found.get("device") else source or "nothing",
            "boot": "by UUID, nofail" if right else where or "not in fstab",
        }

    def change(self, was: State) -> str:
        """One line in fstab, then mount what it says."""
        line = f"UUID=$(blkid -p -s UUID -o value {sh('{}', self.device)}) {self.path} ext4"
        return fstab(self.path, f"{line} defaults,nofail 0 2") + sh(
            "\nfindmnt --mountpoint {} >/dev/null || mount {}", self.path, self.path
        )


@dataclass(frozen=True)
class Bind(Resource):
    """A directory that really lies on the data volume: Docker's data, where it expects them."""

    source: str
    path: str
    why: str = ""

    @property
    def label(self) -> str:  # type: ignore[override]
        """PATH on SOURCE."""
        return f"{self.path} on {self.source}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Bound now and at boot."""
        return {"now": "bound", "boot": "in fstab"}

    def question(self) -> str:
        """Are they one directory; what fstab says; is there something in the way."""
        return sh(
            'if [ -d {} ] && [ {} -ef {} ]; then echo bound\n'
            'elif [ -n "$(ls -A {} 2>/dev/null)" ]; then echo "has data of its own"\n'
            "else echo empty; fi\n"
            "findmnt -srno SOURCE --mountpoint {} || echo nothing",
            self.path, self.source, self.path, self.path, self.path,
        )  # fmt: skip

    def parse(self, answer: Result) -> State:
        """Two lines."""
        now, _, boot = answer.out.strip().partition("\n")
        return {"now": now, "boot": "in fstab" if boot == self.source else "not in fstab"}

    def note(self, was: State) -> str:
        """What it is for."""
        return self.why

    def change(self, was: State) -> str:
        """Never over data: moving an engine that is in use is not done here."""
        if was and was["now"] == "has data of its own":
            return sh(
                "echo {} >&2; exit 1",
                f"{self.path} already has data of its own; stop Docker, move the data to"
                f" {self.source} and run this again",
            )
        wait = f"x-systemd.requires-mounts-for={self.source}"
        line = f"{self.source} {self.path} none bind,nofail,{wait} 0 0"
        return sh("mkdir -p {} {}\n", self.source, self.path) + fstab(self.path, line) + sh(
            "\n[ {} -ef {} ] || mount {}", self.path, self.source, self.path
        )  # fmt: skip


def fstab(path: str, line: str) -> str:
    """Shell text: `line` (may hold $(...)) becomes fstab's one line for `path`, others stay."""
    return (
        sh("mkdir -p {}\n", path)
        + "t=$(mktemp /etc/fstab.XXXXXX); touch /etc/fstab\n"
        + sh("awk -v p={} '$0 ~ /^[[:space:]]*#/ || $2 != p' /etc/fstab > \"$t\"\n", path)
        + f'echo "{line}" >> "$t"; chmod 644 "$t"; mv -f "$t" /etc/fstab; systemctl daemon-reload'
    )
