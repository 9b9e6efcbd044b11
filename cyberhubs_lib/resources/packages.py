"""Packages: what is installed, by whichever manager; index and updates of Debian and Ubuntu."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..answers import Garbled, word
from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result

# When the index was read: by us, by apt's daily timer, and where apt keeps what it is fetching
STAMP = "/var/lib/cyberhubs/index-read"
STAMPS = f"{STAMP} /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists/partial"
MINUTES = 2880  # the daily timer waits up to half a day longer than a day
APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300"
DNF_COMMAND = "dnf -q -y --setopt=install_weak_deps=False"  # it waits for the lock by itself

# dpkg's words; it and rpm say nothing of a package that they do not know
STATES = ("installed", "", "not-installed", "config-files", "half-installed", "unpacked",
          "half-configured", "triggers-awaited", "triggers-pending")  # fmt: skip


@dataclass(frozen=True)
class Manager:
    """Shell text: `install`, names follow; `state` with a name for {} prints `installed` or not."""

    install: str
    state: str


# Names may follow, and are installed; configuration files that were edited stay
UPGRADE = (
    f"{APT} -o Dpkg::Options::=--force-confold --no-install-recommends --with-new-pkgs upgrade"
)
APT_GET = Manager(
    f"{APT} --no-install-recommends install",
    "dpkg-query -W -f '${db:Status-Status}' {} 2>/dev/null || :",
)
# a file or an ability, such as /usr/bin/curl or perl(Socket), counts as a name
DNF = Manager(
    f"{DNF_COMMAND} install",
    "rpm -q --whatprovides {} >/dev/null 2>&1 && echo installed || :",
)

# Of what an upgrade would do, its last line; apt 3 has another one of its own, and apt-get the old one.
SUMMARY = r"^\d+ upgraded, \d+ newly installed|^ *Upgrading: +\d+"
# What is installed in another version than the index offers. If nothing is, an upgrade has nothing to
# do, and its simulation (0.6 s; this takes 0.04 s) is left out. If something is, it may be held, or
# wait its turn: the simulation tells. No answer at all is left to the simulation, too.
NEWER = """apt-cache policy $(dpkg-query -W -f '${binary:Package} ') |
awk '$1 == "Installed:" {i = $2} $1 == "Candidate:" {n = 1; if (i != "(none)" && $2 != i) print}
END {if (!n) print "no answer"}'"""


@dataclass(frozen=True)
class ConsistentPackages(Resource):
    """No installation was cut off half way, as by a power cut. One that is at work is none."""

    label: str = "package manager"
    wanted = {"state": "no half-installed packages"}

    def question(self) -> str:
        """What is in no final state; dpkg's own journal has numbers for names."""
        return (
            "if grep -qsx dpkg /proc/[0-9]*/comm; then echo whole; exit; fi\n"
            "form='${db:Status-Status} ${db:Status-Eflag} ${binary:Package}\\n'\n"
            'all=$(dpkg-query -W -f "$form") || exit\n'
            "echo \"$all\" | grep -v '^[a-z-]* ok ' | sed 's/^/half-installed /'\n"
            "echo \"$all\" | grep ' ok ' | grep -v '^\\(installed\\|config-files\\|not-installed\\) '\n"
            "ls /var/lib/dpkg/updates | grep -q '^[0-9]' && echo interrupted ok dpkg\n"
            "echo whole"
        )

    def parse(self, answer: Result) -> State:
        """The states that are there, and the packages. Unknown if dpkg cannot read its own list."""
        if answer.code:
            raise Unknown("dpkg cannot read its list of packages: " + answer.out.strip()[-200:])
        *rows, end = [line.split() for line in answer.out.strip().splitlines()] or [[]]
        if end != ["whole"] or any(len(row) < 3 for row in rows):
            raise Garbled(answer.out)
        names = ", ".join(sorted({row[-1] for row in rows}))
        states = ", ".join(sorted({row[0] for row in rows}))
        return {"state": f"{states}: {names}"} if rows else dict(self.wanted)

    def note(self, was: State) -> str:
        """What is done."""
        return "what was cut off is ended, by `dpkg --configure -a` and `apt-get -f install`"

    def change(self, was: State) -> str:
        """End what was unpacked, get once more what was not. dpkg does not wait for its lock."""
        return f"""n=0
export DEBIAN_FRONTEND=noninteractive
until said=$(dpkg --force-confdef --force-confold --configure -a 2>&1); do
    n=$((n + 1))
    case $said in *lock*) [ $n -lt 60 ] && sleep 5 ;; *) false ;; esac || break
done
{APT} -o Dpkg::Options::=--force-confold --no-remove -f install"""


