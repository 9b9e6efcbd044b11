"""A newcomer's machine: fresh Debian with git and Python, and a fresh copy of this repository."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from cyberhubs_lib.site import REPOSITORY

from .testhost import TestHost

# What git does not keep; a checkout without .git does as well.
NOT_OURS = [
    ".git",
    ".venv",
    "runs",
    "_build",
    "*_cache",
    "__pycache__",
    ".hypothesis",
    "*.local.yaml",
]


def ssh(server: TestHost, command: str, sent: bytes = b"") -> tuple[int, str]:
    """The newcomer's own session: exit code and all that was printed."""
    done = subprocess.run([*server.ssh_command(), command], input=sent,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    return done.returncode, done.stdout.decode()


def demo(server: TestHost, *words: str) -> tuple[int, str]:
    """`./cyberhubs demo` in the clone."""
    return ssh(server, " ".join(["cd cyberhubs && ./cyberhubs demo", *words]))


@contextlib.contextmanager
def newcomer() -> Iterator[TestHost]:
    """Debian 13; the newcomer is `debian`, who may use sudo."""
    tar = ["tar", "-c", *[f"--exclude={name}" for name in NOT_OURS], "."]
    copy = subprocess.run(tar, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True).stdout
    with TestHost.up("newcomer", disk_gib=0) as server:
        code, out = server.sh("apt-get -q update && apt-get -qy install --no-install-recommends"
                              " git python3 curl")  # fmt: skip
        assert code == 0, out
        code, out = ssh(server, "mkdir cyberhubs && tar -x -C cyberhubs", copy)
        assert code == 0, out
        yield server
