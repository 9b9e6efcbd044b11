"""Disks: what is on one, whether it may be formatted, and the filesystem that is made on it.

A disk is named as the operator knows it, /dev/NAME, /dev/disk/by-id/NAME or UUID=..., and looked up on
the host. Once in /etc/fstab it is known by its UUID: /dev/NAME may be another disk after a restart.
Only a disk with nothing on it is ever formatted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..answers import pairs
from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result

LABEL = "cyberhubs"  # of the first volume

# ext4 fixes the number of files at mkfs: one inode (256 bytes) for so many bytes of the disk. Small:
# Docker's layers and home directories, twice as dense as ext4's own 16 KiB; 3 % of the disk.
# Large: a collection of large data files, as mke2fs(8) does for huge disks; 0.4 %.
SMALL_FILES, LARGE_FILES = 8192, 65536
# Above 16 TiB 8 KiB would come near ext4's limit of 2^32 inodes, and mkfs would refuse.
DENSE_UP_TO = 16 << 40


# What wipefs's names mean, where they do not speak for themselves.
MEANING = {
    "PMBR": "partition table",
    "gpt": "partition table",
    "dos": "partition table",
    "LVM2_member": "LVM",
    "linux_raid_member": "RAID",
    "crypto_LUKS": "LUKS encryption",
}


@dataclass(frozen=True)
class Disk:
    """What was found on a disk: words as the host's tools print them, "" for none."""

    device: str = ""  # /dev/NAME, whatever the operator called it
    size: str = ""  # bytes
    signatures: str = ""  # all that wipefs finds: ext4, gpt, LVM2_member, ...
    type: str = ""  # of the filesystem
    label: str = ""
    mounted: str = ""  # the directories
    swap: str = ""
    partitions: str = ""
    holders: str = ""  # devices of RAID, LVM or dm-crypt on top of it
    system: str = ""  # which of / /boot ... lie on it
    named: str = ""  # the short name that the operator's name of it stands for today
    uuid: str = ""  # of the filesystem

    @property
    def name(self) -> str:
        """Device and size."""
        gib = int(self.size) / 1024**3 if self.size.isascii() and self.size.isdigit() else 0
        return f"{self.device}, {gib:.0f} GiB"

    @property
    def content(self) -> str:
        """The signatures in words, and the label."""
        words = [MEANING.get(word, word) for word in self.signatures.split()]
        return " ".join(dict.fromkeys([*words, self.label])).strip()


# The volume of a place that is in fstab already, if it has the label of ours; or the disk of that name.
RESOLVE = r"""named=$(readlink -f {})
d=$named u=$(findmnt -srno SOURCE --mountpoint {} | tail -n 1)
case $u in UUID=*)
    v=$(blkid -U "${u#UUID=}") || { echo "missing=$u"; exit 8; }
    [ "$(blkid -p -s LABEL -o value "$v")" != {} ] || d=$v
esac
[ -b "$d" ] || exit 9
"""


def resolve(name: str, path: str, label: str = LABEL) -> str:
    """Shell text: d becomes the block device of the volume at `path` that is called `name`.

    Exit 9: there is none; 8: /etc/fstab knows one, by its UUID, and it is not there.
    """
    if name.startswith("UUID="):
        return sh('d=$(blkid -U {}) && [ -b "$d" ] || exit 9\nnamed=$d\n', name[5:])
    return sh(RESOLVE, name, path, label)


# key=value lines; blkid's own keys are in capitals. `--no-act` of wipefs and `-p` of blkid look at
# the disk itself and not into a cache.
CONTENT = r"""w=$(wipefs --no-act --noheadings -O TYPE "$d") || exit 10
echo "signatures=$(echo "$w" | sort -u | tr '\n' ' ')"
blkid -p -s TYPE -s LABEL -s UUID -o export "$d"; :
"""
USE = r"""n=${d##*/}
echo "device=$d"; echo "named=$named"; echo "size=$(blockdev --getsize64 "$d")"
echo "mounted=$(findmnt -rno FSROOT,TARGET --source "$d" | sed -n 's,^/ ,,p' | tr '\n' ' ')"
while read -r s _; do if [ "$s" = "$d" ]; then echo "swap=$s"; fi; done < /proc/swaps
echo "partitions=$(for p in /sys/class/block/"$n"/*/partition; do [ -e "$p" ] || continue
p=${p%/partition}; echo "${p##*/}"; done | tr '\n' ' ')"
echo "holders=$(ls /sys/class/block/"$n"/holders 2>/dev/null | tr '\n' ' ')"
echo "system=$(for t in / /usr /var /boot /boot/efi; do s=$(findmnt -nvro SOURCE --target $t)
lsblk -nrspo NAME "$s" 2>/dev/null | grep -qxF "$d" && echo $t; done | tr '\n' ' ')"
"""


