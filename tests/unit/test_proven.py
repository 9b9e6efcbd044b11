"""What 08 and 09 have proven is not proven twice of the same, and always of anything else."""

import re

import pytest

from cyberhubs_lib import server_proof
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.host import Host
from cyberhubs_lib.params import ProofParams
from cyberhubs_lib.recipes.get_images import recipe
from cyberhubs_lib.report import Row
from cyberhubs_lib.site import Site
from cyberhubs_lib.transport import Local

FACTS = parse_facts("docker=26.1.5\n")
DOCKER = """#!/bin/sh
cd {}
case "$1 $2" in
    "image inspect") cat image ;;
    "version -f") cat engine ;;
    "run --rm") echo once >>runs; cat said; exit "$(cat code)" ;;
    "ps -aq") echo c1 c2 ;;
    "inspect -f") cat containers ;;
esac
"""


FIT = "home=/home/user\nbegins=/home/user\nversion=6.1.1\nwrites=yes\nstat=yes\nfit=yes"
GOOD = "JupyterHub 6.1.1, home /home/user"
FIRST = {
    "image": "sha256:1",
    "engine": "26.1.5",
    "said": FIT,
    "code": "0",
    "containers": "c1 sha256:2 10:00",
    "runs": "",
}


class Place:
    """A host whose Docker is a script, and what that says; and a site there."""

    def __init__(self, folder):
        self.folder, self.home = folder, folder / "site"
        self.host, self.began, self.printed = Host(Local(), root=False), 0, "42 1000 1000"
        self.site = Site(name="uni", server_dir=str(self.home), login={"client_id": "x"})
        (self.home / "secrets").mkdir(parents=True)
        (self.home / "secrets" / "check_token").write_text("canary-token\n")
        (self.home / ".env").write_text("CONFIG_HUB=1\n")
        script = folder / "docker"
        script.write_text(DOCKER.format(folder))
        script.chmod(0o755)
        for name, text in FIRST.items():
            self.says(name, text)

    def says(self, name, text):
        """What Docker says of this from now on."""
        (self.folder / name).write_text(f"{text}\n" if text else "")

    @property
    def runs(self):
        """How often an image was run."""
        return (self.folder / "runs").read_text().count("once")

    def images(self, **params):
        """The row of 08 for the one image of the menu."""
        (check,) = recipe(FACTS, self.site, ProofParams(**params)).checks
        return check.row(self.host.batch([check.question])[0])

    def server(self, prove=False):
        """The row of 09 for a user server."""
        return server_proof.server_row(self.host, self.site, FACTS, None, prove)

    def cell(self, host, site, label, printed, token, tls):
        """In place of a real user server."""
        assert token == "canary-token"
        self.began += 1
        good = self.printed == printed
        return Row(label, self.printed, printed, "ok" if good else "failed")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    made = Place(tmp_path)
    monkeypatch.setattr(server_proof, "_cell_row", made.cell)
    return made


def test_an_image_is_run_once(place):
    first, second = place.images(), place.images()
    assert place.runs == 1
    assert (first.status, first.was) == ("ok", GOOD)
    assert second.status == "ok"
    assert re.fullmatch(r"proven on \d{4}-\d\d-\d\d", second.was)


@pytest.mark.parametrize(
    ("name", "text"), [("image", "sha256:3"), ("engine", "26.1.6"), ("engine", "")]
)
def test_another_image_or_engine_is_proven_anew(place, name, text):
    place.images()
    place.says(name, text)
    assert place.images().was == GOOD
    assert place.runs == 2


def test_an_image_that_does_not_run_is_asked_each_time(place):
    place.says("code", "1")
    place.says("said", "touch: cannot touch 'x'")
    assert [place.images().status, place.images().status] == ["failed", "failed"]
    place.says("code", "0")
    assert place.images().status == "failed"  # no home in its answer
    assert place.runs == 6  # each time also on a system that can be written


def test_a_dry_run_notes_nothing_and_reads_what_is_noted(place):
    assert place.images(dry_run=True).was == GOOD
    assert not (place.home / "proven").exists()
    place.images()
    assert "proven on" in place.images(dry_run=True).was
    assert place.runs == 2


def test_whoever_asks_gets_the_whole_proof(place):
    place.images()
    assert place.images(prove=True).was == GOOD
    assert place.runs == 2
    place.server()
    assert place.server(prove=True).was == "42 1000 1000"
    assert place.began == 2


def test_before_06_nothing_is_made(place):
    gone = place.folder / "elsewhere"
    place.site = place.site.model_copy(update={"server_dir": str(gone)})
    assert [place.images().status, place.images().status] == ["ok", "ok"]
    assert place.runs == 2
    assert not gone.exists()


def test_a_user_server_is_started_once(place):
    first, second = place.server(), place.server()
    assert place.began == 1
    assert (first.status, first.was) == ("ok", "42 1000 1000")
    assert second.status == "ok"
    assert re.fullmatch(r"42 1000 1000, on \d{4}-\d\d-\d\d", second.was)
    assert "-p prove true" in second.note


@pytest.mark.parametrize("name", ["image", "engine", "containers"])
def test_after_any_change_a_user_server_is_started(place, name):
    place.server()
    place.says(name, "another")
    assert place.server().was == "42 1000 1000"
    place.says(name, "")  # and where nothing is said, nothing is known
    assert place.server().was == "42 1000 1000"
    assert place.began == 3


def test_after_other_settings_a_user_server_is_started(place):
    place.server()
    (place.home / ".env").write_text("CONFIG_HUB=2\n")
    assert place.server().was == "42 1000 1000"
    (place.home / ".env").unlink()
    assert [place.server().was, place.server().was] == ["42 1000 1000"] * 2
    assert place.began == 4


def test_a_user_server_that_failed_is_started_again(place):
    place.printed = "41"
    assert place.server().status == "failed"
    place.printed = "42 1000 1000"
    assert place.server().was == "42 1000 1000"
    assert place.began == 2
