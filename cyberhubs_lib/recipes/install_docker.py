"""04: the Docker engine, its settings, and who may use it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from ..answers import matching
from ..check import Check
from ..facts import Facts
from ..params import Params
from ..resources.accounts import Membership
from ..resources.daemon_json import DaemonSettings, open_files, settings
from ..resources.services import Service
from ..resources.trust import KnownToEngine
from ..site import Site
from ..site_host import Docker
from ..systems.system import System
from ..transport import Result
from . import docker_probe
from .recipe import Recipe, account_exists, docker_is_not_kept_waiting, supported

# The host's own networks, those that Docker made left out.
ROUTES = "ip -4 -o route show | awk '$0 !~ /dev (docker|br-|cu-)/ && $1 != \"default\" {print $1}'"


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """Settings before the engine, so that it need not be restarted for them."""
    system, user = supported(facts), facts.service_user
    return Recipe(
        requirements=[
            Check("init system", "cat /proc/1/comm", lambda a: (a.out.strip() == "systemd",
                  a.out.strip()), "systemd", "use an ordinary server"),
            Check("program curl", "command -v curl >/dev/null",
                  lambda a: (a.code == 0, "there" if a.code == 0 else "missing"), "there",
                  "run 02_prepare_os first"),
            Check("package index", system.index_read,
                  lambda a: (a.code == 0, "read" if a.code == 0 else "never read"), "read",
                  "run 02_prepare_os first"),
            account_exists(facts),
            *docker_is_not_kept_waiting(facts),
            *([] if site.docker.source in system.sources else [_no_such_source(system, site.docker)]),
            *system.missing("docker compose"),
            *([Check("docker.address_pools", ROUTES, _room(site), f"{_needed(site)} networks or more",
                     "choose other private networks: each user's server needs one")]
              if site.docker.address_pools else []),
        ],
        steps={
            "settings": [
                *system.engine_options(early=True),
                DaemonSettings(settings(site.docker, facts)),
            ],
            "repository": system.repository(site.docker),
            "engine": [system.engine(site.docker)],
            "service": [
                *system.engine_options(),
                Service("docker.service"),
                KnownToEngine(system.store, site.docker.live_restore),
            ],
            "account": [Membership(user, "docker", "may use Docker without sudo")],
        },
        # a proof asks the engine for half a minute each time: not while it waits for a disk
        checks=docker_is_not_kept_waiting(facts) or _checks(facts, site),
    )  # fmt: skip


def _checks(facts: Facts, site: Site) -> list[Check]:
    return [
        Check("the engine answers", "docker version -f '{{.Server.Version}}'", _answers,
              "an answer", "`systemctl status docker` on the host tells why"),
        *docker_probe.checks(facts.service_user, site, open_files(facts)[0], facts.ssh_port or 22),
        *([_labels()] if facts.selinux else []),
    ]  # fmt: skip


def _no_such_source(system: System, docker: Docker) -> Check:
    return Check("docker.source", "true", lambda a: (False, docker.source),
                 " or ".join(system.sources), f"{system.name} has no other")  # fmt: skip


def _labels() -> Check:
    """SELinux labels containers only if daemon.json asks; then they may not read unlabelled files."""
    ask = "docker info -f '{{.SecurityOptions}}' | grep -q name=selinux && echo yes || echo no"
    return Check("SELinux separates containers from files", ask, lambda a: (
                 a.out.strip() == "no", a.out.strip()), "no",
                 "set \"selinux-enabled\": false in /etc/docker/daemon.json, or label the users' files:"
                 " `semanage fcontext -a -t container_file_t '/mnt(/.*)?'; restorecon -R /mnt`",
                 hard=False)  # fmt: skip


def _needed(site: Site) -> int:
    """Networks: one for each server that may run, some for services and for those that just left."""
    return (site.limits.servers or 50) + 14


def _room(site: Site) -> Callable[[Result], tuple[bool, str]]:
    """Docker passes over addresses that the host knows a way to; how many networks are left."""

    def expect(answer: Result) -> tuple[bool, str]:
        here = [ipaddress.IPv4Network(word, strict=False) for word in answer.out.split()
                if word[:1].isdigit()]  # fmt: skip
        made = [net for pool in site.docker.address_pools
                for net in ipaddress.IPv4Network(pool.base).subnets(new_prefix=pool.size)]  # fmt: skip
        taken = {net: [own for own in here if own.overlaps(net)] for net in made}
        free = sum(not owns for owns in taken.values())
        words = f"{free} networks"
        if free < len(made):
            used = sorted({str(own) for owns in taken.values() for own in owns})
            words = f"in use: {', '.join(used)}, which leaves {words}"
        return free >= _needed(site), words

    return expect


def _answers(answer: Result) -> tuple[bool, str]:
    if answer.code:
        return False, answer.out.strip()[-200:]
    return bool(matching(r"\d\S*", answer.out.strip())), "an answer"
