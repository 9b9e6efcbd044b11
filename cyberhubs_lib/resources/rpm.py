"""Packages where dnf rules: index, updates, EPEL, and whether all is whole."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..answers import Garbled, word
from ..state import Resource, State, Unknown
from ..transport import Result
from .packages import DNF_COMMAND, MINUTES, STAMP, ConsistentPackages, PackageIndex, Updates

# -C: from what was read before, so that looking neither waits for the network nor changes anything
CACHED = "dnf -C"
INDEX_READ = "ls /var/cache/dnf/*/repodata/repomd.xml >/dev/null 2>&1"


class ConsistentRpms(ConsistentPackages):
    """No package is there twice or without what it needs, as after a transaction that was cut off."""

    def question(self) -> str:
        """What dnf finds."""
        return f"{CACHED} -q check --dependencies --duplicates && echo whole"

    def parse(self, answer: Result) -> State:
        """Its words, if it found something."""
        if answer.code:
            said = answer.out.strip()[:200] or f"dnf check ended with {answer.code}"
            return {"state": said}
        if answer.out.split()[-1:] != ["whole"]:
            raise Garbled(answer.out)
        return dict(self.wanted)

    def note(self, was: State) -> str:
        """What is done."""
        return "the older of two is removed, by `dnf remove --duplicates`"

    def change(self, was: State) -> str:
        """It fails if there are none: then what is missing must be put right by hand."""
        return "dnf -q -y remove --duplicates || :"


class DnfIndex(PackageIndex):
    """The list of what can be installed: of all repositories, not older than two days."""

    options = ""  # of dnf, when it is asked whether it has all

    def question(self) -> str:
        """Young, old, or never read; dnf's own timer and every transaction read it as well.

        Where it has nothing of a repository that was added since then, dnf tells nothing of any.
        """
        return (
            f"if ! {INDEX_READ}; then echo never\n"
            f"elif ! find {STAMP} /var/cache/dnf/*/repodata/*primary* -maxdepth 0 -mmin -{MINUTES}"
            " 2>/dev/null | grep -q .\nthen echo old\n"
            f"elif {CACHED} -q{self.options} repoquery no-such-package >/dev/null 2>&1\n"
            "then echo young; else echo part; fi"
        )

    def parse(self, answer: Result) -> State:
        """The age in words, or what is missing."""
        part = answer.out.strip() == "part"
        return {"age": "not of all repositories"} if part else super().parse(answer)

    def change(self, was: State) -> str:
        """Read it."""
        return f"dnf -q --refresh makecache\nmkdir -p {STAMP.rpartition('/')[0]}\ntouch {STAMP}"


class DnfUpdates(Updates):
    """Updates of what is installed, within the release."""

    def question(self) -> str:
        """What an upgrade would do; answered no."""
        return f"{INDEX_READ} || exit 9\n{CACHED} --assumeno upgrade"

    def parse(self, answer: Result) -> State:
        """The summary's counts; exit code 1 is both `answered no` and an error."""
        if answer.code == 9:
            raise Unknown("the package index was never read")
        counts = re.findall(r"^(?:Install|Upgrade|Downgrade) +(\d+) Packages?$", answer.out, re.M)
        if answer.code and not counts:
            raise Unknown("dnf cannot plan an upgrade: " + answer.out.strip()[-200:])
        return {"waiting": f"{sum(map(int, counts))} packages"}

    def change(self, was: State) -> str:
        """Install them; rpm itself keeps configuration files that were edited."""
        return f"{DNF_COMMAND} upgrade"

    change_all = Resource.change_all  # dnf's upgrade installs nothing new that is named


@dataclass(frozen=True)
class Epel(Resource):
    """Fedora's packages for Enterprise Linux; their key comes with a package of the system's own."""

    label = "repository EPEL"
    file = "/etc/yum.repos.d/epel.repo"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Enabled."""
        return {"state": "enabled"}

    def question(self) -> str:
        """The first switch of its section."""
        return (
            f"[ -f {self.file} ] || {{ echo absent; exit 0; }}\n"
            rf"sed -n '/^\[epel\]/,/^\[[^e]/s/^enabled *= *//p' {self.file} | head -n 1"
        )

    def parse(self, answer: Result) -> State:
        """None if it was never there."""
        found = word(answer, "absent", "", "0", "1")
        return None if found == "absent" else {"state": "enabled" if found == "1" else "disabled"}

    def note(self, was: State) -> str:
        """What it is for."""
        return "sshfs is there and not in the system"

    def change(self, was: State) -> str:
        """Install the package that names it, or switch it on; read its index."""
        get = f"{DNF_COMMAND} install epel-release"
        switch = rf"sed -i '/^\[epel\]/,/^\[/s/^enabled *=.*/enabled=1/' {self.file}"
        return f"{get if was is None else switch}\ndnf -q --repo=epel makecache"
