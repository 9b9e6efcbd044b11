"""Packages that a power cut left half unpacked: told from whole ones, and from work that goes on."""

import subprocess

import pytest

from cyberhubs_lib.answers import Garbled
from cyberhubs_lib.resources.packages import ConsistentPackages
from cyberhubs_lib.state import Unknown, difference
from cyberhubs_lib.transport import Result

WHOLE = "installed ok git\nconfig-files ok rsync\nnot-installed ok wget"
LISTS = [
    (WHOLE, "", "no half-installed packages"),
    (f"{WHOLE}\nunpacked ok curl\nhalf-configured ok libc6", "",
     "half-configured, unpacked: curl, libc6"),
    (f"{WHOLE}\nhalf-installed reinstreq curl", "", "half-installed: curl"),
    (WHOLE, "0003", "interrupted: dpkg"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "journal", "state"), LISTS)
def test_what_dpkg_tells(tmp_path, said, journal, state):
    assert asked(tmp_path, f"echo '{said}'", journal) == {"state": state}


def test_work_that_goes_on_is_not_broken(tmp_path):
    assert asked(tmp_path, "echo 'half-installed reinstreq curl'", comm="dpkg") == {
        "state": "no half-installed packages"
    }


def test_a_list_that_dpkg_cannot_read(tmp_path):
    with pytest.raises(Unknown, match="parsing file"):
        asked(tmp_path, "echo 'error: parsing file status' >&2; exit 2")


@pytest.mark.parametrize("text", ["", "unpacked ok curl", "what\nwhole"])
def test_an_answer_that_is_none(text):
    with pytest.raises(Garbled):
        ConsistentPackages().parse(Result(0, text))


def asked(folder, query, journal="", comm="sh"):
    """What the question finds on a host of these files."""
    (folder / "1").mkdir()
    (folder / "1" / "comm").write_text(f"{comm}\n")
    (folder / "updates").mkdir()
    if journal:
        (folder / "updates" / journal).touch()
    script = ConsistentPackages().question().replace("/proc/", f"{folder}/")
    script = script.replace("/var/lib/dpkg/updates", f"{folder}/updates")
    (folder / "dpkg-query").write_text(f"#!/bin/sh\n{query}\n")
    (folder / "dpkg-query").chmod(0o755)
    script = f"PATH={folder}:$PATH\n{script}"
    done = subprocess.run(["sh", "-c", script], text=True, capture_output=True)
    state = ConsistentPackages().parse(Result(done.returncode, done.stdout + done.stderr))
    assert (difference(state, ConsistentPackages.wanted) == []) == (
        state == ConsistentPackages.wanted
    )
    return state
