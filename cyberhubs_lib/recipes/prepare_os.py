"""02: packages and updates, the service account, limits, the firewall, ssh, a restart."""

from __future__ import annotations

from ..answers import matching
from ..check import Check
from ..facts import Facts
from ..params import Params, SystemParams
from ..resources.accounts import Account
from ..resources.clock import Clock
from ..resources.daemon_json import open_files
from ..resources.firewall import NO_FIREWALL, Firewall, rules
from ..resources.kernel import Sysctl
from ..resources.restart import Restart
from ..resources.services import ClockRuns
from ..resources.sshd import ASK, KeysOnly, keys_only, no_keys_only
from ..resources.swap import NO_SWAP, ROOM_MIB, Swap, size
from ..resources.trust import Authorities
from ..shell import sh
from ..site import Site
from ..state import Resource
from ..systems.system import System
from ..transport import Result
from .recipe import Recipe, supported

PACKAGES = {
    "ca-certificates": "trust in the web's certificates",
    "curl": "looking at web addresses",
    "git": "sources that live on a git host",
    "rsync": "copies that can be continued",
    "sshfs": "data of other machines, in runbook 05",
    "wget": "what people expect, beside curl",
}


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """What is wanted of the host; how a system does it is in systems/."""
    system = supported(facts)
    assert isinstance(params, SystemParams)
    user = facts.service_user
    return Recipe(
        requirements=[
            Check("init system", "cat /proc/1/comm", _systemd, "systemd", "use an ordinary server"),
            Check("free on /", "true", lambda a: (facts.root_free_gib * 1024 >= ROOM_MIB,
                  f"{facts.root_free_gib} GiB"), "at least 2 GiB", "make room: `df -h` shows where"),
            *([Check("other firewalls", OTHERS, _others, "none", "turn it off (`sudo ufw disable`,"
                     " `sudo systemctl disable --now firewalld`), or set system.firewall to false")]
              if site.system.firewall else []),
            *system.missing("sshfs"),
        ],
        steps={
            "packages": _packages(system, site),
            "account": [Account(user, "owns the hub's settings and the shared directories")],
            "limits": _limits(facts, site),
            "firewall": _firewall(facts, site),
            "remote_login": [KeysOnly(system.ssh_service) if site.system.ssh_hardening else
                             no_keys_only(system.ssh_service)],
            "restart": [Restart(system.restart_needed)] if params.allow_reboot else [],
        },
        checks=_checks(facts, system, site, user),
    )  # fmt: skip


def _packages(system: System, site: Site) -> list[Resource]:
    wanted = {
        **PACKAGES,
        **system.extras,
        **{name: "asked for by the site" for name in site.extra_packages},
    }
    if site.system.firewall:
        wanted["nftables"] = "the packet filter"
    if system.from_docker(site.docker):
        wanted["gnupg"] = "compares the key of Docker's repository, in runbook 04"
    return [
        Clock(),
        system.packages_consistent(),
        Authorities({p.stem: p.read_bytes() for p in site.certificates()}, system.store),
        *system.index(),
        *system.packages(dict(sorted(wanted.items()))),
        system.clock(site.extra_packages),
        ClockRuns(),
        *system.automatic_updates(site.system.restart_at),
    ]


def _limits(facts: Facts, site: Site) -> list[Resource]:
    free = int(facts.root_free_gib * 1024)
    swap = size(site.system.swap, facts.memory_mib, free, facts.swapfile_mib)
    return [
        *[Sysctl(key, least, why) for key, (least, why) in SYSCTLS.items()],
        Swap(swap) if swap else NO_SWAP,
    ]


def open_ports(facts: Facts, site: Site) -> list[int]:
    """What the firewall lets in: ssh as it came, the web, the hub's own port, the site's wishes."""
    return sorted({facts.ssh_port or 22, 80, 443, site.port, *site.system.open_ports})


def _firewall(facts: Facts, site: Site) -> list[Resource]:
    if not site.system.firewall:
        return [NO_FIREWALL]
    ssh, opened = facts.ssh_port or 22, open_ports(facts, site)
    others = [port for port in opened if port != ssh]
    return [Firewall(rules(ssh, site.system.ssh_from, others), tuple(opened))]


