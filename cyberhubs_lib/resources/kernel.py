"""Kernel settings that many containers need: at least so much, never less than the host has."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result

# systemd reads the files of all its directories in the order of their names, and the last one counts.
# So ours comes behind 99-sysctl.conf, which is /etc/sysctl.conf, and behind local.conf and the like.
FILE = "/etc/sysctl.d/zz-cyberhubs.conf"
OLD = "/etc/sysctl.d/60-cyberhubs.conf"  # as it was called once: others could come behind it
# The last value that the next boot will set, and the file that it is from.
AT_BOOT = r"""/usr/lib/systemd/systemd-sysctl --cat-config 2>/dev/null | LC_ALL=C awk -v key={} '
  /^# \/.*\.conf$/ { file = $2 }
  /^[ \t]*[#;]/ || !(at = index($0, "=")) { next }
  { name = substr($0, 1, at - 1); gsub(/^[ \t]*-?|[ \t]+$/, "", name); gsub("/", ".", name)
    if (name == key) { value = substr($0, at + 1); gsub(/[ \t]/, "", value); from = file } }
  END { print value; print from }'
"""
# Every line but those of this key, then ours.
EDIT = """
t=$(mktemp {}.XXXXXX) && touch {} && { grep -av {} {} || [ $? = 1 ]; } > "$t" &&
  echo {} >> "$t" && chmod 644 "$t" && mv -f "$t" {} || { rm -f "$t"; exit 1; }
"""


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
        """The value; what the next boot will make of it, and by which file."""
        return sh("cat {} || exit 9\n", self._path) + sh(AT_BOOT, self.key)

    def parse(self, answer: Result) -> State:
        """More than enough is enough. Unknown where the kernel has no such setting."""
        value, kept, file = [*answer.out.splitlines(), "", "", ""][:3]
        if answer.code or not _number(value):
            raise Unknown(f"this kernel does not show {self.key}")
        good = _number(kept) and int(kept) >= self.at_least and file != OLD
        found = f"{kept} by {file}" if kept else "not kept"
        return {
            "now": f"at least {self.at_least}" if int(value) >= self.at_least else value,
            "boot": "kept" if good else found,
            "value": str(max(int(value), int(kept) if _number(kept) else 0)),
        }

    def note(self, was: State) -> str:
        """What it is for."""
        return self.why

    def change(self, was: State) -> str:
        """Our line of the file if it is needed, other lines as they are; and the value now."""
        was = was or {}
        value = max(self.at_least, int(was.get("value", "0")))
        texts = []
        if was.get("boot") != "kept":
            texts += [sh("[ ! -e {} ] || { cat {} >> {} && rm -f {}; }", OLD, OLD, FILE, OLD)]
            own = rf"^{re.escape(self.key)} *="
            texts += [sh(EDIT, FILE, FILE, own, FILE, f"{self.key} = {value}", FILE)]
        now = '[ "$(cat {})" -ge {} ] || echo {} > {}'
        return "\n".join([*texts, sh(now, self._path, value, value, self._path)])

    @property
    def _path(self) -> str:
        return "/proc/sys/" + self.key.replace(".", "/")


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit()
