"""Which system a host has: decided once, by ID and ID_LIKE of os-release."""

from __future__ import annotations

from ..errors import Unsupported
from ..facts import Facts
from .amazon import Amazon
from .debian import Debian
from .enterprise import EnterpriseLinux
from .system import System

SUPPORTED = "Debian 12 or 13, Ubuntu 22.04 or 24.04, Rocky Linux or AlmaLinux 9, Amazon Linux 2023"
RELEASES = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04")}
GONE = {("centos", "7"), ("amzn", "2018.03"), ("amzn", "2")}


def system(facts: Facts) -> System:
    """The class that knows this host. Raises Unsupported, with the way to move."""
    words = {facts.id, *facts.like.split()}
    if (facts.id, facts.version) in GONE:
        raise Unsupported(
            f"{facts.system} no longer gets updates and has no current Docker",
            expected=SUPPORTED,
            todo="launch a new machine with Debian 13 and attach the data volume to it: mount it by"
            " /etc/fstab, with nofail, and name it in storage.volumes without `device`",
        )
    if facts.id in RELEASES and facts.version not in RELEASES[facts.id]:
        raise Unsupported(
            f"the host runs {facts.system}",
            expected=SUPPORTED,
            todo="bring it to one of these releases, or use a new machine",
        )
    if words & {"debian", "ubuntu"} and facts.version:
        return Debian(facts)
    if facts.id == "amzn" and facts.version == "2023":
        return Amazon(facts)
    if words & {"rhel", "centos"} and facts.id != "amzn" and facts.version.split(".")[0] == "9":
        return EnterpriseLinux(facts)
    raise Unsupported(
        f"the host runs {facts.system or 'an unknown system'}",
        expected=SUPPORTED,
        todo="use a machine with one of these systems",
    )
