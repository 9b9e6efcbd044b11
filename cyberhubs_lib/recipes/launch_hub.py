"""09: start the hub's services, and prove as a user that they work."""

from __future__ import annotations

from collections.abc import Callable

from ..acme_account import head
from ..check import Check
from ..compose import answering, compose
from ..contexts import context
from ..facts import Facts
from ..front_door import bind_address, http_port, ports
from ..host import LOCAL
from ..params import Params
from ..proof import proof
from ..rendered import OPTIONAL, files, services, settings_of
from ..resources.service_containers import Container, DataVolume
from ..shell import sh
from ..site import Site
from ..state import Resource
from ..transport import Result
from .recipe import Recipe, docker_answers

# service -> the files, or directories of them, that it reads once, at its start
READS = {
    "hub": ["secrets"],
    "proxy": ["secrets/proxy_token"],
    "standin": ["secrets/oauth_client_secret"],
    "caddy": ["certificate/acme"],
}


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """All services in one go; the proof walks through the public address."""
    home = site.directory(facts.home)
    digests = settings_of(site, facts)
    unwanted = tuple(name for name in OPTIONAL if name not in services(site))
    volume: list[Resource] = []
    if site.in_volume:
        owner = f"{site.uid}:{site.gid}"
        volume = [DataVolume(site.data_root, owner, context("hub", site).tag)]
    return Recipe(
        requirements=[
            Check("public address", "true", _public(site, params.host or site.host),
                  "one that leads to the host",
                  "set public_url in the site file to the address that people type"),
            docker_answers(facts),
            # they name what only the engine knows: without it nothing could be said about them
            *([Check("settings", sh("cat {}/.env", home), _today(site, facts),
                     "those of this site file", "run 06_configure_hub first")]
              if facts.docker else []),
            *([_certificate(site, home)] if site.certificate_mode == "automatic" else []),
            *[port_is_free(site, port) for port in ports(site)],
        ],
        steps={
            "data": volume,
            "services": [
                Container(name, site.project, image, digests[name], compose(site, facts),
                          answering(site), tuple(f"{home}/{path}" for path in READS.get(name, ())),
                          unwanted)
                for name, image in services(site).items()
            ],
        },
        proof=lambda host: proof(host, site, facts, getattr(params, "prove", False)),
    )  # fmt: skip


def _public(site: Site, host: str) -> Callable[[Result], tuple[bool, str]]:
    """A loopback address would lead the proof, and its token, to the operator's own machine."""
    here = host in LOCAL
    loopback = bind_address(site).startswith("127.")
    return lambda answer: (here or not loopback, site.public_url)


def _certificate(site: Site, home: str) -> Check:
    """Caddy asks the authority as soon as it starts, and failed attempts count against the name."""
    wanted = head(site.public_name)

    def expect(answer: Result) -> tuple[bool, str]:
        if answer.code:
            return False, "07 was not run"
        same = answer.out.strip() == wanted
        return same, "looked at by 07" if same else "07 looked at another name"

    return Check(f"certificate of {site.public_name}",
                 sh("head -n 1 {}", f"{home}/certificate/acme/account.caddy"), expect,
                 "looked at by 07", "run 07_certificates first: it sees whether the authority can"
                 " reach this name; each attempt that fails counts there")  # fmt: skip


def port_is_free(site: Site, port: int = 0) -> Check:
    """The requirement that nobody else has a port of the hub; by default the one of plain http."""
    port = port or http_port(site)
    return Check(f"port {port}", _port(site, port), _free, "free, or ours",
                 f"`ss -ltnp sport = :{port}` on the host tells who has it; stop that, or give the"
                 " site another port")  # fmt: skip


def _port(site: Site, port: int) -> str:
    """Free, ours, or somebody else's; asked by connecting, as a user would.

    Ours on another port does not count: the one that is asked for may still be somebody's.
    """
    address = bind_address(site)
    address = "127.0.0.1" if address == "0.0.0.0" else address
    mine = sh(
        "docker ps -q --filter {} --filter label=com.docker.compose.service=caddy"
        " --filter {} 2>/dev/null",
        f"label=com.docker.compose.project={site.project}",
        f"publish={port}",
    )
    attempt = sh("timeout 3 bash -c {} 2>/dev/null", f"exec 3<>/dev/tcp/{address}/{port}")
    return f'if [ -n "$({mine})" ]; then echo ours; elif {attempt}; then echo taken; else echo free; fi'


def _free(answer: Result) -> tuple[bool, str]:
    word = answer.out.strip()
    return word in ("ours", "free"), word


def _today(site: Site, facts: Facts) -> Callable[[Result], tuple[bool, str]]:
    """Whether 06 has written what the site file says today; .env holds a digest of all the rest."""
    wanted = files(site, facts)[".env"].decode().strip()

    def expect(answer: Result) -> tuple[bool, str]:
        if answer.code:
            return False, "missing"
        same = answer.out.strip() == wanted
        return same, "those of this site file" if same else "older ones"

    return expect
