"""Data disks of test servers: sparse files behind loop devices."""

from __future__ import annotations

import os
import shlex
import subprocess

from .place import TestHostError, cache


def attach(name: str, number: int, gib: int) -> str:
    """An empty disk: a sparse file behind a loop device."""
    disk = cache() / f"{name}.disk{number or ''}"
    with disk.open("wb") as file:
        file.truncate(gib << 30)
    device = _losetup("-f", "--show", str(disk)).strip()
    # the kernel keeps the partitions that a test which was killed had made known on this device
    subprocess.run([*_sudo(), "partx", "-d", device], capture_output=True, check=False)
    return device


def _sudo() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


def _losetup(*args: str) -> str:
    command = [*_sudo(), "losetup", *args]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}
    )
    if done.returncode:
        raise TestHostError(
            f"`{shlex.join(command)}` failed: {done.stderr.strip()}. "
            "The data disk of a test server is a loop device, which only root can attach."
        )
    return done.stdout


def detach(name: str) -> None:
    """Take away all disks of this server."""
    for disk in cache().glob(f"{name}.disk*"):
        for line in _losetup("-n", "-O", "NAME", "-j", str(disk)).splitlines():
            _losetup("-d", line.strip())
        disk.unlink()
