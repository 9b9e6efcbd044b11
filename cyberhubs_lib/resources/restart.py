"""A restart of the host, if updates wait for one and the operator allows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import ConnectError, NotConverged
from ..host import Host
from ..state import Resource, State
from ..transport import Result

# Debian's tools leave the file; a newer kernel than the one at work counts as well.
NEEDED = """
k=$(ls -v /boot/vmlinuz-* 2>/dev/null | tail -n 1); k=${k#/boot/vmlinuz-}
if [ -e /run/reboot-required ]; then echo yes
elif [ -n "$k" ] && [ "$k" != "$(uname -r)" ]; then echo "yes: kernel $k waits"
else echo no; fi
"""
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
        """One line."""
        return {"needed": answer.out.strip() or "no"}

    def note(self, was: State) -> str:
        """Who notices."""
        return "everybody's servers stop; files stay"

    @classmethod
    def perform(
        cls, host: Host, items: Sequence[tuple[Resource, State]], tell: Callable[[str], None]
    ) -> None:
        """Restart, and wait for the host to be back. Raises NotConverged after five minutes."""
        before = host.read(BOOT)
        host.run("(sleep 1; systemctl reboot) >/dev/null 2>&1 &")
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
        host.run("systemctl is-system-running --wait")


def _is_back(host: Host, before: str) -> bool:
    try:
        return host.read(BOOT) != before
    except ConnectError:
        return False
