"""A restart of the host, if updates wait for one and the operator allows it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..change import LOST
from ..errors import ConnectError, ConnectionLost, NoAnswer, NotConverged
from ..host import Host, failed
from ..shell import put
from ..state import Resource, State, Unknown
from ..transport import Result

# Debian's tools leave the file, which a restart takes away. Beside it counts a kernel of the flavour at
# work (cloud-amd64 of 6.1.0-38-cloud-amd64) that came since the boot and is not older: so never one
# that the machine was started without, because it is pinned or its provider chose another.
NEEDED = r"""
flavour() { echo "$1" | sed -E 's/^[0-9][^-]*-([0-9]+-)?//'; }
last() { sort -V | tail -n 1; }
if [ -e /run/reboot-required ]; then echo yes; exit; fi
since=$(sed -n 's/^btime //p' /proc/stat)  # in a container it starts later than its machine:
since=$((since + $(cut -d ' ' -f 22 /proc/1/stat) / $(getconf CLK_TCK)))
now=$(uname -r)
k=$(for f in /boot/vmlinuz-*; do
    k=${f#/boot/vmlinuz-}
    [ -e "$f" ] && [ "$(flavour "$k")" = "$(flavour "$now")" ] &&
        [ "$(stat -c %Z "$f")" -ge "$since" ] && echo "$k"
done | last)
if [ -n "$k" ] && [ "$(printf '%s\n' "$now" "$k" | last)" = "$k" ]; then echo "yes: kernel $k waits"
else echo no; fi
"""
# dnf's plugin looks for kernel, glibc, systemd and the like that are younger than the boot.
DNF_NEEDED = """
r=$(dnf -q -C needs-restarting -r 2>&1)
case $r in
*"Reboot is required"*) echo "yes: $(echo "$r" | sed -n 's/^ *\\* //p' | paste -sd ' ')";;
*"No such command"*) echo "no: cannot be told before package dnf-plugins-core is there";;
*) echo no;;
esac
"""
RESTART_UNIT = "cyberhubs-restart.service"
RESTART_TIMER = "cyberhubs-restart.timer"
# Another boot, or another first process: in a container only that one changes.
BOOT = "cat /proc/sys/kernel/random/boot_id; cut -d ' ' -f 22 /proc/1/stat"
SECONDS = 300


@dataclass(frozen=True)
class Restart(Resource):
    """The host restarted since its last update that needs it."""

    needed: str = NEEDED

    label = "restart"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Not needed."""
        return {"needed": "no"}

    def question(self) -> str:
        """Is one needed, and why."""
        return self.needed

    def parse(self, answer: Result) -> State:
        """One line. Unknown while the tool that tells is not there."""
        word, _, why = answer.out.strip().partition(": ")
        if word == "no" and why:
            raise Unknown(why)
        return {"needed": answer.out.strip() or "no"}

    def note(self, was: State) -> str:
        """Who notices."""
        return "everybody's servers stop; files stay"

    @classmethod
    def perform(
        cls, host: Host, items: Sequence[tuple[Resource, State]], tell: Callable[[str], None]
    ) -> None:
        """Restart, and wait for the host to be back.

        A change like others: not while another run is at work; and as soon as it began, systemd starts
        no other. Raises HostBusy, CommandFailed, and NotConverged after five minutes.
        """
        before = host.read(BOOT)
        with contextlib.suppress(ConnectionLost):  # the host may go before it has answered
            result = host.change("systemctl reboot")
            if result.code not in (0, LOST):
                raise failed("systemctl reboot", result)
        host.reconnect()
        tell("the host restarts")
        end = time.monotonic() + SECONDS
        while not _is_back(host, before):
            if time.monotonic() > end:
                raise NotConverged(
                    f"{host.name} did not come back within {SECONDS} s after its restart",
                    expected="an ssh connection to the host, started anew",
                    todo="look at its console, at your provider's; then run this again",
                )
            time.sleep(1)
        host.run("systemctl is-system-running --wait", seconds=SECONDS)


def _is_back(host: Host, before: str) -> bool:
    try:
        return host.read(BOOT) != before
    except (ConnectError, NoAnswer):
        return False


@dataclass(frozen=True)
class RestartTimer(Resource):
    """A restart at this hour if one is needed, by a timer that starts RESTART_UNIT; "" is never."""

    at: str

    label = f"timer {RESTART_TIMER}"
    file = f"/etc/systemd/system/{RESTART_TIMER}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """The hour."""
        return {"restarts": self.at or "never"}

    def question(self) -> str:
        """The hour, if the timer runs."""
        return (
            f"systemctl is-enabled -q {RESTART_TIMER} 2>/dev/null &&"
            f" systemctl is-active -q {RESTART_TIMER} && sed -n 's/^OnCalendar=//p' {self.file}; :"
        )

    def parse(self, answer: Result) -> State:
        """One line."""
        return {"restarts": answer.out.strip() or "never"}

    def note(self, was: State) -> str:
        """When."""
        return "if an update needs it" if self.at else "never restarts by itself"

    def change(self, was: State) -> str:
        """Write and start it, or take it away."""
        if not self.at:
            stop = f"systemctl disable -q --now {RESTART_TIMER}"
            return f"{stop}\nrm -f {self.file}\nsystemctl daemon-reload"
        text = (
            f"[Unit]\nDescription=Restart for updates that need it\n[Timer]\nOnCalendar={self.at}\n"
            "[Install]\nWantedBy=timers.target\n"
        )
        return put(text.encode(), self.file, "644", "root:root") + (
            f"\nsystemctl daemon-reload\nsystemctl enable -q {RESTART_TIMER}\n"
            f"systemctl restart {RESTART_TIMER}"
        )
