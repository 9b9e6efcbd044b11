"""Docker's and containerd's data on the data volume, where Docker expects them: by bind mounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..answers import pairs
from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result
from .docker import ALONE, ALONE_MEANS
from .docker_move import COMPARED, aside, copy, fits, stopped, take
from .fstab import RELOAD, edit

PATHS = {
    "/var/lib/docker": "images, containers, volumes",
    "/var/lib/containerd": "images, from engine 29 on",
}
SYSTEM = "the system disk"
NOWHERE = "nowhere yet"
BOTH = "both disks"
OWN = "a disk of their own"


@dataclass(frozen=True)
class DockerData(Resource):
    """A directory of Docker that really lies on the data volume. `may_stop`: containers, to copy."""

    path: str
    volume: str
    may_stop: bool = False

    after = RELOAD

    @property
    def label(self) -> str:  # type: ignore[override]
        """data in PATH."""
        return f"data in {self.path}"

    @property
    def source(self) -> str:
        """Where it lies on the volume."""
        return self.volume + self.path

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """On the volume, whichever way."""
        return {"lie on": self.volume}

    def question(self) -> str:
        """Is the volume there, which filesystem holds the path, what fstab says, who has data."""
        return sh(
            'findmnt --mountpoint {} >/dev/null && echo "volume=$(stat -c %d {})"\n'
            '[ ! -d {} ] || echo "at=$(stat -Lc %d {})"\n'
            "! findmnt --mountpoint {} >/dev/null || echo point=yes\n"
            'echo "fstab=$(findmnt -srno SOURCE --mountpoint {} | tail -n 1)"\n'
            '[ -z "$(ls -A {}/ 2>/dev/null)" ] || echo data=yes\n'
            '[ -z "$(ls -A {}/ 2>/dev/null)" ] || echo moved=yes\n'
            "[ ! -e {} ] || echo unfinished=yes",
            self.volume, self.volume, *[self.path] * 5, self.source, self.source + COMPARED,
        )  # fmt: skip

    def parse(self, answer: Result) -> State:
        """In words. Unknown while there is no volume."""
        if "volume=" not in answer.out:
            raise Unknown(f"{self.volume} is not mounted yet")
        return {"lie on": self.where(answer.out)}

    def where(self, text: str) -> str:
        """In words, from the answer; a volume that is not mounted yet holds nothing."""
        found = pairs(text, "fstab")
        in_fstab = found.get("fstab") == self.source
        if found.get("at", "") == found.get("volume"):
            stays = in_fstab or "point" not in found
            return self.volume if stays else f"{self.volume}, until a restart"
        if "point" in found:
            return OWN
        if "data" not in found:
            return NOWHERE
        if in_fstab and "moved" in found:  # the copy is whole: only the mount is missing
            return f"{self.volume}, not mounted"
        return BOTH if "moved" in found and "unfinished" not in found else SYSTEM

    def note(self, was: State) -> str:
        """What they are, and what happens."""
        why = PATHS.get(self.path, "")
        return f"{why}; Docker stops meanwhile" if was == {"lie on": SYSTEM} else why

    def change(self, was: State) -> str:
        """Bind the directory; if it has data, after a copy."""
        at = (was or {}).get("lie on", "")
        if at in (BOTH, OWN):
            return sh("echo {} >&2; exit 1", f"{self.path}: data on {at}: see the page")
        line = f"{self.source} {self.path} none bind,nofail,x-systemd.requires-mounts-for={self.volume}"
        bind = sh("line={}\n", f"{line} 0 0") + edit(self.path)
        mount = sh("[ {} -ef {} ] || mount {}\n", self.path, self.source, self.path)
        if at == SYSTEM:
            copied = copy(self.path, self.source) + take(self.source, bind)
            return copied + aside(self.path) + mount
        first = aside(self.path) if at.endswith("not mounted") else ""
        return first + sh("mkdir -p {} {}\n", self.source, self.path) + bind + mount

    @classmethod
    def change_all(cls, items: Sequence[tuple[Resource, State]]) -> str:
        """All directories in one stop of the engine, if any has to be copied."""
        changes = super().change_all(items)
        moving = [r for r, was in items if was == {"lie on": SYSTEM} and isinstance(r, cls)]
        if not moving:
            return changes
        enough = fits([r.path for r in moving], moving[0].volume)
        return stopped(changes, moving[0].may_stop, before=enough)


ENGINE = f"""
! {ALONE} || echo alone=yes
echo "running=$(docker ps -q 2>/dev/null | wc -l)"
echo "driver=$(docker info -f '{{{{.Driver}}}}' 2>/dev/null)"
echo "rsync=$(command -v rsync)"
"""


def engine_state(data: list[DockerData]) -> str:
    """Shell text: what a move depends on. Not asked once all lie on the volume: it takes 0.2 s."""
    there = " && ".join(sh("[ {} -ef {} ]", d.path, d.source) for d in data)
    return f"if {there}; then :; else{ENGINE}fi"


def movable(answers: list[str], engine: str, data: list[DockerData]) -> tuple[bool, str]:
    """May the move begin, and what was found. `answers` to the question of each of `data`."""
    at = [d.where(text) for d, text in zip(data, answers, strict=True)]
    found = pairs(engine)
    running, driver = found.get("running", "0"), found.get("driver", "")
    for d, place in zip(data, at, strict=True):
        if place in (BOTH, OWN):
            return False, f"{d.path}: data on {place}"
    if SYSTEM not in at:
        return True, "nothing to move"
    if "alone" in found:
        return False, f"data to move, and {ALONE_MEANS}"
    if not found.get("rsync"):
        return False, "data to move, and no rsync"
    if driver and not driver.startswith(("overlay", "fuse-overlay", "vfs")):
        return False, f"storage driver {driver} cannot be copied"
    if running != "0" and not data[0].may_stop:
        return False, f"data to move, and {running} containers run"
    return True, "data to move" + (f"; {running} containers stop" if running != "0" else "")
