"""Limits of disk space: what is written for the host's program, and how its answers are read."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.hub_settings import hub_settings
from cyberhubs_lib.recipes import disk_limits
from cyberhubs_lib.rendered import files
from cyberhubs_lib.resources.homes import SOURCE, OlderHomes, in_use
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_limits import in_bytes
from cyberhubs_lib.transport import Result

LIMITED = Site(name="a-b", limits={"disk": "20G", "disk_of": {"Ben-X": "1T", "ada": "64M"}})
FACTS = parse_facts("id=debian\nversion=13\nsystem=Debian\nuser=debian\nhome=/h\n")
CHECKS = {check.label: check for check in disk_limits.checks(LIMITED)}


@pytest.mark.parametrize(("text", "number"), [("1K", 1024), ("64M", 1 << 26), ("2T", 1 << 41)])
def test_sizes(text, number):
    assert in_bytes(text) == number


def test_the_program_can_read_what_is_written_for_it():
    """Logins in small letters, as the hub has them."""
    script = disk_limits.settings(LIMITED).decode()
    shown = 'echo "$homes $images $owner $limit $limits_of"'
    done = subprocess.run(["sh", "-eu"], input=script + shown, text=True, capture_output=True)
    assert done.stdout == (
        f"/mnt/jupyterhub_users /mnt/home_images 1000:1000 {20 << 30}"
        f" ben-x={1 << 40} ada={1 << 26}\n"
    )


def test_the_program_is_a_posix_script():
    assert subprocess.run(["sh", "-n", SOURCE]).returncode == 0


def test_without_a_limit_nothing_is_asked_for():
    site = Site()
    assert disk_limits.step(site, None) == disk_limits.checks(site) == []
    assert disk_limits.requirements(site) == []
    assert hub_settings(site, FACTS)["disk_limit"] is False
    assert "\nHOMES=\n" in files(site, FACTS)[".env"].decode()


def test_the_hub_learns_that_there_is_a_limit_and_not_which():
    """Another number must not restart the hub."""
    larger = LIMITED.model_copy(
        update={"limits": LIMITED.limits.model_copy(update={"disk": "30G"})}
    )
    assert files(larger, FACTS) == files(LIMITED, FACTS)
    assert hub_settings(LIMITED, FACTS)["disk_limit"] is True
    env = files(LIMITED, FACTS)[".env"].decode()
    assert "\nHOMES=/run/cyberhubs-homes-a-b\nHOMES_PROPAGATION=rslave\n" in env


PROVED = {
    "30 of 32 MiB: No space left on device": True,
    "32 of 32 MiB: No space left on device": True,
    "48 of 32 MiB: no limit": False,
    "30 of 32 MiB: Permission denied": False,
    "48 of 32 MiB: No space left on device": False,
    "": False,
}


@pytest.mark.parametrize("said", PROVED)
def test_only_a_write_that_ended_at_the_limit_is_a_proof(said):
    found = CHECKS["a write over a limit of 32 MiB"].expect(Result(0, said + "\n"))
    assert found == (PROVED[said], said or "nothing was said")


ROOM = {
    f"3 {60 << 30}\n{100 << 30}\n": (True, "3 homes take 60.0 of 100.0 GiB"),
    f"6 {120 << 30}\n{100 << 30}\n": (False, "6 homes take 120.0 of 100.0 GiB"),
    "0 0\n1073741824\n": (True, "0 homes take 0.0 of 1.0 GiB"),
    "": (False, "cannot be told"),
}


@pytest.mark.parametrize("said", ROOM)
def test_promises_are_compared_with_the_disk(said):
    assert CHECKS["all homes full"].expect(Result(0, said)) == ROOM[said]


@given(st.text())
def test_garbage_is_never_an_error(text):
    for check in CHECKS.values():
        assert isinstance(check.expect(Result(1, text))[1], str)
    assert OlderHomes("/a", "/b", "s").parse(Result(0, text)) is not None


def test_older_homes_are_plain_directories_with_files(tmp_path):
    homes, images = tmp_path / "my homes", tmp_path / "images"
    for name in ("ada", "ben/.local", "carl/x", "Ada.old/x", "empty"):
        (homes / name).mkdir(parents=True)
    (homes / "ada" / "thesis").touch()
    images.mkdir()
    (images / "carl.ext4").touch()
    (homes / "file").touch()
    (homes / "link").symlink_to(homes / "ada")

    def ask(question):
        env = {**os.environ, "LC_ALL": "C"}
        return subprocess.run(
            ["sh", "-eu"], input=question, text=True, capture_output=True, env=env
        ).stdout

    older = OlderHomes(str(homes), str(images), "s")
    state = older.parse(Result(0, ask(older.question())))
    assert state == {"users": "ada, ben"}
    assert older.change(state).count(" adopt ") == 2
    used = in_use(str(homes), str(images))
    assert ask(used) == ""
    (tmp_path / "comm").write_text("containerd-shim\n")
    stopped = "docker() { return 1; }\n" + used.replace("/proc/[0-9]*/comm", f"{tmp_path}/comm")
    good, found = disk_limits.requirements(Site(limits={"disk": "1G"}))[0].expect(
        Result(0, ask(stopped))
    )
    assert (good, "run without their engine" in found) == (False, True)
