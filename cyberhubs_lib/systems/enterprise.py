"""Rocky Linux 9, AlmaLinux 9 and their relatives: dnf, and EPEL for what is not in the system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..check import Check
from ..resources.docker import Engine
from ..resources.files import File
from ..resources.firewall import UNIT_FILE
from ..resources.packages import DNF
from ..resources.repository import dnf_repository
from ..resources.restart import DNF_NEEDED, RESTART_UNIT, RestartTimer
from ..resources.rpm import INDEX_READ, ConsistentRpms, DnfIndex, DnfUpdates, Epel
from ..resources.services import Service, time_service
from ..resources.trust import RED_HAT_STORE
from ..site_host import Docker
from ..state import Resource
from .system import Lack, System

TIMER = "dnf-automatic-install.timer"
# docs.docker.com/engine/install/centos/ names it: another key than that of the deb packages
DOCKER_KEY = "060A61C51B558A7F742B77AAC52FEB6B621E9F35"
EPEL_BY_HAND = (
    "for sshfs enable EPEL by hand (docs.fedoraproject.org/en-US/epel), then put fuse-sshfs into"
    " extra_packages; or mount by NFS in runbook 05"
)


class RedHat(System):
    """dnf: what all of this family share."""

    manager = DNF
    store = RED_HAT_STORE
    ssh_service = "sshd"
    # curl and gpg come in two packages that exclude each other; the program is what counts
    names = {
        "curl": "/usr/bin/curl",
        "gnupg": "/usr/bin/gpg",
        "nfs-common": "nfs-utils",
        "sshfs": "fuse-sshfs",
    }
    extras = {
        "dnf-automatic": "updates, every day",
        "dnf-plugins-core": "tells whether a restart is needed",
        "/usr/bin/perl": "a server of one line, for the proof of runbook 04",
        "perl(IO::Socket::INET)": "the same",
    }
    restart_needed = DNF_NEEDED
    index_read = INDEX_READ

    def packages_consistent(self) -> Resource:
        """dnf tells."""
        return ConsistentRpms()

    def index(self) -> list[Resource]:
        """Both."""
        return [DnfIndex(), DnfUpdates()]

    def clock(self, packages: Sequence[str] = ()) -> Resource:
        """chrony, if there is none."""
        return time_service(packages, "chrony", self.manager)

    def automatic_updates(self, restart_at: str) -> list[Resource]:
        """All updates of the release; upgrade_type in /etc/dnf/automatic.conf is the operator's."""
        unit = UNIT_FILE.with_name(RESTART_UNIT)
        restart = File(f"/etc/systemd/system/{RESTART_UNIT}", unit.read_bytes(), why="if needed")
        return [
            Service(TIMER, why="security updates"),
            *([restart] if restart_at else []),
            RestartTimer(restart_at),
        ]

    def updates_come(self) -> Check:
        """The timer, and the tool."""
        ask = f"systemctl is-active -q {TIMER} && command -v dnf-automatic"
        return Check("security updates come by themselves", ask, lambda a: (
                     a.code == 0, "every day" if a.code == 0 else "no"), "every day",
                     f"`systemctl status {TIMER}` on the host tells why")  # fmt: skip


class EnterpriseLinux(RedHat):
    """Release 9. It has podman and no Docker, so the engine is Docker's own."""

    name = "Enterprise Linux 9"
    sources = ("auto", "docker")

    @property
    def lacks(self) -> Mapping[str, Lack]:
        """RHEL itself does not ship the package that enables EPEL; its relatives do."""
        if self.facts.id == "rhel":
            return {"sshfs": Lack("command -v sshfs", EPEL_BY_HAND)}
        return {}

    def index(self) -> list[Resource]:
        """EPEL besides, for sshfs."""
        return [*super().index(), *([] if self.lacks else [Epel()])]

    def from_docker(self, docker: Docker) -> bool:
        """Always."""
        return True

    def repository(self, docker: Docker) -> list[Resource]:
        """Docker has one for RHEL and one for its relatives."""
        url = f"{docker.repository}/{'rhel' if self.facts.id == 'rhel' else 'centos'}"
        packages, key = f"{url}/9/$basearch/stable", docker.key_fingerprint or DOCKER_KEY
        return [dnf_repository("docker", packages, f"{url}/gpg", key)]

    def engine(self, docker: Docker) -> Engine:
        """Its own compose."""
        theirs = ("docker-ce", "docker-ce-cli", "containerd.io")
        return Engine(theirs, "docker-compose-plugin", self.manager)
