"""ssh with keys only. What sshd itself says (`sshd -T`) counts: a file may be without effect.

sshd takes the first line that it reads of a kind: one of ours in front of a stricter one of somebody
else would weaken it, and one behind a weaker one does nothing. So only what is weaker than wanted is
written, and then sshd is asked again. What a `Match` block says of single users is left to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result
from .gone import Gone
from .services import UNREAD, unread

FILE = "/etc/ssh/sshd_config.d/10-cyberhubs.conf"  # before 50-cloud-init.conf
# what is written, and what is as good or stricter; sshd_config(5) has them
WANTED = {
    "PasswordAuthentication": ("no",),
    "KbdInteractiveAuthentication": ("no",),
    "PermitRootLogin": ("prohibit-password", "without-password", "forced-commands-only", "no"),
    "X11Forwarding": ("no",),
}
BEST = {**{key: good[0] for key, good in WANTED.items()}, UNREAD: "no"}
CUT_OFF = unread("sshd")  # `sshd -T` reads the files; what the running sshd has read it cannot tell
ASK = f"[ ! -e {CUT_OFF} ] || echo unread\nsshd -T 2>&1"
# Without our file first: what it says must not hide what others say.
CHANGE = """
f={}; unread={}; mkdir -p "${f%/*}"
weaker() { sshd -T | awk {}; }
back() { rm -f "$f" $begun; [ ! -e "$f.before" ] || mv -f "$f.before" "$f"; }
begun=$unread; [ ! -e "$unread" ] || begun=
: >"$unread"
[ ! -e "$f" ] || mv -f "$f" "$f.before"
lines=$(weaker) || { back; exit 1; }
if [ -n "$lines" ]; then
    (umask 022; printf '%s\\n' '# Written by runbook 02 (system.ssh_hardening).' "$lines" >"$f")
fi
left=$(weaker) && sshd -t || { back; exit 1; }
if [ -n "$left" ]; then
    back
    echo "nothing was changed: this would be without effect in $f: $left"
    echo "what sshd reads earlier counts:" $(ls /etc/ssh/sshd_config.d/*.conf /etc/ssh/sshd_config)
    echo "correct the line there; /etc/ssh/sshd_config needs at its top:"
    echo "Include /etc/ssh/sshd_config.d/*.conf"
    exit 1
fi
rm -f "$f.before"
systemctl reload {} && rm -f "$unread"
"""


def effective(answer: Result) -> dict[str, str]:
    """What counts of the settings in WANTED; one that is good enough as it is written there.

    And whether sshd may not have read it. Raises Unknown if sshd does not say.
    """
    lines = [line.partition(" ") for line in answer.out.splitlines()]
    said = {key: value.strip() for key, _, value in lines}
    found = {}
    for key, good in WANTED.items():
        value = said.get(key.lower(), "")
        if answer.code or not value:
            last = (answer.out.strip().splitlines() or ["nothing"])[-1]
            raise Unknown(f"`sshd -T` says: {last[:200]}")
        found[key] = good[0] if value in good else value
    return {**found, UNREAD: "yes" if "unread" in said else "no"}


def keys_only(answer: Result) -> tuple[bool, str]:
    """What Verify tells: whether all of it counts, or what is weaker."""
    try:
        found = effective(answer)
    except Unknown as unknown:
        return False, str(unknown)
    weak = [f"{key} {value}" for key, value in found.items() if value != BEST[key]]
    return not weak, ", ".join(weak) or "yes"


def no_keys_only(service: str) -> Gone:
    """What we wrote, taken away: then what others wrote counts, or sshd's own defaults."""
    return Gone(
        "ssh settings of this runbook",
        sh("ls {} 2>/dev/null; :", FILE),
        sh("rm -f {} && systemctl reload {}", FILE, service),
    )


@dataclass(frozen=True)
class KeysOnly(Resource):
    """Nobody comes in by a password."""

    service: str  # the unit of sshd

    label = "ssh with keys only"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """The settings, or stricter ones, and that sshd has read them."""
        return {**BEST}

    def question(self) -> str:
        """sshd itself."""
        return ASK

    def parse(self, answer: Result) -> State:
        """Raises Unknown."""
        return effective(answer)

    def note(self, was: State) -> str:
        """Why."""
        return "passwords are guessed all day"

    def change(self, was: State) -> str:
        """Our file with what is weaker without it; as it was if that has no effect."""
        program = "\n".join(
            f'$1 == "{key.lower()}" && $2 !~ /^({"|".join(good)})$/ {{ print "{key} {good[0]}" }}'
            for key, good in WANTED.items()
        )
        return sh(CHANGE, FILE, CUT_OFF, program, self.service)
