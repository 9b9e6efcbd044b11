"""Data of other machines, mounted here.

Whatever asks a mount has a time limit: one that is dead must be named, and not waited for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..answers import pairs
from ..errors import NotConverged
from ..host import Host
from ..shell import put, sh
from ..state import Resource, State, difference
from ..transport import Result
from .mount_units import Far, escape

PROGRAM = Path(__file__).parents[1] / "server" / "mounts" / "cyberhubs-mounts"
# The functions of the program that runs on the host every minute; the runbook waits less.
FUNCTIONS = f"set -- functions\n{PROGRAM.read_text()}\nseconds=5\n"


# What ssh says when a login fails -> the same in a few words, which do not change from try to try.
REASONS = {
    "Permission denied": "key not accepted",
    "Host key verification failed": "another host key",
    "Connection refused": "no ssh server",
    "Could not resolve": "unknown host name",
    **dict.fromkeys(("timed out", "reset by", "closed", "No route", "unreachable"), "no answer"),
}


# A dead mount says one or the other, as the time limit falls.
SILENT = ("no answer", "Input/output error", "Transport endpoint is not connected")


def reason(said: str) -> str:
    """The last line of ssh, in few words; as it is if we do not know it."""
    return next((r for words, r in REASONS.items() if words in said), said)


@dataclass(frozen=True)
class RemoteMount(Resource):
    """A mount unit: written, started at every boot, mounted now, and it answers."""

    path: str
    text: str  # of the unit
    read_only: bool = True
    far: Far | None = None  # sshfs
    advice: str = ""  # what to type at the other end, if it is not one for ssh

    @property
    def label(self) -> str:  # type: ignore[override]
        """mount PATH."""
        return f"mount {self.path}"

    @property
    def unit(self) -> str:
        """The unit's name."""
        return f"{escape(self.path)}.mount"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """The unit by its digest, and what a user notices."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:8]
        access = "read only" if self.read_only else "read and write"
        return {"now": "answers", "access": access, "boot": "enabled", "unit": digest}

    def question(self) -> str:
        """All of it, and if it does not answer, what the other end says to a login."""
        text = FUNCTIONS + sh("unit={} where={}\n", self.unit, self.path) + QUESTION
        if self.far:
            text += sh('key={}\necho "public=$(cat "$key.pub" 2>/dev/null)"\n', self.far.key)
            text += '[ "$now" = answers ] && exit\n'
            text += f'if [ ! -s "$key" ]; then said="no key yet"; else {self._login()}; fi\n'
            text += 'echo "far=$(echo "$said" | tail -n 1)"'
        return text

    def _login(self) -> str:
        """Shell text: `said` is why the other end refuses, "" if it does not."""
        assert self.far
        return f"if said=$({self.far.try_login()}); then said=; else said=${{said:-timed out}}; fi"

    def parse(self, answer: Result) -> State:
        """Never None: a mount has a place, mounted or not."""
        found = pairs(answer.out, "now")
        far = reason(found.get("far", ""))
        now = "does not answer" if found["now"] in SILENT else found["now"]
        if far and far != "no answer":
            now = f"{now}: {far}"
        options = found.get("options", "").split(",")
        state = {
            "now": now,
            "boot": "enabled" if found.get("boot") == "enabled" else "not enabled",
            "unit": found.get("unit", "")[:8] or "absent",
        }
        if options != [""]:
            state["access"] = "read only" if "ro" in options else "read and write"
        return {**state, "far": far, "public": found.get("public", "")}

    def line(self, public: str) -> str:
        """The line of ~/.ssh/authorized_keys at the other end."""
        return f"{self.far.restrictions} {public}" if self.far else ""

    def note(self, was: State) -> str:
        """What has to be typed at the other end, if that is what is missing."""
        was = was or {}
        if not self.far:
            return "" if was.get("now") == "answers" else self.advice
        if was.get("far") == "key not accepted":
            where = f"~/.ssh/authorized_keys of {self.far.user} at {self.far.host}"
            return f"add this line to {where}: {self.line(was['public'])}"
        if was.get("far") == "another host key":
            return (
                f"{self.far.host} does not show the host_key of the site file: ask its"
                " administrator before you change that line"
            )
        away = was.get("far") not in ("", "no key yet", None)
        return f"is {self.far.host} up, and does it let this host in?" if away else ""

    def change(self, was: State) -> str:
        """Write, enable, and mount anew; what is mounted stays if the other end refuses a login."""
        enable = sh("systemctl daemon-reload && systemctl enable -q {}", self.unit)
        if difference(was, self.wanted) == ["boot"]:
            return f"{enable} || failed=1"
        write = put(self.text.encode(), f"/etc/systemd/system/{self.unit}", "644", "root:root")
        login = self._login() if self.far else "said="
        return f"{login}\n" + sh(
            f'if [ -z "$said" ] || ! mounted {{}}; then ({write}) && {enable}; fi\n'
            'if [ -z "$said" ]; then\n'
            "again {} {} || journalctl -b -n 3 -o cat -u {}\n"
            "said=$(look {})\nfi\n"
            '[ "$said" = answers ] || { failed=1; echo {} "$(echo "$said" | tail -n 1)"; }',
            self.path, self.path, self.unit, self.unit, self.path, FAILED + self.path,
        )  # fmt: skip

    @classmethod
    def perform(
        cls, host: Host, items: Sequence[tuple[Resource, State]], tell: Callable[[str], None]
    ) -> None:
        """One after the other: a dead one does not keep the next from being mounted.

        Raises NotConverged that names those which are not there, with the way out; HostBusy.
        """
        # in one shell and not one each: what failed is counted
        changes = "\n".join(resource.change(was) for resource, was in items)
        script = f"{FUNCTIONS}failed=0\n{changes}\nexit $failed"
        result = host.change(script)
        if result.code:
            raise not_there(items, result.out + result.err)


def not_there(items: Sequence[tuple[Resource, State]], said: str) -> NotConverged:
    """The error that names each mount which did not come, and what to do about it."""
    lines = [line.removeprefix(FAILED) for line in said.splitlines() if line.startswith(FAILED)]
    why = {path: reason(rest) for path, _, rest in (line.partition(" ") for line in lines)}
    found = [(r, {**(was or {}), "far": why[r.path]}) for r, was in items
             if isinstance(r, RemoteMount) and r.path in why]  # fmt: skip
    return NotConverged(
        "; ".join(f"{mount.path}: {why[mount.path]}" for mount, _ in found) or "a change failed",
        expected="every mount answers; the others do",
        todo="\n            ".join(note for mount, state in found if (note := mount.note(state)))
        or "read the lines below, and run this again",
        evidence=said.strip(),
    )


FAILED = "did not come: "  # before path and reason, in what a change prints
QUESTION = """
echo "unit=$(sha256sum < "/etc/systemd/system/$unit" 2>/dev/null)"
echo "boot=$(systemctl is-enabled "$unit" 2>/dev/null)"
now=$(look "$where")
echo "now=$now"
echo "options=$(awk -v w="$where" '$5 == w { print $6 }' /proc/self/mountinfo | tail -n 1)"
"""
