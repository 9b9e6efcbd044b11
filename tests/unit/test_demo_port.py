"""The demo's command, up to the point where it would touch an engine."""

import socket

import pytest

from cyberhubs_lib import demo
from cyberhubs_lib.cli import main
from cyberhubs_lib.sitefile import load_site

SITE = "host: localhost\ndata_root: trial-data\nlogin: {standin: [{login: ada}]}\n"


@pytest.fixture
def site(tmp_path):
    file = tmp_path / "trial.yaml"
    file.write_text(SITE)
    return file


@pytest.mark.parametrize("before", [None, "", "# empty\n", "limits: {memory: 1G}\n"])
def test_the_port_is_remembered_beside_the_site(site, before):
    local = site.with_suffix(".local.yaml")
    if before is not None:
        local.write_text(before)
    demo.remember(str(site), "http://127.0.0.1:8123")
    assert load_site(str(site)).port == 8123
    assert (load_site(str(site)).limits.memory == "1G") is ("1G" in (before or ""))


@pytest.mark.parametrize(
    ("port", "local", "said"),
    [
        (8123, "limits: [1G\n", "trial.local.yaml is not YAML"),
        (8123, "- a\n", "trial.local.yaml cannot be used"),
        (8123, "host: debian@hub.example.org\n", "is not a demo"),
        (0, "", "--port 0 is no port"),
        (65536, "", "--port 65536 is no port"),
    ],
)
def test_no_port_is_remembered_after_a_mistake(site, port, local, said, capsys):
    site.with_suffix(".local.yaml").write_text(local)
    assert main(["demo", "--site", str(site), "--port", str(port)]) == 1
    assert said in capsys.readouterr().err
    assert site.with_suffix(".local.yaml").read_text() == local


def test_a_taken_port_is_said_before_anything_is_built(site, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["demo", "--site", str(site), "--port", str(port)]) == 1
    said = capsys.readouterr()
    assert f"port {port} of this machine is 'taken'" in said.err
    assert "demo --port" in said.err
    assert said.out == ""
    assert not site.with_suffix(".local.yaml").exists()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"allowed": True, "admin": True}, "may come in and is an administrator"),
        ({"allowed": True, "admin": False}, "may come in"),
        ({"allowed": False, "admin": False, "why": "blocked"}, "is refused: blocked"),
    ],
)
def test_what_the_hub_says_of_an_account(found, words):
    assert demo.role(found) == words
