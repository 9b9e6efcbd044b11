"""The move of Docker's data to another disk, as shell text, on a host whose engine is in use.

Everything stops, the data are copied, the copy is compared with the original byte by byte, takes its
place, and everything starts again. The original stays beside it under another name. Broken off at any
moment, the next run goes on: what was stopped is written down on the disk, and only a copy that was
compared gets its final name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..answers import word
from ..shell import sh
from ..state import Resource, State
from ..transport import Result
from .docker import ALONE, ALONE_MEANS

BEFORE = ".before-move"  # appended to the name of the original
COPY = ".incoming"  # appended to the name of a copy that is not whole yet
COMPARED = ".compared"  # a mark beside a copy that is whole, until fstab names it
STOPPED = "/var/lib/cyberhubs/stopped"  # lines "unit NAME" and "container ID"

# Names, sizes, times, rights, owners, hard links, extended attributes; with -c every byte as well.
RSYNC = "rsync -aHAXSx --numeric-ids --delete"

NOT_ALONE = f"if {ALONE}; then echo '{ALONE_MEANS}' >&2; exit 1; fi\n"
STOP = r"""
running=$(docker ps -q --no-trunc 2>/dev/null | tac) || running=
if [ -n "$running" ] && [ {} != yes ]; then
  echo "$(echo "$running" | wc -l) containers run, and nobody allowed to stop them" >&2; exit 1; fi
mkdir -p "$(dirname {})"; touch {}
for u in containerd.service docker.socket docker.service; do
  if systemctl is-active -q $u; then echo "unit $u" >> {}; fi; done
for c in $running; do echo "container $c" >> {}; done
[ -z "$running" ] || docker stop -t 30 $running >/dev/null
systemctl stop docker.socket docker.service containerd.service 2>/dev/null || :
"""
# A container that its maker removes when it stops (--rm) is gone: not an error.
START = sh(
    r"""
start_again() {
  [ -e {} ] || return 0
  for u in $(sed -n 's/^unit //p' {} | sort -u); do
    systemctl reset-failed "$u" 2>/dev/null || : # else a fourth start in a minute is refused
    systemctl start "$u" || return 1
  done
  bad=
  for c in $(sed -n 's/^container //p' {}); do
    docker inspect "$c" >/dev/null 2>&1 || continue
    docker start "$c" >/dev/null || bad="$bad $c"
  done
  rm -f {}
  [ -z "$bad" ] || { echo "these containers do not start:$bad" >&2; return 1; }
}
""",
    *[STOPPED] * 4,
)


def stopped(changes: str, may_stop: bool, before: str = "") -> str:
    """`changes` while engine and containers are stopped; they start again whatever happened.

    `before` comes first: what must hold for anything to be stopped.
    """
    return (
        f"{START}{NOT_ALONE}{before}trap 'code=$?; start_again || code=1; exit $code' EXIT\n"
        + sh(STOP, "yes" if may_stop else "no", *[STOPPED] * 4)
        + changes
    )


FITS = r"""
volume={}; from=; into=
for p in {}; do from="$from $p/"; into="$into $volume$p{}"; done
room() { # what, du's option, df's option; what a move that broke off has copied finds its room again
  need=$(du -scx "$2" $from | tail -n 1 | cut -f 1)
  copied=$(du -scx "$2" $into 2>/dev/null | tail -n 1 | cut -f 1)
  free=$(df -P "$3" "$volume" | awk 'END { print $2 + 0 ? $4 : "any" }') # btrfs counts no files
  [ "$free" = any ] || [ $((free + copied)) -gt "$need" ] || {
    echo "No space left on device: $need $1 of$from do not fit into $free $1 of $volume" >&2; exit 1; }
}
room KiB -k -k
room files --inodes -i
"""


def fits(paths: Sequence[str], volume: str) -> str:
    """Is there room for the copies of all together, and are the names free that the originals get?"""
    names = "".join(
        sh("[ ! -e {} ] || { echo {} >&2; exit 1; }\n", path + BEFORE,
           f"{path}{BEFORE} is there already, from an earlier move: remove it first")
        for path in paths
    )  # fmt: skip
    each = " ".join("{}" for _ in paths)
    return names + sh(FITS.replace("in {}", f"in {each}"), volume, *paths, COPY)


def copy(path: str, target: str) -> str:
    """Copy, or go on with a copy; then compare."""
    copied, mark = target + COPY, target + COMPARED
    return sh(
        # broken off before fstab named the copy: the original may have changed since
        "if [ -e {} ]; then [ -d {} ] || mv -T {} {}; rm -f {}; fi\n"
        f"mkdir -p {{}}\n{RSYNC} {{}}/ {{}}/\ndiffers=$({RSYNC} -cni {{}}/ {{}}/)\n"
        '[ -z "$differs" ] || { echo "the copy differs:"; echo "$differs" | head; exit 1; } >&2\n',
        mark, copied, target, copied, mark, copied, path, copied, path, copied,
    )  # fmt: skip


def take(target: str, bind: str) -> str:
    """The copy gets its name; `bind` writes fstab's line, and from then on the copy is what counts.

    Not before: at a start with the line and without the copy, systemd would make an empty one.
    """
    named = sh(
        "touch {}\nrmdir {} 2>/dev/null || :\nmv -T {} {}\n",
        target + COMPARED, target, target + COPY, target,
    )  # fmt: skip
    return named + bind + sh("rm -f {}\n", target + COMPARED)


def aside(path: str) -> str:
    """The original gets another name, and leaves an empty directory."""
    return sh("mv -T {} {}\nmkdir -p {}\n", path, path + BEFORE, path)


@dataclass(frozen=True)
class Restarted(Resource):
    """What a move stopped runs again: only a move that was broken off leaves work here."""

    label = "engine and containers"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """As before the move."""
        return {"state": "as they were"}

    def question(self) -> str:
        """Is anything still written down."""
        return sh("[ ! -e {} ] || echo stopped", STOPPED)

    def parse(self, answer: Result) -> State:
        """One word."""
        broken = word(answer, "", "stopped")
        return {"state": "stopped by a move that broke off" if broken else "as they were"}

    def change(self, was: State) -> str:
        """Start them."""
        return START + "start_again"
