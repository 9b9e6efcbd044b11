"""Swap: how much, what is found, and the change; tools that would act on this machine are stand-ins."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.answers import Garbled
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.params import SystemParams
from cyberhubs_lib.recipes.prepare_os import recipe
from cyberhubs_lib.resources.swap import LEAVE_MIB, LINE, PATH, ROOM_MIB, Swap, size
from cyberhubs_lib.site import Site
from cyberhubs_lib.state import difference
from cyberhubs_lib.transport import Result

DISK = "UUID=0a / ext4 defaults 0 1"
TOOLS = """
swapoff() { echo "swapoff $*" >> log; sed -i /swapfile/d swaps; }
fallocate() { [ -z "$full" ] && : > "$3"; }
mkswap() { :; }
swapon() { echo "$1 file 2097148 0 -2" >> swaps; echo "SwapTotal: 2097148 kB" > meminfo; }
df() { echo header; echo "/dev/sda1 9 9 $free 1% /"; }
"""


@pytest.mark.parametrize(
    ("setting", "memory", "room", "mib"),
    [
        ("auto", 3900, 50000, 1950),
        ("auto", 8191, 50000, 4095),
        ("auto", 8192, 50000, 0),
        ("auto", 4096, 3584, 0),  # 3.5 GiB free: none of it
        ("auto", 4096, 5000, 768),
        ("auto", 4096, 4300, 0),  # so little is no help
        ("none", 1000, 50000, 0),
        ("2G", 64000, 0, 2048),  # as asked; the change says if there is no room
        ("512M", 64000, 0, 512),
    ],
)
def test_how_much(setting, memory, room, mib):
    assert size(setting, memory, room, 0) == mib


@given(st.integers(0, 20000), st.integers(0, 20000), st.integers(0, LEAVE_MIB - ROOM_MIB))
def test_the_room_that_the_runbook_asks_for_is_left(memory, free, packages):
    """Also after packages took some of it; and the second run wants what the first made."""
    made = size("auto", memory, free, 0)
    left = free - made - packages
    assert left >= ROOM_MIB or not made
    if left <= LEAVE_MIB:
        assert size("auto", memory, left, made) == made
    assert size("auto", memory, 0, made) == made  # a full disk takes no swap away


def test_the_second_run_is_not_refused():
    """4 GiB of memory, 6 GiB free: what the first run leaves is enough for the next."""

    def wanted(free, swapfile):
        text = f"memory_kib={4 * 1024**2}\nroot_free_kib={free}\nswapfile_bytes={swapfile * 1024}\n"
        facts = parse_facts(f"id=debian\nlike=\nversion=13\nuser=debian\n{text}")
        made = recipe(facts, Site(), SystemParams())
        (room,) = [c for c in made.requirements if c.label == "free on /"]
        assert room.row(Result(0)).status == "ok"
        return [r.mib for r in made.steps["limits"] if isinstance(r, Swap)]

    assert wanted(6 * 1024**2, 0) == [2048]
    assert wanted(int(3.5 * 1024**2), 2 * 1024**2) == [2048]
    assert wanted(int(3.5 * 1024**2), 0) == []


class Machine:
    """Files in a folder in the place of the system's, and its tools as functions."""

    def __init__(self, folder, total=0, fstab=f"{DISK}\n", ours=False, free=9000, full=False):
        self.folder = folder
        self.settings = f"free={free}\nfull={'yes' if full else ''}\n"
        (folder / "meminfo").write_text(f"MemTotal: 4000000 kB\nSwapTotal: {total} kB\n")
        (folder / "swaps").write_text(
            "/swapfile.cyberhubs file 1 0 -2\n" if ours else "Filename Type\n"
        )
        (folder / "fstab").write_text(fstab)

    def run(self, script):
        for path in ("/proc/meminfo", "/proc/swaps", "/etc/fstab"):
            script = script.replace(path, path.rpartition("/")[2])
        for end in (" 2", ";", " &&"):  # as a file, not as a name in a table
            script = script.replace(f" {PATH}{end}", f" {PATH[1:]}{end}")
        text = f"cd {self.folder}\n{TOOLS}{self.settings}set -e\n(\n{script}\n)"
        done = subprocess.run(["sh"], input=text, capture_output=True, text=True)
        return Result(done.returncode, done.stdout, done.stderr)

    def state(self, swap):
        return swap.parse(self.run(swap.question()))

    @property
    def fstab(self):
        return (self.folder / "fstab").read_text()


SWAP = Swap(2048)


@pytest.mark.parametrize(
    ("total", "fstab", "ours", "differs"),
    [
        (0, DISK, False, ["size"]),
        (1048576, DISK, False, ["size"]),
        (2097148, DISK, False, []),  # a partition, which is its maker's to keep
        (2097148, f"{DISK}\n{LINE}\n", True, []),
        (2097148, f"{DISK}\n/swapfile.cyberhubs\tswap swap defaults 0 0\n", True, []),
        (2097148, f"{DISK}\n#{LINE}\n", True, ["boot"]),
        (2097148, "", True, ["boot"]),
    ],
)
def test_what_is_found(tmp_path, total, fstab, ours, differs):
    machine = Machine(tmp_path, total, fstab, ours)
    assert difference(machine.state(SWAP), SWAP.wanted) == differs


@pytest.mark.parametrize("fstab", ["", DISK, f"{DISK}\n", f"{DISK}\n{LINE}\n"])
def test_a_file_is_made_and_kept(tmp_path, fstab):
    machine = Machine(tmp_path, fstab=fstab)
    assert machine.run(SWAP.change(machine.state(SWAP))).code == 0
    assert difference(machine.state(SWAP), SWAP.wanted) == []
    before = [DISK] if fstab else []
    assert machine.fstab.splitlines() == [*before, LINE]


def test_a_line_that_is_missing_is_added_and_the_file_stays(tmp_path):
    machine = Machine(tmp_path, 2097148, ours=True)
    assert machine.run(SWAP.change(machine.state(SWAP))).code == 0
    assert machine.fstab == f"{DISK}\n{LINE}\n"
    assert not (tmp_path / "log").exists()  # swap in use is not switched off for it


@pytest.mark.parametrize("trouble", [{"free": 2048 + ROOM_MIB - 1}, {"full": True}])
def test_no_room_is_said_and_nothing_is_left(tmp_path, trouble):
    machine = Machine(tmp_path, **trouble)
    done = machine.run(SWAP.change(machine.state(SWAP)))
    assert done.code == 1
    assert "No space left on device" in done.err or "full" in trouble
    assert machine.fstab == f"{DISK}\n"
    assert not (tmp_path / PATH[1:]).exists()


@given(st.integers(0, 255), st.text())
def test_garbage_is_no_state(code, text):
    with pytest.raises(Garbled):
        SWAP.parse(Result(code, f"Welcome\n{text}"))
