"""The ssh connection itself: one for many scripts, whatever the server allows on it."""

import subprocess
from pathlib import Path

import pytest
from laws import until
from testhost.relay import Relay

from cyberhubs_lib.host import connect


@pytest.fixture
def host(in_process, server):
    """Over a relay, so that connections can be counted and broken."""
    with Relay(server.port) as relay:
        host = connect(f"debian@127.0.0.1:{relay.port}", server.key, accept_new=True)
        yield host, relay
        host.reconnect()


@pytest.mark.parametrize("sessions", [10, 2])
def test_many_scripts_on_one_connection(server, host, sessions):
    host, relay = host
    server.sh(
        f"echo MaxSessions {sessions} > /etc/ssh/sshd_config.d/01-few.conf; systemctl restart ssh"
    )
    for number in range(6):
        assert host.read(f"echo {number}; id -u", root=number % 2 == 0).split()[0] == str(number)
    assert relay.connections == 1


def test_a_script_gets_all_of_its_text_and_nothing_else(host):
    host, _ = host
    text = "x" * 200_000
    assert host.read(f"cat <<'END' | wc -c\n{text}\nEND", root=True) == "200001\n"
    assert host.read("cat", root=False) == ""


def test_a_key_of_the_agent_is_enough(server, tmp_path, monkeypatch):
    """No identity_file, and nothing in ~/.ssh but known_hosts."""
    known, socket = tmp_path / ".ssh" / "known_hosts", tmp_path / "agent"
    known.parent.mkdir()
    known.write_text(Path(server.known_hosts).read_text())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL
    ) as agent:
        try:
            until(socket.exists)
            subprocess.run(["ssh-add", "-q", server.key], check=True)
            assert connect(server.host).facts.user == "debian"
        finally:
            agent.terminate()
