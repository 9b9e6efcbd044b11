"""Swap, where memory is small: a file, so that no disk has to be divided anew."""

from __future__ import annotations

from dataclasses import dataclass

from ..answers import number
from ..shell import sh
from ..state import Resource, State
from ..transport import Result
from .gone import Gone

PATH = "/swapfile.cyberhubs"  # a /swapfile would be somebody else's
LINE = f"{PATH} none swap sw 0 0"  # of /etc/fstab
ENOUGH_MIB = 8192  # of memory: from here on swap is left out
MOST_MIB = 4096  # more swap than this only makes a slow end slower
ROOM_MIB = 2048  # that runbook 02 asks for on /, each time
LEAVE_MIB = 2 * ROOM_MIB  # what `auto` leaves there: packages and the engine come after it
STEP_MIB = 256  # less than this is no help
# Made only if the room that the next run asks for is left: its own size may be taken anew.
MAKE = """
free=$(df -Pm / | {{ read -r _; read -r _ _ _ free _; echo "$free"; }})
has=$(($(stat -c %s {path} 2>/dev/null || echo 0) / 1048576))
[ $((free + has)) -ge {needs} ] || {{
  echo "No space left on device: {mib} MiB of swap would leave less than {room} MiB on /" >&2; exit 1
}}
swapoff {path} 2>/dev/null || :
rm -f {path}; umask 077
fallocate -l {mib}M {path} && mkswap -q {path} && swapon {path} || {{ rm -f {path}; exit 1; }}
"""
# At the end of /etc/fstab, on a line of its own.
KEEP = sh(
    "grep -q {} /etc/fstab || { [ -z \"$(tail -c 1 /etc/fstab)\" ] || echo; echo {}; } >> /etc/fstab",
    f"^{PATH}[[:space:]]", LINE,
)  # fmt: skip

NO_SWAP = Gone(
    "swap file of this runbook",
    sh("ls {} 2>/dev/null\ngrep {} /etc/fstab\n:", PATH, f"^{PATH} "),
    sh("! grep -q {} /proc/swaps || swapoff {}\nrm -f {}\nsed -i {} /etc/fstab",
       f"^{PATH} ", PATH, PATH, rf"\,^{PATH} ,d"),
)  # fmt: skip


def size(setting: str, memory_mib: int, free_mib: int, has_mib: int) -> int:
    """MiB of swap: `auto` is half of a small memory, `none` is 0, otherwise a size like 2G.

    `free_mib` is free on /, and `has_mib` what our file has: `auto` takes more only if LEAVE_MIB is
    left, or the next run would find too little room; what is there it keeps.
    """
    if setting == "none":
        return 0
    if setting == "auto":
        wanted = 0 if memory_mib >= ENOUGH_MIB else min(memory_mib // 2, MOST_MIB)
        return min(wanted, has_mib + max(free_mib - LEAVE_MIB, 0) // STEP_MIB * STEP_MIB)
    return int(setting[:-1]) * {"K": 1, "M": 1024, "G": 1024**2, "T": 1024**3}[setting[-1]] // 1024


@dataclass(frozen=True)
class Swap(Resource):
    """So much swap; what the host has already, of whatever kind, counts."""

    mib: int

    label = "swap"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """In MiB; and our own file, if it is at work, at each boot."""
        return {"size": f"at least {self.mib} MiB", "boot": "kept"}

    def question(self) -> str:
        """All swap in KiB, and a word if our file has no line for the next boot."""
        return (
            "while read -r k v _; do [ $k = SwapTotal: ] && echo $v; done < /proc/meminfo\n"
            + sh("grep -q {} /proc/swaps && ! grep -q {} /etc/fstab && echo lost; :",
                 f"^{PATH}[[:space:]]", f"^{PATH}[[:space:]]")
        )  # fmt: skip

    def parse(self, answer: Result) -> State:
        """A file loses a page to its own header: 1 MiB less still counts."""
        text, *lost = answer.out.split()
        mib = number(text) // 1024
        return {
            "size": f"at least {self.mib} MiB" if mib + 1 >= self.mib else f"{mib} MiB",
            "boot": "not kept" if lost == ["lost"] else "kept",
        }

    def note(self, was: State) -> str:
        """Why."""
        return "memory is small: better slow for a moment than a killed server"

    def change(self, was: State) -> str:
        """Make the file if there is too little, switch it on, now and at boot."""
        if (was or {}).get("size") == (self.wanted or {})["size"]:
            return KEEP
        needs = self.mib + ROOM_MIB
        return MAKE.format(path=PATH, mib=self.mib, needs=needs, room=ROOM_MIB) + KEEP
