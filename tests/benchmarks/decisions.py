"""What lists of 10,000 names cost: ./cyberhubs test benchmarks decisions

The hub's own modules, in a directory of this machine. Medians; nothing is asserted.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import conftest  # noqa: F401  the hub's modules can be imported
from access import Decision
from door import Door
from judge import Person, judge

from .first_light import row

NAMES, RUNNING = 10_000, 50


def median(what: Callable[[], object], times: int) -> float:
    """Seconds."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        what()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def prepared(folder: Path) -> Door:
    """A hub with so many names on its list, all of whom have files here."""
    names = [f"person-{number:05}" for number in range(NAMES)]
    access, homes = folder / "access", folder / "homes"
    for path in (access, homes):
        path.mkdir()
    (access / "admins").write_text("ada\n")
    (access / "blocked_users").write_text("mallory\n")
    (access / "allowed_users").write_text("".join(f"{name}\n" for name in names))
    door = Door(folder=access, homes=homes, state=folder)
    for number, name in enumerate(names):
        door.accounts.claim(name, f"github:{number}")
    time.sleep(0.1)  # until the lists are no longer as new as the clock can tell
    return door


def changed(door: Door) -> Decision:
    """Somebody is added to the list, and somebody logs in."""
    path = door.folder / "allowed_users"
    path.write_text(path.read_text() + "one-more\n")
    return door.decide("person-05000", "github:5000")


def compared(door: Door) -> object:
    """What watch.py does after a change when all of them have been here."""
    people = [Person(f"person-{number:05}", running=number < RUNNING) for number in range(NAMES)]
    return judge(people, door.live.now(), door.clock.now(), door.accounts.of)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        hub = prepared(Path(made))
        print(f"{NAMES} names on the list, as many accounts")
        once = median(lambda: hub.decide("person-05000", "github:5000"), 200)
        row("a decision", f"{once * 1e6:.0f} µs", "<= 1000 µs")
        row("a decision after a change of the list", f"{median(lambda: changed(hub), 20) * 1e3:.0f} ms",
            "<= 100 ms")  # fmt: skip
        time.sleep(0.1)
        row(f"all compared with the lists, {RUNNING} running",
            f"{median(lambda: compared(hub), 3) * 1e3:.0f} ms", "<= 1000 ms")  # fmt: skip
