"""02: updates, packages, time, the service account."""

from __future__ import annotations

from ..check import Check
from ..facts import Facts
from ..params import Params
from ..resources.accounts import Account
from ..resources.packages import Package, PackageIndex, Updates
from ..resources.services import TimeService
from ..resources.trust import Authorities
from ..shell import sh
from ..site import Site
from ..transport import Result
from .recipe import Recipe, supported

PACKAGES = {
    "ca-certificates": "trust in the web's certificates",
    "curl": "looking at web addresses",
    "git": "the original's list",
    "rsync": "copies that can be continued",
    "sshfs": "data of other machines, in runbook 05",
    "wget": "the original's list",
}


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """One family for now: Debian and Ubuntu."""
    supported(facts)
    packages = {**PACKAGES, **{name: "asked for by the site" for name in site.extra_packages}}
    user = facts.service_user
    return Recipe(
        requirements=[
            Check("init system", "cat /proc/1/comm", _systemd, "systemd", "use an ordinary server"),
            Check("package manager", "dpkg --audit", _whole, "no half-installed packages",
                  "run `sudo dpkg --configure -a` on the host"),
            Check("free on /", "true", lambda a: (facts.root_free_gib >= 2,
                  f"{facts.root_free_gib} GiB"), "at least 2 GiB", "make room: `df -h` shows where"),
        ],
        steps={
            "trust": [Authorities({p.stem: p.read_bytes() for p in site.certificates()})],
            "index": [PackageIndex()],
            "updates": [Updates()],
            "packages": [Package(name, why) for name, why in sorted(packages.items())],
            "time": [TimeService()],
            "account": [Account(user, "owns the hub's settings and the shared directories")],
        },
        checks=[
            Check("a certificate of the web can be checked", TRUST, _trust, "a bundle is there"),
            Check("git runs", "git --version", _runs("git version"), "git version ..."),
            Check("sshfs runs", "sshfs --version", _runs("SSHFS version"), "SSHFS version ..."),
            Check(f"{user} can log in", sh("su -s /bin/sh -c 'cd && echo in' {}", user),
                  _runs("in"), "in its home"),
            Check("the clock", "timedatectl show -p NTPSynchronized --value", lambda a: (
                  a.out.strip() == "yes", a.out.strip() or "cannot be told"), "yes",
                  "wait a minute; does the host's way out let UDP port 123 pass?", hard=False),
            Check("restart needed", "[ -e /var/run/reboot-required ] && echo yes || echo no",
                  lambda a: (a.out.strip() == "no", a.out.strip()), "no",
                  "restart the host when nobody works: updates wait for it", hard=False),
        ],
    )  # fmt: skip


TRUST = "[ -s /etc/ssl/certs/ca-certificates.crt ] && echo 'a bundle is there'"


def _trust(answer: Result) -> tuple[bool, str]:
    return answer.code == 0, answer.out.strip() or "no bundle"


def _systemd(answer: Result) -> tuple[bool, str]:
    return answer.out.strip() == "systemd", answer.out.strip()


def _whole(answer: Result) -> tuple[bool, str]:
    good = answer.code == 0 and not answer.out.strip()
    return good, "no half-installed packages" if good else answer.out.strip()[:200]


def _runs(word: str):  # type: ignore[no-untyped-def]
    def expect(answer: Result) -> tuple[bool, str]:
        first = (answer.out.strip().splitlines() or ["nothing"])[0]
        good = answer.code == 0 and word in answer.out
        return good, f"{word} ..." if good and word != "in" else "in its home" if good else first

    return expect
