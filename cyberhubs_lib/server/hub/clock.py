"""The time, as decisions about access need it."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from pathlib import Path

BEHIND = 60  # seconds by which a clock may be set back without a word


class Clock:
    """The time, which never goes back: a window that has closed does not open again.

    Remembered in a file's time, so that a machine that wakes with a wrong clock is noticed. After
    one jump ahead it stands still until that time has come: `real` is for all that has to go on.
    """

    def __init__(self, path: Path):
        self.path = path

    def now(self) -> datetime:
        """Now, or the latest time that was ever seen."""
        try:
            last = self.path.stat().st_mtime
        except OSError:
            last = 0.0
        current = self.real().timestamp()
        if current > last + 1:
            self.path.touch()
            os.utime(self.path, (current, current))
        return datetime.fromtimestamp(max(current, last), timezone.utc)

    def real(self) -> datetime:
        """What the machine's clock says."""
        return datetime.fromtimestamp(time.time(), timezone.utc)

    def doubt(self) -> str:
        """A sentence for an administrator while the remembered time is ahead, else ""."""
        now, real = self.now(), self.real()
        if (now - real).total_seconds() <= BEHIND:
            return ""
        return (
            f"the clock says {real:%Y-%m-%d %H:%M} UTC, but {now:%Y-%m-%d %H:%M} was seen before:"
            " until then no window is open. If the clock is right now, `access open` forgets it"
        )
