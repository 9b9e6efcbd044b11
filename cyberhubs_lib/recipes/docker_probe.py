"""The proof of runbook 04 as rows: server/docker_probe.sh asks once, each row reads its line."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from ..answers import pairs
from ..check import Check
from ..rendered import SERVER
from ..shell import sh
from ..site_host import Docker
from ..transport import Result

SCRIPT = (SERVER / "docker_probe.sh").read_text()
HUB = "docker.io"
# What a registry that answers says of an image that it has not.
REACHED = ("200", "401", "403", "404", "429")


def checks(
    user: str, docker: Docker, firewall: bool, open_files: int, ssh_port: int
) -> list[Check]:
    """What a container of a user needs; what 02 closes counts only if it does (system.firewall)."""
    given = sh("user={}; ssh_port={}; registry={}", user, ssh_port, registry(docker))
    probe = f"(\n{given}\n{SCRIPT})"
    return [
        Check("a container runs", probe, _line("runs", "yes"), "yes",
              "`journalctl -u docker` on the host tells why"),
        Check("a container finds names", probe, _line("name", "yes"), "yes",
              "does /etc/resolv.conf of the host name a server that answers?"),
        Check("a published port answers", probe, _line("port", "yes"), "yes",
              "does another firewall on the host filter Docker's networks?"),
        Check("open files of one process in a container", probe, _line("files", str(open_files)),
              str(open_files), "the engine was started before its settings: restart it"),
        Check("a cloud's metadata address, from a container", probe, _line("metadata", "closed"),
              "closed", "runbook 02 closes it (system.firewall)", hard=firewall),
        Check("the host's own ssh, from a user's network", probe, _line("ssh", "closed"),
              "closed", "runbook 02 closes it (system.firewall)", hard=firewall),
        Check(f"{user} may use Docker", probe, _line("account", "ok"), "ok"),
        Check("networks of containers", probe, _networks, "none that your institution uses"),
        Check("a registry can be reached", probe, _registry, "yes",
              "without it, images are built on the host or copied from here: runbook 08",
              hard=False),
    ]  # fmt: skip


def registry(docker: Docker) -> str:
    """The address of a plain http mirror, or the registry's name as images have it before theirs."""
    mirror = (docker.registry_mirrors or [f"https://{HUB}"])[0].rstrip("/")
    return mirror if mirror.startswith("http:") else urlsplit(mirror).netloc.rpartition("@")[2]


def _lines(answer: Result) -> dict[str, str]:
    return pairs(answer.out)


def _line(key: str, good: str) -> Callable[[Result], tuple[bool, str]]:
    def expect(answer: Result) -> tuple[bool, str]:
        # why no container started stands before all that was answered
        said = answer.out.partition("account=")[0].strip()[-200:] if key == "runs" else ""
        word = _lines(answer).get(key, said) or "no answer"
        return word == good, word

    return expect


def _networks(answer: Result) -> tuple[bool, str]:
    return True, together(_lines(answer).get("networks", "")) or "no answer"


def together(subnets: str) -> str:
    """What containers can be reached by, and so hide of the institution's: neighbours are one."""
    nets = [ipaddress.ip_network(word) for word in subnets.split()]
    first = [net for net in nets if isinstance(net, ipaddress.IPv4Network)]
    return ", ".join(str(net) for net in ipaddress.collapse_addresses(first))


def _registry(answer: Result) -> tuple[bool, str]:
    said = _lines(answer).get("registry", "")
    if (
        said[-3:] in REACHED or "no basic auth credentials" in said
    ):  # which it asks for, so it is there
        return True, "yes"
    return False, "no: the engine does not trust its certificate" if "x509:" in said else "no"
