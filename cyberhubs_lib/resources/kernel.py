"""Kernel settings that many containers need: at least so much, never less than the host has."""

from __future__ import annotations

from dataclasses import dataclass

from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result

FILE = "/etc/sysctl.d/60-cyberhubs.conf"


@dataclass(frozen=True)
class Sysctl(Resource):
    """One setting, now and at every boot."""

    key: str
    at_least: int
    why: str = ""

    @property
    def label(self) -> str:  # type: ignore[override]
        """Its name."""
        return self.key

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Enough now, and kept for the next boot."""
        return {"now": f"at least {self.at_least}", "boot": "kept"}

    def question(self) -> str:
        """The value, and what our file says."""
        return sh(
            "cat {} || exit 9\nsed -n {} {} 2>/dev/null | tail -n 1",
            self._path,
            rf"s/^{self.key} *= *\([0-9]*\)$/\1/p",
            FILE,
        )

    def parse(self, answer: Result) -> State:
        """More than enough is enough. Unknown where the kernel has no such setting."""
        lines = answer.out.split()
        if answer.code or not lines or not lines[0].isdigit():
            raise Unknown(f"this kernel does not show {self.key}")
        kept = int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0
        value = int(lines[0])
        return {
            "now": f"at least {self.at_least}" if value >= self.at_least else str(value),
            "boot": "kept" if kept >= self.at_least else "not kept",
            "value": str(value),
        }

    def note(self, was: State) -> str:
        """What it is for."""
        return self.why

    def change(self, was: State) -> str:
        """Our line of the file, other lines as they are; and the value, unless it is higher."""
        value = max(self.at_least, int((was or {}).get("value", "0")))
        return sh(
            "t=$(mktemp {}.XXXXXX)\n{ grep -v {} {} || :; echo {}; } > \"$t\" 2>/dev/null\n"
            'chmod 644 "$t"; mv -f "$t" {}\n[ "$(cat {})" -ge {} ] || echo {} > {}',
            FILE, f"^{self.key} *=", FILE, f"{self.key} = {value}", FILE,
            self._path, value, value, self._path,
        )  # fmt: skip

    @property
    def _path(self) -> str:
        return "/proc/sys/" + self.key.replace(".", "/")
