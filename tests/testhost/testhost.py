"""Throwaway servers for tests: real systemd, sshd, reboots, a data disk, room for an engine.

    with TestHost.up("mytest") as server:
        server.host         # "debian@127.0.0.1:41234", to be reached with server.key
        server.sh("id -u")  # (0, "0\n"): looks at the host independently of ssh

By hand, from tests/: python -m testhost.testhost up|down NAME. README.md has the facts.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import ipaddress
import os
import re
import shlex
import socket
import subprocess
import sys
import tarfile
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound, NotFound

from cyberhubs_lib.contexts import SUITE
from cyberhubs_lib.host import connect
from cyberhubs_lib.image_sources import bottom, debootstrap

PREFIX = "cyberhubs-test-"
NETWORK = PREFIX + "network"
CONTEXT = Path(__file__).parent
SITE_CAS = Path("/usr/local/share/ca-certificates")  # where Debian keeps a site's own authorities
HASH_LABEL = "cyberhubs.test.context"
BOOT_TIMEOUT = 60.0


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


def base_image(client: docker.DockerClient, suite: str) -> str:
    """Name of a plain Debian image of this release, got the way the product gets one."""
    host, made = connect("localhost"), f"cyberhubs/debian:{suite}"
    if suite == SUITE:
        return bottom(host, client, "", print)
    for name in (f"debian:{suite}-slim", made):
        if client.images.list(name):
            return name
    try:
        client.images.pull("debian", f"{suite}-slim")
        return f"debian:{suite}-slim"
    except DockerException:  # no registry
        host.read(f"({debootstrap(suite, made)}) </dev/null", root=True)
        return made


def build_image(suite: str = "trixie", family: str = "debian") -> str:
    """Build the image unless one of the same base and the same context is there already."""
    with lock("image", wait=True):
        client = docker.from_env(timeout=900)
        files = {name: (CONTEXT / name).read_bytes() for name in ("Dockerfile", "test-init")}
        files |= {f"ca/{path.name}": path.read_bytes() for path in sorted(SITE_CAS.glob("*.crt"))}
        made = _build(client, f"{PREFIX}host:{suite}", base_image(client, suite), files, "")
        if family == "debian":
            return made
        more = {"Dockerfile": (CONTEXT / "Dockerfile.redhat").read_bytes(),
                "redhat.sh": (CONTEXT / "redhat.sh").read_bytes()}  # fmt: skip
        return _build(client, f"{PREFIX}host:{family}", made, more, family)


def _build(
    client: docker.DockerClient, tag: str, base: str, files: dict[str, bytes], family: str
) -> str:
    digest = hashlib.sha256(repr((client.images.get(base).id, sorted(files.items()))).encode())
    wanted = digest.hexdigest()
    try:
        if client.images.get(tag).labels.get(HASH_LABEL) == wanted:
            return tag
    except ImageNotFound:
        pass
    try:
        client.images.build(
            fileobj=_tar(files),
            custom_context=True,
            tag=tag,
            buildargs={"BASE": base, **({"FAMILY": family} if family else {})},
            labels={HASH_LABEL: wanted},
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        log = "".join(str(line.get("stream", "")) for line in error.build_log)
        raise TestHostError(f"Building {tag} failed: {error.msg}\n{log[-3000:]}") from None
    return tag


def _tar(files: dict[str, bytes]) -> io.BytesIO:
    """A build context; ca/ is in it even if this machine has no authorities of its own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        directory = tarfile.TarInfo("ca")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(directory)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755 if name == "test-init" else 0o644
            tar.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    return buffer


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
        devices = [_attach_disk(name, i, disk_gib) for i in range(disks) if disk_gib]
        try:
            container, port = _start(client, name, image, devices, Path(f"{key}.pub").read_text())
            server = cls(name, port, str(key), str(_known_hosts(name)), devices, container, mine)
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
    for disk in cache().glob(f"{name}.disk*"):
        for line in _losetup("-n", "-O", "NAME", "-j", str(disk)).splitlines():
            _losetup("-d", line.strip())
        disk.unlink()
    _known_hosts(name).unlink(missing_ok=True)