@dataclass(frozen=True)
class PackageIndex(Resource):
    """The list of what can be installed; not older than two days."""

    label: str = "package index"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Read within two days."""
        return {"age": "under two days"}

    def question(self) -> str:
        """Young, old, or never read."""
        return (
            "if ! ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; then echo never\n"
            f"elif find {STAMPS} -maxdepth 0 -mmin -{MINUTES} 2>/dev/null | grep -q .\n"
            "then echo young; else echo old; fi"
        )

    def parse(self, answer: Result) -> State:
        """The age in words."""
        ages = {"young": "under two days", "old": "over two days", "never": "never read"}
        return {"age": ages[answer.out.strip()]}

    def change(self, was: State) -> str:
        """Read it."""
        # on a fresh machine the first automatic update may hold the lock of the lists
        again = (
            "for i in 1 2 3 4 5 6; do apt-get -q -o APT::Update::Error-Mode=any update && break;"
        )
        again += ' [ "$i" = 6 ] && exit 1; sleep 20; done'
        return f"{again}\nmkdir -p {STAMP.rpartition('/')[0]}\ntouch {STAMP}"


@dataclass(frozen=True)
class Package(Resource):
    """One package; neighbours are installed in one transaction."""

    name: str
    why: str = ""
    after: str = ""  # shell text to run when it is installed
    manager: Manager = APT_GET

    @property
    def label(self) -> str:  # type: ignore[override]
        """package NAME."""
        return f"package {self.name}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Installed, any version: updates are their own step."""
        return {"state": "installed"}

    def question(self) -> str:
        """Ask the manager's own records."""
        return sh(self.manager.state, self.name)

    def parse(self, answer: Result) -> State:
        """Installed or missing (a removed package with its settings left counts as missing)."""
        return {"state": "installed" if word(answer, *STATES) == "installed" else "missing"}

    def note(self, was: State) -> str:
        """What it is for."""
        return self.why

    def change(self, was: State) -> str:
        """Install this one."""
        return self.change_all([(self, was)])

    @classmethod
    def change_all(cls, items: Sequence[tuple[Resource, State]]) -> str:
        """One transaction for all, apt's updates among them; one host has one manager."""
        packages = [resource for resource, _ in items if isinstance(resource, Package)]
        places = " ".join("{}" for _ in packages)
        how = packages[0].manager.install if len(packages) == len(items) else UPGRADE
        command = sh(f"{how} {places}", *[p.name for p in packages])
        return "\n".join([command, *[p.after for p in packages if p.after]])


@dataclass(frozen=True)
class Updates(Resource):
    """Updates of what is installed, within the release; new kernels are new packages."""

    label: str = "updates"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """None left."""
        return {"waiting": "0 packages"}

    def question(self) -> str:
        """What an upgrade would do; simulated, as anybody may."""
        return (
            "ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || exit 9\n"
            f'[ -n "$({NEWER})" ] || exit 0\n'
            "apt-get -q -s -o Debug::NoLocking=true --with-new-pkgs upgrade"
        )

    def parse(self, answer: Result) -> State:
        """The number of packages that would be installed anew."""
        if answer.code == 9:
            raise Unknown("the package index was never read")
        if answer.code:
            raise Unknown("apt cannot plan an upgrade: " + answer.out.strip()[-200:])
        if answer.out.strip() and not re.search(SUMMARY, answer.out, re.M):
            raise Garbled(answer.out)
        return {"waiting": f"{len(re.findall(r'^Inst ', answer.out, re.M))} packages"}

    def change(self, was: State) -> str:
        """Install them."""
        return self.change_all([(self, was)])

    change_all = Package.change_all
