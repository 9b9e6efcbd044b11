"""Homes of users from before there was a limit of disk space: plain directories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..shell import sh
from ..state import Resource, State
from ..transport import Result
from .docker import ALONE

SOURCE = Path(__file__).parent.parent / "server" / "homes" / "cyberhubs-homes"
PROGRAM = f"/usr/local/sbin/{SOURCE.name}"

# Names of the plain ones that hold anything. With quotas of xfs a home may stay a directory.
PLAIN = r"""
homes={} images={}
older() {
  ! findmnt -nro FSTYPE,OPTIONS --target "$homes" | grep -Eq '^xfs .*(prjquota|pquota)' || return 0
  for d in "$homes"/*; do
    case ${d##*/} in [!a-z0-9]* | *[!a-z0-9_-]*) continue ;; esac
    [ -d "$d" ] && [ ! -L "$d" ] && ! mountpoint -q "$d" && [ ! -e "$images/${d##*/}.ext4" ] || continue
    [ -z "$(ls -A "$d")" ] || echo "${d##*/}"
  done
}
"""
CANNOT_TELL = "?"  # is nobody's name
RUNNING = f"""
if [ -n "$(older 2>/dev/null)" ] && {ALONE}; then echo '{CANNOT_TELL}'; fi
for name in $(older 2>/dev/null); do
  [ -z "$(docker ps -q --filter "volume=$homes/$name" 2>/dev/null)" ] || echo "$name"
done
"""


def in_use(homes: str, images: str) -> str:
    """Shell text: whose home is a plain directory while the own server runs, one name a line.

    CANNOT_TELL if containers run without the engine, which alone knows whose they are.
    """
    return sh(PLAIN, homes, images) + RUNNING


@dataclass(frozen=True)
class OlderHomes(Resource):
    """Every home has the limit; one that is a plain directory with files is copied, then compared."""

    homes: str
    images: str
    site: str

    label = "homes without a limit"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """None of them."""
        return {"users": "none"}

    def question(self) -> str:
        """Their names."""
        return sh(PLAIN, self.homes, self.images) + "older 2>/dev/null || :"

    def parse(self, answer: Result) -> State:
        """As one line."""
        return {"users": ", ".join(answer.out.split()) or "none"}

    def note(self, was: State) -> str:
        """What happens to the files."""
        return f"each is copied and compared; the originals stay as {self.images}/NAME.before-limit"

    def change(self, was: State) -> str:
        """One after the other; of one that does not fit the program says why."""
        names = (was or {}).get("users", "none").split(", ")
        return "\n".join(sh("{} {} adopt {}", PROGRAM, self.site, n) for n in names)
