"""Where test servers keep things on this machine: a key, disks, known hosts; who uses which."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path
from typing import IO

PREFIX = "cyberhubs-test-"


class TestHostError(RuntimeError):
    """The test server could not be made or does not answer."""

    __test__ = False


def cache() -> Path:
    """Where the key, the known hosts and the disks of test servers live."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(root) / "cyberhubs-tests"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def lock(name: str, wait: bool = False) -> IO[str]:
    """A file that one process at a time holds, until it is closed or the process ends.

    Raises TestHostError: two that use one server spoil each other's tests.
    """
    file = (cache() / f"{name}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        file.close()
        raise TestHostError(
            f"another process on this machine tests with {name!r} just now: wait until it ends"
        ) from None
    return file


def ssh_key() -> Path:
    """The private key that logs in to every test server; made once."""
    key = cache() / "id_ed25519"
    with lock("key", wait=True):
        if not key.exists():
            quiet = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "cyberhubs-tests"]
            subprocess.run([*quiet, "-f", str(key)], check=True)
    return key


def known_hosts(name: str) -> Path:
    """The host keys of this server."""
    return cache() / f"{name}.known_hosts"