def look(name: str, path: str, label: str = LABEL) -> str:
    """Shell text: all about the disk of the volume at `path` that is called `name`."""
    return resolve(name, path, label) + CONTENT + USE


def parse_disk(text: str) -> Disk:
    """From `key=value` lines. Raises ValueError without the disk's signatures: it may not be empty."""
    found = pairs(text, "signatures")
    names = {f.name: found.get(f.name, "").strip() for f in fields(Disk)}
    own = {"type": "TYPE", "label": "LABEL", "uuid": "UUID"}
    return Disk(**{**names, **{name: found.get(key, "") for name, key in own.items()}})


def is_ours(disk: Disk, label: str, filesystem: str) -> bool:
    """Whether this project made it: its label, its filesystem, and nothing besides."""
    return (disk.label, disk.type, disk.signatures) == (label, filesystem, filesystem)


def usable(answer: Result, label: str, filesystem: str, mount: str) -> tuple[bool, str]:
    """May this disk become the volume at `mount`, or is it that already? And what was found."""
    if answer.code == 9:
        return False, "no such block device"
    if answer.code == 8:
        missing = pairs(answer.out, "missing")["missing"]
        return False, f"the disk of {mount} in /etc/fstab, {missing}, is not there"
    if answer.code:
        return False, f"cannot be read: {answer.out.strip()[-100:]}"
    disk = parse_disk(answer.out)
    pairs(answer.out, "device", "size", "mounted", "partitions", "holders", "system")
    if is_ours(disk, label, filesystem):
        if disk.mounted in ("", mount):
            other = disk.named not in ("", disk.device)
            now = (
                f"; its name has changed: write UUID={disk.uuid} into the site file"
                if other
                else ""
            )
            return True, f"made by this runbook ({disk.name}){now}"
        return False, f"made by this runbook, but mounted at {disk.mounted} ({disk.name})"
    reasons = [text for text, there in (
        (f"the system disk: {disk.system} lies on it", disk.system),
        (f"mounted at {disk.mounted}", disk.mounted),
        ("swap in use", disk.swap),
        (f"divided into {disk.partitions}", disk.partitions),
        (f"a part of {disk.holders}", disk.holders),
        (f"not empty: {disk.content}", disk.signatures),
    ) if there]  # fmt: skip
    return not reasons, f"{'; '.join(reasons) or 'empty'} ({disk.name})"


@dataclass(frozen=True)
class Filesystem(Resource):
    """A filesystem that this project made on an empty disk. `large_files`: fewer, larger files."""

    device: str
    kind: str = "ext4"
    name: str = LABEL
    large_files: bool = False
    path: str = "/mnt"

    @property
    def label(self) -> str:  # type: ignore[override]
        """filesystem on DEVICE."""
        return f"filesystem on {self.device}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """The kind, with our label."""
        return {"type": self.kind, "label": self.name}

    @property
    def irreversible(self) -> str:
        """Formatting destroys what is on the disk: its name must be typed."""
        return self.device

    def question(self) -> str:
        """What the disk itself says."""
        return self._resolve() + CONTENT

    def parse(self, answer: Result) -> State:
        """None for an empty disk."""
        if answer.code == 9:
            raise Unknown(f"there is no block device {self.device}")
        if answer.code == 8:
            raise Unknown(f"the disk of {self.path} in /etc/fstab is not there")
        if answer.code:
            return {"type": "cannot be read", "label": ""}
        disk = parse_disk(answer.out)
        if not disk.signatures and not disk.type:
            return None
        return {"type": disk.type or disk.signatures, "label": disk.label}

    def note(self, was: State) -> str:
        """How many files."""
        if self.kind == "xfs":
            return "xfs makes inodes as files come"
        if self.large_files:
            return f"one inode for {LARGE_FILES} bytes"
        return f"one inode for {SMALL_FILES} bytes, for {LARGE_FILES} above {DENSE_UP_TO >> 40} TiB"

    def change(self, was: State) -> str:
        """Only ever on an empty disk, looked at once more: mkfs.ext4 itself would overwrite it."""
        again = 'o=$(wipefs --noheadings --no-act "$d") && [ -z "$o" ] || exit 77  # not empty\n'
        return self._resolve() + again + sh(self._mkfs(), self.name)

    def _resolve(self) -> str:
        return resolve(self.device, self.path, self.name)

    def _mkfs(self) -> str:
        if self.kind == "xfs":
            return 'mkfs.xfs -q -L {} "$d"'
        each = LARGE_FILES if self.large_files else SMALL_FILES
        return (
            f'i={each}; [ "$(blockdev --getsize64 "$d")" -le {DENSE_UP_TO} ] || i={LARGE_FILES}\n'
            'mkfs.ext4 -q -L {} -i "$i" -m 1 "$d"'
        )
