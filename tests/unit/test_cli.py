"""The command line: what it refuses, and trouble on the operator's own machine."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

from cyberhubs_lib import access, cli
from cyberhubs_lib.cli import main
from cyberhubs_lib.errors import LocalFileError
from cyberhubs_lib.runs import RUNS
from cyberhubs_lib.transport import Result

HOST = "x@full.invalid"


@pytest.fixture
def own_run():
    """Records of a host that nobody has are removed again."""
    RUNS.mkdir(exist_ok=True)
    folder = RUNS / HOST
    shutil.rmtree(folder, ignore_errors=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_record_that_cannot_be_written_whole(own_run):
    """As on a full disk: the shell lets no file grow beyond 8 KiB."""
    command = f'ulimit -f 8; exec "{sys.executable}" -m cyberhubs_lib run 00 -p host {HOST}'
    done = subprocess.run(["bash", "-c", command], cwd=RUNS.parent, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.split() == ["00_start_here", "failed"]
    assert done.stderr.splitlines() == str(LocalFileError(OSError(errno.EFBIG, "File too large"))
                                           ).splitlines()  # fmt: skip


def test_a_folder_that_cannot_be_made(own_run, capsys):
    own_run.write_text("in the way")
    try:
        assert main(["run", "00", "-p", "host", HOST]) == 1
    finally:
        own_run.unlink()
    said = capsys.readouterr().err
    assert str(own_run) in said
    assert "to do:" in said


@pytest.mark.parametrize(
    ("number", "todo"),
    [
        (errno.EACCES, "sudo chown -R $USER"),
        (errno.EROFS, "ls -ld"),
        (errno.ENOSPC, "df -h"),
        (errno.EDQUOT, "df -h"),
    ],
)
def test_what_to_do_about_it(number, todo):
    error = LocalFileError(OSError(number, os.strerror(number), "/home/me/runs"))
    assert error.found == f"{os.strerror(number)}: /home/me/runs"
    assert todo in error.todo


@pytest.fixture
def given(monkeypatch):
    """What `up` would have handed to the runbooks."""
    found = []

    def run(names, parameters):
        found.append(parameters)
        return iter(())

    monkeypatch.setattr(cli, "run_and_tell", run)
    return found


@pytest.mark.parametrize(
    ("words", "dry"),
    [
        ([], None),
        (["--dry-run"], True),
        (["-p", "dry_run", "true"], "true"),
        (["--dry-run", "-p", "dry_run", "false"], True),
    ],
)
def test_a_dry_run_is_dry_however_it_is_asked_for(given, words, dry):
    assert main(["up", "--site", "demo", *words]) == 0
    assert given[0].get("dry_run") == dry


def test_up_takes_one_site(given, capsys):
    assert main(["up", "--site", "demo", "-p", "site", "other"]) == 1
    assert "-p site other beside --site demo" in capsys.readouterr().err
    assert given == []


class FakeHub:
    """The host of a hub: compose succeeds, then the services answer with this exit code."""

    facts = None

    def __init__(self, code):
        self.code = code

    def read(self, script, seconds=None):
        return "Started\n"

    def run(self, script, seconds=None):
        return Result(self.code, "service hub is in a crash loop; the end of its log:\nboom\n")


@pytest.mark.parametrize(("action", "code", "silent", "end"), [
    ("up", 0, "", 0), ("restart", 0, "", 0), ("stop", 1, "", 0), ("up", 1, "", 3),
    ("restart", 1, "", 3), ("restart", 0, "the watch has not looked within 60 s", 3),
])  # fmt: skip
def test_a_hub_is_up_when_it_answers_and_its_watch_looks(
    action, code, silent, end, monkeypatch, capsys
):
    monkeypatch.setattr(cli, "hub_machine", lambda site: FakeHub(code))
    monkeypatch.setattr(cli, "compose", lambda site, facts: "")
    monkeypatch.setattr(access, "ask", lambda *words: {"silent": silent} if silent else {})
    assert main(["hub", action, "--site", "demo"]) == end
    said = capsys.readouterr()
    assert ("the hub answers" in said.out) == (end == 0 and action != "stop")
    if end:
        assert (silent or "service hub is in a crash loop") in said.err
        assert "./cyberhubs hub logs --site demo" in said.err


@pytest.mark.parametrize("words", [["hub", "down"], ["access", "allow", "ada"]])
def test_a_command_for_a_hub_names_its_site(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "--site" in capsys.readouterr().err
