"""Throwaway servers for tests: real systemd, sshd, reboots, a data disk, room for an engine.

    with TestHost.up("mytest") as server:
        server.host         # "debian@127.0.0.1:41234", to be reached with server.key
        server.sh("id -u")  # (0, "0\n"): looks at the host independently of ssh

By hand, from tests/: python -m testhost.testhost up|down NAME. README.md has the facts.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import docker
from docker.errors import APIError, NotFound

from .container import NETWORK, start
from .disks import attach, detach
from .images import build_image
from .place import PREFIX, TestHostError, known_hosts, lock, ssh_key

BOOT_TIMEOUT = 60.0


@dataclass
class TestHost:
    """One server. Make it with `TestHost.up(name)`; leave it with `down()` or the end of `with`."""

    __test__ = False  # the name begins like a test's: pytest must not collect it

    name: str
    port: int
    key: str
    known_hosts: str
    devices: list[str]
    container: Any = field(repr=False)
    lock: IO[str] = field(repr=False)

    @property
    def device(self) -> str | None:
        """The first of its data disks."""
        return self.devices[0] if self.devices else None

    @classmethod
    def up(
        cls,
        name: str,
        disk_gib: int = 4,
        suite: str = "trixie",
        disks: int = 1,
        family: str = "debian",
    ) -> TestHost:
        """A fresh server that accepts logins; an earlier run's leftovers are removed first.

        `family` el9 or al2023 is made from Debian 12, see redhat.sh.
        """
        suite = suite if family == "debian" else "bookworm"
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
            raise TestHostError(f"{name!r} is no host name: wanted small letters, digits, -")
        image, key, mine = build_image(suite, family), ssh_key(), lock(name)
        client = docker.from_env()
        remove(name)
        devices = [attach(name, i, disk_gib) for i in range(disks) if disk_gib]
        try:
            container, port = start(client, name, image, devices, Path(f"{key}.pub").read_text())
            server = cls(name, port, str(key), str(known_hosts(name)), devices, container, mine)
            server.wait_until_ready()
        except BaseException:
            remove(name)
            raise
        return server

    # -- how to reach it ------------------------------------------------------------------------

    @property
    def host(self) -> str:
        """The login with sudo and no password, as the product wants it."""
        return self.login("debian")

    def login(self, user: str) -> str:
        """The same server for another user: nosudo or pwsudo."""
        return f"{user}@127.0.0.1:{self.port}"

    @property
    def ip(self) -> str:
        """Its address on the test network: every port of it can be reached from this machine."""
        self.container.reload()
        return str(self.container.attrs["NetworkSettings"]["Networks"][NETWORK]["IPAddress"])

    def ssh_command(self, user: str = "debian") -> list[str]:
        """A plain OpenSSH command line that ignores this machine's own ssh configuration."""
        strict = [
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "ConnectTimeout=5",
        ]
        known = [
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
            f'UserKnownHostsFile="{self.known_hosts}"',
        ]
        only = ["-o", "IdentitiesOnly=yes", "-i", self.key, "-p", str(self.port)]
        return ["ssh", "-F", "/dev/null", *strict, *known, *only, f"{user}@127.0.0.1"]

    # -- looking at it and changing it, without ssh ----------------------------------------------

    def sh(self, cmd: str, user: str | None = None, root: bool = True) -> tuple[int, str]:
        """Run a shell line inside: exit code, and stdout with stderr. As root unless told.

        By Docker's own program: the SDK loses the beginning of what comes along with the answer's head.
        """
        who = user or ("root" if root else "debian")
        command = ["docker", "exec", "-u", who, self.container.id, "bash", "-c", cmd]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)  # fmt: skip
        return done.returncode, done.stdout.decode(errors="replace")

    def listen(self, port: int) -> None:
        """Somebody else's service has this port from now on: it closes what comes."""
        program = (
            f"$s=IO::Socket::INET->new(LocalPort=>{port},Listen=>5,ReuseAddr=>1) or die $!;"
            " while($c=$s->accept) {close $c}"
        )
        self.container.exec_run(["perl", "-MIO::Socket::INET", "-e", program], detach=True)

    def set_password(self, user: str, password: str) -> None:
        """For sudo of `pwsudo`. Goes by the environment: no process list shows it."""
        script = 'printf "%s:%s\\n" "$WHO" "$NEW" | chpasswd'
        env = {"WHO": user, "NEW": password}
        code, out = self.container.exec_run(["sh", "-c", script], environment=env)
        if code:
            raise TestHostError(f"chpasswd for {user} failed: {out.decode()}")

    @property
    def booted(self) -> str:
        """Changes with each boot (boot_id and uptime are the machine's and do not)."""
        self.container.reload()
        return str(self.container.attrs["State"]["StartedAt"])

    def reboot(self) -> None:
        """A real `systemctl reboot`, back when ssh answers again."""
        before = self.booted
        self.sh("systemctl reboot")
        self.wait_until_ready(booted_after=before)

    def wait_until_ready(self, booted_after: str | None = None) -> None:
        """Until a login works and the boot is finished; with `booted_after`, of a later boot."""
        end, problem = time.monotonic() + BOOT_TIMEOUT, "did not start again"
        while time.monotonic() < end:
            try:
                if booted_after is None or self.booted != booted_after:
                    problem = self._try_login()
                    if not problem:
                        return
            except APIError as error:  # between two boots there is no container to ask
                problem = str(error)
            time.sleep(0.1)
        log = self.container.logs(tail=30).decode(errors="replace")
        raise TestHostError(
            f"{self.name}: no login by ssh after {BOOT_TIMEOUT:.0f} s ({problem.strip()}). "
            f"Its console:\n{log}"
        )

    def _try_login(self) -> str:
        """Empty if it is up and a login works, otherwise the reason."""
        _, state = self.sh("systemctl is-system-running")
        if state.strip() not in ("running", "degraded"):  # sshd answers before fstab is through
            return f"systemd says {state.strip()}"
        code, keys = self.sh("cat /etc/ssh/ssh_host_*_key.pub")
        if code:
            return "no host keys"
        lines = [line.split()[:2] for line in keys.splitlines()]
        text = "".join(f"[127.0.0.1]:{self.port} {kind} {key}\n" for kind, key in lines)
        Path(self.known_hosts).write_text(text)
        try:
            tried = subprocess.run(
                [*self.ssh_command(), "true"], capture_output=True, text=True, timeout=10
            )
        except subprocess.TimeoutExpired:
            return "ssh did not answer within 10 s"
        return "" if tried.returncode == 0 else tried.stderr or f"ssh exit {tried.returncode}"

    # -- end of it --------------------------------------------------------------------------------

    def down(self) -> None:
        """Remove the server, its volume and its disks."""
        remove(self.name)
        self.lock.close()

    def __enter__(self) -> TestHost:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()


def remove(name: str) -> None:
    """Remove all that `up(name)` makes, however far it came; nothing there is fine."""
    client = docker.from_env()
    with contextlib.suppress(NotFound):
        client.containers.get(PREFIX + name).remove(force=True, v=True)
    with contextlib.suppress(NotFound):
        client.volumes.get(f"{PREFIX}{name}-varlib").remove(force=True)
    detach(name)
    known_hosts(name).unlink(missing_ok=True)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("up", "down"):
        sys.exit("usage: python -m testhost.testhost up|down NAME")
    if sys.argv[1] == "down":
        remove(sys.argv[2])
    else:
        made = TestHost.up(sys.argv[2])
        print(shlex.join(made.ssh_command()))
