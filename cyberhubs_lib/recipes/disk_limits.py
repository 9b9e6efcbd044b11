"""The step of runbook 03 that gives every user's home a limit of disk space, and its proof."""

from __future__ import annotations

from pathlib import Path

from ..check import Check
from ..hub_settings import homes_unit
from ..resources.docker import ALONE_MEANS
from ..resources.files import Directory, File
from ..resources.homes import CANNOT_TELL, PROGRAM, SOURCE, OlderHomes, in_use
from ..resources.services import Service
from ..shell import sh
from ..site import Site
from ..site_limits import in_bytes
from ..state import Resource
from ..systems.system import System
from ..transport import Result

UNITS = Path(__file__).parent.parent / "server" / "systemd"
TOOLS = {
    "e2fsprogs": "makes, mends and enlarges the filesystems of homes",
    "rsync": "copies homes from before the limit",
}


def requirements(site: Site) -> list[Check]:
    """Nobody works in a home that is to be copied."""
    if not site.limits.disk:
        return []
    homes, images = places(site)
    return [
        Check("homes to be copied", in_use(homes, images), _nobody, "nobody works there",
              "stop these servers on the hub's admin page, then run this again"),
    ]  # fmt: skip


def step(site: Site, system: System) -> list[Resource]:
    """Without a limit nothing: the hub makes the homes by itself."""
    if not site.limits.disk:
        return []
    homes, images = places(site)
    unit = homes_unit(site)
    reload = "systemctl daemon-reload"
    return [
        *system.packages(TOOLS),
        Directory(images, "root:root", "700", "homes as files, one a user"),
        File(f"/etc/cyberhubs/homes/{site.name}", settings(site), why="how much, and for whom"),
        File(PROGRAM, SOURCE.read_bytes(), "755", why="makes and mounts a home"),
        File(f"/etc/systemd/system/{unit}@.service",
             (UNITS / "cyberhubs-homes@.service").read_bytes(), after=reload),
        File(f"/etc/systemd/system/{unit}.socket",
             (UNITS / "cyberhubs-homes.socket").read_bytes(),
             after=f"{reload}; systemctl try-restart {unit}.socket"),
        Service(f"{unit}.socket", why="where the hub asks for a home"),
        OlderHomes(homes, images, site.name),
    ]  # fmt: skip


def places(site: Site) -> tuple[str, str]:
    """Where homes are found, and where the files lie that hold them."""
    root = site.data_root.rstrip("/")
    return f"{root}/jupyterhub_users", f"{root}/home_images"


def settings(site: Site) -> bytes:
    """What the program reads; shell assignments, sizes in bytes."""
    homes, images = places(site)
    limits = site.limits
    assert limits.disk
    single = " ".join(f"{n.lower()}={in_bytes(d)}" for n, d in sorted(limits.disk_of.items()))
    lines = {
        "homes": homes,
        "images": images,
        "owner": f"{site.uid}:{site.gid}",
        "limit": in_bytes(limits.disk),
        "limits_of": single,
    }
    head = "# Written by runbook 03 from the site file (limits.disk); change it there.\n"
    return (head + "".join(sh(f"{k}={{}}\n", v) for k, v in lines.items())).encode()


def checks(site: Site) -> list[Check]:
    """A write over a limit, tried; and whether all of them together could fill the disk."""
    if not site.limits.disk:
        return []
    _, images = places(site)
    return [
        Check("a write over a limit of 32 MiB", sh("{} {} prove", PROGRAM, site.name), _ends,
              "No space left on device", "`journalctl -b -t cyberhubs-homes` and the message above"),
        Check("all homes full", sh(FULL, PROGRAM, site.name, images), _fits, "less than the disk has",
              "the limits promise more than there is: watch the disk with `df -h`", hard=False),
        Check("copies from before the limit", sh("ls -d {}/*.before-limit 2>/dev/null || :", images),
              _names, "none", "when their users have seen that all is there: `sudo rm -rf` them",
              hard=False),
    ]  # fmt: skip


FULL = """
{} {} promise
df -B1 --output=size {} | tail -n 1
"""


def _ends(answer: Result) -> tuple[bool, str]:
    """ "27 of 32 MiB: No space left on device", after what the programs said; or an error."""
    said = answer.out.strip().rpartition("\n")[2]
    took, _, why = said.partition(" of 32 MiB: ")
    good = (
        took.isascii() and took.isdigit() and int(took) <= 32 and why == "No space left on device"
    )
    return good, said[-200:] or "nothing was said"


def _fits(answer: Result) -> tuple[bool, str]:
    numbers = [int(word) for word in answer.out.split() if word.isascii() and word.isdigit()]
    if len(numbers) != 3:
        return False, "cannot be told"
    count, most, size = numbers
    gib = 1 << 30
    return most < size, f"{count} homes take {most / gib:.1f} of {size / gib:.1f} GiB"


def _names(answer: Result) -> tuple[bool, str]:
    names = ", ".join(answer.out.split())
    return not names, names or "none"


def _nobody(answer: Result) -> tuple[bool, str]:
    if CANNOT_TELL in answer.out.split():
        return False, ALONE_MEANS
    names = ", ".join(answer.out.split())
    return not names, f"servers run: {names}" if names else "nobody works there"
