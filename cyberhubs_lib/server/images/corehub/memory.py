"""Whether Linux ended a program of this user's server because they needed too much memory together.

The kernel of a notebook is to be ended rather than the server, which can say why: `first` marks it.
"""

import os
from pathlib import Path

from jupyter_server.services.kernels.kernelmanager import ServerKernelManager

# The container's own control group, as its programs see it: of version 2, or of version 1. Each counts
# the programs that were ended (Linux's cgroup-v2.rst, memory.events, and cgroup-v1/memory.rst).
COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
GIB = 1 << 30


def ended() -> int:
    """How many programs of this server were ended for memory so far; 0 where Linux does not tell."""
    for path in map(Path, COUNTERS):
        if path.is_file():
            words = dict(line.split() for line in path.read_text().splitlines() if " " in line)
            return int(words.get("oom_kill", 0))
    return 0


def limit() -> str:
    """The limit in words; "its limit" if the hub did not say."""
    size = int(os.environ.get("MEM_LIMIT") or 0)
    return f"its limit of {size / GIB:.3g} GiB" if size else "its limit"


def first(command: list[str]) -> list[str]:
    """The command, so that Linux ends it rather than the server (oom_score_adj, up to 1000)."""
    return [
        "sh",
        "-c",
        '{ echo 500 >/proc/self/oom_score_adj; } 2>/dev/null; exec "$@"',
        "sh",
        *command,
    ]


class Kernel(ServerKernelManager):
    """A kernel that Linux ends before the server if they need too much memory."""

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """With that mark."""
        return first(super().format_kernel_cmd(extra_arguments))
