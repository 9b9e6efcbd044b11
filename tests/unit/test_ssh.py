"""What the operator wrote about the way to a host: each mistake is named before anything is tried."""

import pytest

from cyberhubs_lib.errors import SettingsError
from cyberhubs_lib.host import connect


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """~/.ssh of an operator."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh"


@pytest.mark.parametrize(
    "target",
    ["@", "debian@", ":22", "", "two words", "a@b:0", "a@b:65536", "a@b:x", "[::1]:22", "a\0b"],
)
def test_a_target_that_names_no_host(ssh, target):
    with pytest.raises(SettingsError, match="cannot be read") as error:
        connect(target)
    assert "user@name:port" in str(error.value)


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("debian@hub.example.org", "hub.example.org", 22),
        ("debian@hub.example.org:2222", "hub.example.org", 2222),
        ("my-alias", "10.0.0.7", 2022),
        ("name@domain.org@hub", "hub", 22),
        ("debian@fd00::7", "fd00::7", 22),
    ],
)
def test_a_target_that_does(ssh, target, host, port):
    (ssh / "config").write_text("Host my-alias\n  HostName 10.0.0.7\n  Port 2022\n")
    made = connect(target).transport.connection
    assert (made.host, made.port) == (host, port)


@pytest.mark.parametrize(
    "text",
    ["Host *\n  bogus\n", 'Host "a\n', "Host x\n  Port many\n", "Match exec\n", "Host \xff\n"],
)
def test_a_broken_ssh_config(ssh, text):
    (ssh / "config").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"~/.ssh/config cannot be used") as error:
        connect("x")
    assert "`ssh -G x`" in error.value.todo


@pytest.mark.parametrize("text", ["h ssh-rsa not!base64\n", "h \xff\n"])
def test_a_broken_known_hosts(ssh, text):
    (ssh / "known_hosts").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"~/.ssh/known_hosts cannot be used"):
        connect("x")
