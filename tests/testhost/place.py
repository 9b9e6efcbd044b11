"""Where test servers keep things on this machine: a key, disks, known hosts, ports; who uses which."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import random
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PREFIX = "cyberhubs-test-"
# Linux and Docker give others from 32768 on to whoever asks for any (ip_local_port_range).
PORTS = range(20000, 30000)


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


@functools.cache
def _ports() -> tuple[IO[str], Iterator[int]]:
    """A file, of which each byte is the lock of a port, and the order in which to try them."""
    every = random.SystemRandom().sample(PORTS, len(PORTS))
    return (cache() / "ports.lock").open("w"), iter(every)


def own_port() -> int:
    """A port of 127.0.0.1 that no other test on this machine gets until this process ends."""
    file, ports = _ports()
    for port in ports:
        with contextlib.suppress(OSError), socket.socket() as probe:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            probe.bind(("127.0.0.1", port))
            return port
    raise TestHostError(f"no port of {PORTS} is free")


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
