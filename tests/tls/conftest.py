"""Front doors, authorities, and an outage that takes three minutes while the other tests run."""

from __future__ import annotations

import threading
import time

import pytest
from front_door import FrontDoor, automatic
from pebble import Pebble
from testhost.place import lock

OUTAGE_SECONDS = 210  # a lifetime: Caddy's first try at 2/3 fails, its second is a minute later


@pytest.fixture(scope="session")
def _alone():
    """The addresses and names are this machine's: one such session at a time."""
    with lock("tls"):
        yield


@pytest.fixture
def door_of(_alone):
    """A function that makes a front door, which is removed at the end of the test."""
    doors = []

    def make(folder, number, caddyfile=lambda text: text, **keys):
        door = FrontDoor(folder, number, caddyfile, **keys)
        doors.append(door)
        return door

    yield make
    for door in doors:
        door.clear()


class Outage:
    """An authority goes away after the first certificate, and is back after Caddy's first failure."""

    def __init__(self, door: FrontDoor, pebble: Pebble):
        self.door, self.pebble = door, pebble
        self.failed: list[str] = []
        self.serials: dict[int, float] = {}  # certificate -> seconds until it was first seen
        self.away = self.back = 0.0
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while time.monotonic() < self.began + OUTAGE_SECONDS + 10 and len(self.serials) < 2:
            now = time.monotonic() - self.began
            try:
                self.serials.setdefault(self.door.request()[3], now)
            except OSError as error:
                self.failed.append(f"{now:.0f} s: {error}")
            if not self.away:
                self.pebble.away(True)
                self.away = now or 0.1
            elif not self.back and b"will retry" in self.door.container.logs(tail=50):
                self.pebble.away(False)
                self.back = now
            time.sleep(0.5)


@pytest.fixture(scope="session", autouse=True)
def outage(_alone, tmp_path_factory, request):
    """Begins before the first test, if its test is among those that were asked for."""
    if not any("test_outage" in item.nodeid for item in request.session.items):
        yield None
        return
    folder = tmp_path_factory.mktemp("outage")
    (folder / "pebble").mkdir()
    pebble = Pebble.up("cyberhubs-test-pebble-outage", folder / "pebble", OUTAGE_SECONDS)
    door = automatic(folder, 2, pebble)
    door.up((pebble.container, "pebble"))
    door.trust.load_verify_locations(cadata=pebble.issuing_root())
    door.wait()
    story = Outage(door, pebble)
    yield story
    story.thread.join()
    door.clear()
    pebble.down()