def _start(
    client: docker.DockerClient, name: str, image: str, disks: list[str], public_key: str
) -> tuple[Any, int]:
    """Create and start the container, on a port that was free a moment ago."""
    for last in (False, False, True):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        try:
            return _run(client, name, image, disks, public_key.strip(), port), port
        except APIError as error:
            if last or "port is already allocated" not in str(error):
                raise
            client.containers.get(PREFIX + name).remove(force=True, v=True)
    raise AssertionError("not reached")


def _run(
    client: docker.DockerClient,
    name: str,
    image: str,
    disks: list[str],
    public_key: str,
    port: int,
) -> Any:
    api = client.api
    devices = ["/dev/fuse", "/dev/loop-control", *disks]
    settings = api.create_host_config(
        # Not privileged: where this machine itself lacks a capability, Docker refuses that.
        cap_add=["ALL"],
        cap_drop=["SYS_RESOURCE"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        cgroupns="private",
        devices=[f"{path}:{path}:rwm" for path in devices if Path(path).exists()],
        device_cgroup_rules=["a *:* rwm"],
        tmpfs={"/run": "", "/run/lock": "", "/tmp": "exec"},
        binds=[f"{PREFIX}{name}-varlib:/var/lib"],  # a real filesystem: overlay2 works inside
        restart_policy={"Name": "always"},  # this is what makes `reboot` a reboot
        port_bindings={22: ("127.0.0.1", port)},
        network_mode=NETWORK,
    )
    # What the client program calls systempaths=unconfined: a server sees all of /proc and /sys.
    settings["MaskedPaths"], settings["ReadonlyPaths"] = [], []
    made = api.create_container(
        image,
        name=PREFIX + name,
        hostname=name,
        tty=True,
        ports=[22],
        environment={"TEST_AUTHORIZED_KEY": public_key, "TEST_NAMESERVERS": _nameservers()},
        host_config=settings,
        networking_config=api.create_networking_config(
            {NETWORK: api.create_endpoint_config(ipv4_address=_address(_network(client), name))}
        ),
    )
    api.start(made["Id"])
    return client.containers.get(made["Id"])


def _network(client: docker.DockerClient) -> str:
    """The network of all test servers, as address/bits. Small packets: they cross several bridges.

    Docker chooses the addresses, and the network is made again with them: only then may a server have
    one of its own, which it must, or another one could take it during a reboot.
    """
    with lock("network", wait=True):
        try:
            found = client.networks.get(NETWORK)
        except NotFound:
            free = client.networks.create(NETWORK)
            free.reload()
            subnet = free.attrs["IPAM"]["Config"][0]["Subnet"]
            free.remove()
            mtu = {"com.docker.network.driver.mtu": "1400"}
            pool = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=subnet)])
            found = client.networks.create(NETWORK, options=mtu, ipam=pool)
            found.reload()
        return str(found.attrs["IPAM"]["Config"][0]["Subnet"])


def _address(subnet: str, name: str) -> str:
    """One of the upper half of the network, by the server's name: Docker itself begins below."""
    network = ipaddress.IPv4Network(subnet)
    half = network.num_addresses // 2
    return str(network[half + zlib.crc32(name.encode()) % (half - 2)])


def _nameservers() -> str:
    """This machine's real ones. Docker's 127.0.0.11 would do for the server itself, but an engine
    inside it sees only a loopback address and sends its containers to a public one instead."""
    for source in (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf")):
        if source.exists():
            found = re.findall(r"^nameserver\s+([0-9.]+)\s*$", source.read_text(), re.MULTILINE)
            real = [address for address in found if not address.startswith("127.")]
            if real:
                return " ".join(real)
    return ""


def _known_hosts(name: str) -> Path:
    return cache() / f"{name}.known_hosts"


def _attach_disk(name: str, number: int, gib: int) -> str:
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


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("up", "down"):
        sys.exit("usage: python -m testhost.testhost up|down NAME")
    if sys.argv[1] == "down":
        remove(sys.argv[2])
    else:
        made = TestHost.up(sys.argv[2])
        print(shlex.join(made.ssh_command()))