def _checks(facts: Facts, system: System, site: Site, user: str) -> list[Check]:
    trust = f"[ -s {system.store.bundle} ] && echo 'a bundle is there'"
    wall = [Check("the packet filter is loaded", "nft list table inet cyberhubs | grep -c drop",
                  lambda a: (a.code == 0, "yes" if a.code == 0 else "no"), "yes",
                  "run this runbook again")] if site.system.firewall else []  # fmt: skip
    keys = [Check("ssh takes keys only", ASK, keys_only, "yes", "run this runbook again: it tells"
                  " what is in its way")] if site.system.ssh_hardening else []  # fmt: skip
    return [
        Check("a certificate of the web can be checked", trust, _trust, "a bundle is there"),
        Check("git runs", "git --version", _runs("git version"), "git version ..."),
        *([] if "sshfs" in system.lacks else [
            Check("sshfs runs", "sshfs --version", _runs("SSHFS version"), "SSHFS version ...")]),
        Check(f"{user} can log in", sh("su -s /bin/sh -c 'cd && echo in' {}", user),
              _runs("in"), "in its home"),
        Check("the clock", "timedatectl show -p NTPSynchronized --value", lambda a: (
              a.out.strip() == "yes", a.out.strip() or "cannot be told"), "yes",
              "wait a minute; does the host's way out let UDP port 123 pass?", hard=False),
        system.updates_come(),
        *wall,
        *keys,
        Check("restart needed", system.restart_needed, lambda a: (
              a.out.strip() == "no", a.out.strip()), "no",
              "when nobody works, run this again with -p allow_reboot true", hard=False),
        *_counts_for_whom(facts, site, user),
    ]  # fmt: skip


def _counts_for_whom(facts: Facts, site: Site, user: str) -> list[Check]:
    """Rows that only tell: of one login, of one user's server, of all together."""
    login = "su -s /bin/bash -c 'ulimit {}' {}"
    return [
        Check("processes of one login (limits.conf)", sh(login.format("-u", "{}"), user), _number,
              "for people on the host only"),
        Check("processes of one user's server", "true", lambda a: (
              True, str(site.limits.processes)), "limits.processes of the site"),
        Check("processes of all together", "cat /proc/sys/kernel/threads-max", _number,
              "kernel.threads-max"),
        Check("process numbers of all together", "cat /proc/sys/kernel/pid_max", _number,
              "kernel.pid_max"),
        Check("open files of one login (limits.conf)", sh(login.format("-n", "{}"), user), _number,
              "for people on the host only"),
        Check("open files of one program in a user's server", "true", lambda a: (
              True, str(open_files(facts)[0])), "default-ulimits of Docker, which 04 sets"),
    ]  # fmt: skip


# Values that a host with many containers needs. All containers run as one uid, and what Linux
# counts per uid they share.
SYSCTLS = {
    "fs.inotify.max_user_instances": (1024, "each server watches files; counted per uid, shared"),
    "fs.inotify.max_user_watches": (524288, "one a watched directory; counted per uid, shared"),
    "vm.max_map_count": (262144, "memory-mapped files of large data"),
    "net.core.somaxconn": (4096, "connections that wait while everybody logs in at once"),
    "kernel.pid_max": (131072, "processes and threads of all servers together"),
    "kernel.threads-max": (65536, "the same, as the kernel counts them"),
}
OTHERS = "for u in ufw firewalld; do systemctl is-active -q $u && echo $u; done; :"


def _others(answer: Result) -> tuple[bool, str]:
    names = ", ".join(answer.out.split())
    return not names, names or "none"


def _number(answer: Result) -> tuple[bool, str]:
    return True, matching(r"\d+|unlimited", answer.out.strip())


def _trust(answer: Result) -> tuple[bool, str]:
    return answer.code == 0, answer.out.strip() or "no bundle"


def _systemd(answer: Result) -> tuple[bool, str]:
    return answer.out.strip() == "systemd", answer.out.strip()


def _runs(word: str):  # type: ignore[no-untyped-def]
    def expect(answer: Result) -> tuple[bool, str]:
        first = (answer.out.strip().splitlines() or ["nothing"])[0]
        good = answer.code == 0 and word in answer.out
        return good, f"{word} ..." if good and word != "in" else "in its home" if good else first

    return expect
