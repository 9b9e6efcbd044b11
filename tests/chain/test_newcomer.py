"""What a newcomer does: one command, in a fresh copy on a machine that has only git and Python."""

import re

import pytest
from testhost.newcomer import demo, newcomer


@pytest.fixture(scope="module")
def machine():
    """The newcomer's."""
    with newcomer() as made:
        yield made


def test_one_command_brings_up_a_hub(machine):
    code, out = demo(machine)
    assert code == 0, out
    said = "needs a Docker engine, there is none. Installing from the distribution: docker.io"
    assert said in out
    assert "Installing from the distribution: python3-venv" in out
    *_, where, how, ada, _ben, _mallory = out.strip().splitlines()
    assert where == "The hub is at http://127.0.0.1:8000"
    assert "stand-in for GitHub" in how
    assert ada.split()[0] == "ada"
    assert machine.sh("curl -fsS http://127.0.0.1:8000/hub/login | grep -c 'Sign in'")[1] != "0\n"


def test_a_second_demo_takes_seconds_and_changes_nothing(machine):
    code, out = demo(machine)
    assert code == 0, out
    lines = [line for line in out.splitlines() if re.match(r"\d\d_", line)]
    assert len(lines) == 4
    assert all(" ok" in line and "changed" not in line for line in lines), out


def test_all_of_it_is_removed_again(machine):
    assert demo(machine, "--down", "--data")[0] == 0
    _, left = machine.sh("docker ps -aq; docker volume ls -q; ls -A ~debian/.local/share/cyberhubs")
    assert left == ""
