"""04: the Docker engine, its settings, and who may use it."""

from __future__ import annotations

from ..check import Check
from ..facts import Facts
from ..params import Params
from ..resources.accounts import Membership
from ..resources.docker import DaemonSettings, Engine
from ..resources.services import Service
from ..shell import sh
from ..site import Site
from ..transport import Result
from .recipe import Recipe, supported

# A container of the host's own shell: the proof that containers run needs no registry.
PROBE = r"""
i=cyberhubs/probe:check
tar -chf - /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*') 2>/dev/null | docker import - $i >/dev/null
docker run --rm --network none --log-driver none $i /bin/sh -c 'echo a container runs'; c=$?
docker rmi -f $i >/dev/null; exit $c
"""
REGISTRY = "curl -s -o /dev/null -m 4 -w '%{http_code}' https://registry-1.docker.io/v2/ || :"


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """The distribution's engine; compose v2 where the distribution has it."""
    supported(facts)
    compose = _compose_package(facts)
    user = facts.service_user
    packages = ["docker.io", "iptables", *([compose] if compose else [])]
    if facts.id == "debian" and facts.version >= "13":
        packages.append("docker-cli")
    return Recipe(
        requirements=[
            Check("init system", "cat /proc/1/comm", lambda a: (a.out.strip() == "systemd",
                  a.out.strip()), "systemd", "use an ordinary server"),
            Check("package index", "ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1",
                  lambda a: (a.code == 0, "read" if a.code == 0 else "never read"), "read",
                  "run 02_prepare_os first"),
            Check(f"account {user}", sh("id -u {}", user),
                  lambda a: (a.code == 0, "exists" if a.code == 0 else "missing"), "exists",
                  "run 02_prepare_os first"),
        ],
        steps={
            "settings": [DaemonSettings()],
            "engine": [Engine(tuple(packages), compose=bool(compose))],
            "service": [Service("docker.service")],
            "account": [Membership(user, "docker", "may use Docker without sudo")],
        },
        checks=[
            Check("the engine answers", "docker info -f '{{.ServerVersion}}'", _answers,
                  "an answer", "`systemctl status docker` on the host tells why"),
            Check("a container runs", PROBE, _said("a container runs"), "a container runs",
                  "`journalctl -u docker` on the host tells why"),
            Check(f"{user} may use Docker",
                  sh("su -s /bin/sh -c 'docker ps -q >/dev/null && echo ok' {}", user),
                  _said("ok"), "ok"),
            Check("Docker Hub can be reached", REGISTRY, _registry, "yes",
                  "without it, images are built on the host or copied from here: runbook 08",
                  hard=False),
        ],
    )  # fmt: skip


def _compose_package(facts: Facts) -> str:
    """The package with compose v2: Debian 13's, Ubuntu's; Debian 12 has only v1, so none."""
    if facts.id == "debian":
        return "docker-compose" if facts.version >= "13" else ""
    return "docker-compose-v2"


def _answers(answer: Result) -> tuple[bool, str]:
    return answer.code == 0, "an answer" if answer.code == 0 else answer.out.strip()[-200:]


def _said(word: str):  # type: ignore[no-untyped-def]
    def expect(answer: Result) -> tuple[bool, str]:
        good = answer.code == 0 and word in answer.out.splitlines()
        return good, word if good else answer.out.strip()[-200:]

    return expect


def _registry(answer: Result) -> tuple[bool, str]:
    good = answer.out.strip() in ("200", "401")
    return good, "yes" if good else "no"
