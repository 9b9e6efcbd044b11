"""Swap, where memory is small: a file, so that no disk has to be divided anew."""

from __future__ import annotations

from dataclasses import dataclass

from ..shell import sh
from ..state import Resource, State
from ..transport import Result
from .gone import Gone

PATH = "/swapfile.cyberhubs"  # a /swapfile would be somebody else's
LINE = f"{PATH} none swap sw 0 0"  # of /etc/fstab
ENOUGH_MIB = 8192  # of memory: from here on swap is left out
MOST_MIB = 4096  # more swap than this only makes a slow end slower
NO_SWAP = Gone(
    "swap file of this runbook",
    sh("ls {} 2>/dev/null\ngrep {} /etc/fstab\n:", PATH, f"^{PATH} "),
    sh("! grep -q {} /proc/swaps || swapoff {}\nrm -f {}\nsed -i {} /etc/fstab",
       f"^{PATH} ", PATH, PATH, rf"\,^{PATH} ,d"),
)  # fmt: skip


def size(setting: str, memory_mib: int) -> int:
    """MiB of swap: `auto` is half of a small memory, `none` is 0, otherwise a size like 2G."""
    if setting == "none":
        return 0
    if setting == "auto":
        return 0 if memory_mib >= ENOUGH_MIB else min(memory_mib // 2, MOST_MIB)
    return int(setting[:-1]) * {"K": 1, "M": 1024, "G": 1024**2, "T": 1024**3}[setting[-1]] // 1024


@dataclass(frozen=True)
class Swap(Resource):
    """So much swap; what the host has already, of whatever kind, counts."""

    mib: int

    label = "swap"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """In MiB."""
        return {"size": f"at least {self.mib} MiB"}

    def question(self) -> str:
        """Of all swap, in KiB."""
        return "while read -r k v _; do [ $k = SwapTotal: ] && echo $v; done < /proc/meminfo; :"

    def parse(self, answer: Result) -> State:
        """A file loses a page to its own header: 1 MiB less still counts."""
        text = answer.out.strip()
        mib = int(text) // 1024 if text.isascii() and text.isdigit() else 0
        return {"size": f"at least {self.mib} MiB" if mib + 1 >= self.mib else f"{mib} MiB"}

    def note(self, was: State) -> str:
        """Why."""
        return "memory is small: better slow for a moment than a killed server"

    def change(self, was: State) -> str:
        """Make the file where there is none of this size yet, switch it on, now and at boot."""
        return (
            sh("swapoff {} 2>/dev/null || :\n", PATH)
            + sh("rm -f {} && umask 077 && fallocate -l {} {} && mkswap -q {}\n",
                 PATH, f"{self.mib}M", PATH, PATH)
            + sh("swapon {}\n", PATH)
            + sh("grep -q {} /etc/fstab || echo {} >> /etc/fstab", f"^{PATH} ", LINE)
        )  # fmt: skip
