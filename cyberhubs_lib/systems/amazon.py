"""Amazon Linux 2023: dnf, releases of its own, no EPEL, and its own package of Docker."""

from __future__ import annotations

from collections.abc import Mapping

from ..resources.docker import Engine, SysconfigOptions
from ..resources.files import File
from ..resources.rpm import DnfIndex, DnfUpdates
from ..site_host import Docker
from ..state import Resource
from .enterprise import RedHat
from .system import Lack

NFS = "sshfs is not to be had there: mount by NFS in runbook 05, or take a machine with Debian"
OURS = "nothing: our own image of compose is used instead, runbook 08 builds it"
RELEASE = "/etc/dnf/vars/releasever"


class UnlockedIndex(DnfIndex):
    """Of the release that counts when it is unlocked, so that it needs not be read for that alone."""

    options = " --releasever=latest"


class Amazon(RedHat):
    """Each machine is locked to the release of its image; updates are in later releases only."""

    name = "Amazon Linux 2023"
    sources = ("auto", "distribution")  # Docker has no repository for it

    @property
    def lacks(self) -> Mapping[str, Lack]:
        """EPEL is not made for it, and its Docker brings no compose."""
        return {
            "sshfs": Lack("command -v sshfs", NFS),
            "docker compose": Lack("docker compose version", OURS),
        }

    def index(self) -> list[Resource]:
        """First unlocked: docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades-usage.html."""
        why = "locked to the release of its image it would never get a security update"
        unlocked = File(RELEASE, b"latest\n", why=why, after="dnf -q makecache")
        return [unlocked, UnlockedIndex(), DnfUpdates()]

    def from_docker(self, docker: Docker) -> bool:
        """Never."""
        return False

    def repository(self, docker: Docker) -> list[Resource]:
        """None."""
        return []

    def engine(self, docker: Docker) -> Engine:
        """containerd and the client come with it."""
        return Engine(("docker",), "", self.manager)

    def engine_options(self, early: bool = False) -> list[Resource]:
        """The package limits open files by an option, which excludes the same key of daemon.json."""
        return [SysconfigOptions(("--default-ulimit",), early)]
