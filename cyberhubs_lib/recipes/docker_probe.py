"""The proof of runbook 04 as rows: server/docker_probe.sh asks once, each row reads its line."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from docker.utils.config import load_general_config
from docker.utils.proxy import ProxyConfig

from ..answers import pairs
from ..check import Check
from ..rendered import SERVER
from ..shell import sh
from ..site import Site
from ..site_host import Docker
from ..transport import Result

SCRIPT = (SERVER / "docker_probe.sh").read_text()
HUB = "docker.io"
# What 08 fetches from besides Debian's mirror, which 02 has seen: server/images, pip and npm.
PACKAGES = ("pypi.org", "files.pythonhosted.org", "registry.npmjs.org")
NO_PACKAGES = (
    "runbook 08 builds with packages from there: name your institution's authority in ca_certificates,"
    " a proxy in ~/.docker/config.json of this machine; or set images.source to `copy` or `pull`"
)
# What a registry that answers says of an image that it has not.
REACHED = ("200", "401", "403", "404", "429")


def checks(user: str, site: Site, open_files: int, ssh_port: int) -> list[Check]:
    """What a container of a user needs; what 02 closes counts only if it does (system.firewall)."""
    firewall = site.system.firewall
    servers = PACKAGES if site.images.source == "build" else ()
    given = sh(
        "user={}; ssh_port={}; registry={}; package_servers={}; authorities={}",
        user, ssh_port, registry(site.docker), " ".join(servers),
        "\n".join(path.read_text() for path in site.certificates()) if servers else "",
    )  # fmt: skip
    proxies = [sh("export {}={}", *pair) for pair in build_proxies().items()] if servers else []
    probe = "\n".join(["(", given, *proxies, SCRIPT]) + ")"
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
        *[Check(f"{server}, from a container", probe, _line(server, "yes"), "yes", NO_PACKAGES,
                hard=False) for server in servers],
    ]  # fmt: skip


def build_proxies() -> dict[str, str]:
    """What the Docker SDK hands to a build: the proxies in ~/.docker/config.json of this machine."""
    said = load_general_config().get("proxies", {}).get("default", {})
    return dict(ProxyConfig.from_dict(said).get_environment())


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
