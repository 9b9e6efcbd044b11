"""The host's clock: compared with that of this machine, and set by it where nothing else does."""

from __future__ import annotations

import time

from ..answers import number, word
from ..check import Check
from ..state import Resource, State
from ..transport import Result

# Certificates and package lists are good from some minute on; the question itself takes its time.
TOLERATED_SECONDS = 120
QUESTION = """date +%s
timedatectl show -p NTPSynchronized --value 2>/dev/null | grep -qx yes && echo kept || echo alone"""
KEPT = "but it is kept by time servers (NTP)"


class Clock(Resource):
    """Not minutes off, before anything asks a certificate for its dates.

    Where time servers keep the host's clock it counts as right: then it is this machine that is off.
    """

    label = "clock"
    wanted = {"time": "right"}

    def question(self) -> str:
        """Seconds since 1970, and whether time servers keep it."""
        return QUESTION

    def parse(self, answer: Result) -> State:
        """How far it is off."""
        off, kept = _off(answer)
        return {"time": "right" if kept or not off else off}

    def note(self, was: State) -> str:
        """By whose."""
        return "set by the clock of the machine that you run from"

    def change(self, was: State) -> str:
        """Set it, the one that runs without power too, if there is one."""
        return f"date -s @{time.time():.0f} >/dev/null\nhwclock --systohc 2>/dev/null || :"


def as_here() -> Check:
    """The row of 00."""

    def expect(answer: Result) -> tuple[bool, str]:
        off, kept = _off(answer)
        return not off, f"{off}, {KEPT}" if off and kept else off or "the same"

    return Check("clock", QUESTION, expect, "as on the machine that you run from",
                 "one of the two is wrong, which breaks certificates and logins; runbook 02 sets the"
                 " host's, unless time servers keep it", hard=False)  # fmt: skip


def _off(answer: Result) -> tuple[str, bool]:
    """How far the clock is off, in words, "" if it is not; and whether time servers keep it."""
    there, _, state = answer.out.strip().partition("\n")
    seconds = number(there) - time.time()
    kept = word(Result(0, state), "kept", "alone") == "kept"
    if abs(seconds) <= TOLERATED_SECONDS:
        return "", kept
    return f"{_words(abs(seconds))} {'fast' if seconds > 0 else 'slow'}", kept


def _words(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds > 1.9 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
