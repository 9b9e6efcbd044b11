"""Debian, Ubuntu and what is made from them: apt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..check import Check
from ..resources.docker import Engine
from ..resources.files import File
from ..resources.packages import APT_GET, ConsistentPackages, PackageIndex, Updates
from ..resources.repository import apt_repository
from ..resources.restart import NEEDED
from ..resources.services import Service, time_service
from ..resources.trust import DEBIAN_STORE
from ..site_host import Docker
from ..state import Resource
from .system import System

TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
DAILY = 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'
# docs.docker.com/engine/install/debian/ names it; the place to change it if Docker changes its key
DOCKER_KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"


class Debian(System):
    """apt; the engine is the distribution's where it has compose v2."""

    name = "Debian and Ubuntu"
    manager = APT_GET
    store = DEBIAN_STORE
    ssh_service = "ssh"
    names: Mapping[str, str] = {}
    extras = {"unattended-upgrades": "security updates, every day"}
    restart_needed = NEEDED
    sources = ("auto", "distribution", "docker")
    index_read = "ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1"

    def packages_consistent(self) -> Resource:
        """dpkg tells."""
        return ConsistentPackages()

    def index(self) -> list[Resource]:
        """Both."""
        return [PackageIndex(), Updates()]

    def clock(self, packages: Sequence[str] = ()) -> Resource:
        """systemd's own, if there is none."""
        return time_service(packages, "systemd-timesyncd", self.manager)

    def automatic_updates(self, restart_at: str) -> list[Resource]:
        """unattended-upgrades takes those of the security archive only."""
        text = f'Unattended-Upgrade::Automatic-Reboot "{"true" if restart_at else "false"}";\n'
        if restart_at:
            text += f'Unattended-Upgrade::Automatic-Reboot-Time "{restart_at}";\n'
        why = f"restarts at {restart_at} if needed" if restart_at else "never restarts by itself"
        return [
            File("/etc/apt/apt.conf.d/20auto-upgrades", DAILY.encode(), why="every day"),
            File("/etc/apt/apt.conf.d/52cyberhubs", text.encode(), why=why),
            *[Service(unit, why="security updates") for unit in TIMERS],
        ]

    def updates_come(self) -> Check:
        """Both timers, and the tool."""
        ask = f"systemctl is-active -q {' '.join(TIMERS)} && command -v unattended-upgrade"
        return Check("security updates come by themselves", ask, lambda a: (
                     a.code == 0, "every day" if a.code == 0 else "no"), "every day",
                     "`systemctl status apt-daily-upgrade.timer` on the host tells why")  # fmt: skip

    @property
    def compose(self) -> str:
        """The package with compose v2; Debian 12 has only v1, so none."""
        if self.facts.id == "debian":
            return "docker-compose" if self.facts.version >= "13" else ""
        return "docker-compose-v2"

    def from_docker(self, docker: Docker) -> bool:
        """With `auto`, where compose v2 is lacking."""
        return not self.compose if docker.source == "auto" else docker.source == "docker"

    def repository(self, docker: Docker) -> list[Resource]:
        """One for each of the two distributions."""
        if not self.from_docker(docker):
            return []
        url = f"{docker.repository}/{self.facts.id}"
        key = docker.key_fingerprint or DOCKER_KEY
        return [apt_repository("docker", url, self.facts.codename, f"{url}/gpg", key)]

    def engine(self, docker: Docker) -> Engine:
        """Since Debian 13 the client is a package of its own."""
        if self.from_docker(docker):
            return Engine(("docker-ce", "docker-ce-cli", "containerd.io"), "docker-compose-plugin")
        client = ("docker-cli",) if self.facts.id == "debian" and self.facts.version >= "13" else ()
        return Engine(("docker.io", "iptables", *client), self.compose)
