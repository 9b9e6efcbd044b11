"""The ssh connection itself: one for many scripts, whatever the server allows on it."""

import subprocess
from pathlib import Path

import pytest
from laws import until
from testhost.relay import Relay

from cyberhubs_lib.begin import start
from cyberhubs_lib.engine import engine
from cyberhubs_lib.errors import NoAnswer
from cyberhubs_lib.host import connect


@pytest.fixture
def host(in_process, server):
    """Over a relay, so that connections can be counted and broken."""
    with Relay(server.port) as relay:
        host = connect(f"debian@127.0.0.1:{relay.port}", server.key, accept_new=True)
        yield host, relay
        host.reconnect()


@pytest.mark.parametrize("sessions", [2, 10])
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


NOISE = {
    "a line": "echo 'Welcome to hub'",
    "no end of line, both outputs": "printf 'cpus=7'; printf 'careful ' >&2",
    "control characters, no text": r"printf '\033[31mred\033[0m \000\377\n'",
    "much": "yes 'id=plan9' | head -c 300000; yes oops | head -c 300000 >&2",
    "at the end": "trap 'echo bye; exit 7' EXIT",
    "behind our back": "sleep 300 &",
}


@pytest.fixture(params=NOISE)
def noisy(server, request):
    """The server, whose login shells print something: ~/.bashrc counts for commands by ssh, too."""
    lines = f"\n{NOISE[request.param]}\n"
    write = 'cp -n .bashrc .bashrc.quiet; printf %s "$1" | cat - .bashrc.quiet > .bashrc'
    done = server.container.exec_run(["sh", "-c", write, "sh", lines], user="debian",
                                     workdir="/home/debian")  # fmt: skip
    assert done.exit_code == 0, done.output
    yield server
    server.sh("cd && mv .bashrc.quiet .bashrc; pkill -x sleep", "debian")


def test_what_a_login_shell_prints_is_no_answer(host, noisy):
    host, _ = host
    assert (host.facts.id, host.facts.user, host.facts.sudo) == ("debian", "debian", "free")
    for root in (False, True):
        found = host.run("echo out; echo err >&2; exit 3", root=root)
        assert (found.code, found.out, found.err) == (3, "out\n", "err\n")
        answers = host.batch(["date -u +%Y", "exit 9", "printf x"], root=root)
        assert [a.code for a in answers] == [0, 9, 0]
        assert answers[0].out.strip().isdigit()
        assert answers[2].out == "x"


# it answers as Docker does: the whole of Docker is in test_docker_trouble.py
DIAL = """#!/usr/bin/perl
$| = 1;
while (<STDIN>) { next unless /^\\r$/;
  my $said = '{"ApiVersion": "1.44"}';
  printf "HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s", length $said, $said }
"""


def test_what_a_login_shell_prints_is_not_docker_s(host, noisy):
    host, _ = host
    write = 'printf %s "$1" > /usr/bin/docker; chmod 755 /usr/bin/docker'
    noisy.container.exec_run(["sh", "-c", write, "sh", DIAL])
    with engine(host) as client:
        assert client.version()["ApiVersion"] == "1.44"
    noisy.sh("rm /usr/bin/docker")


def _rows(host, runbook):
    """What it finds, by labels, in a dry run; with a login and a connection of its own."""
    run = start(runbook, host=host, dry_run=True)
    reports = [run.facts(), run.requirements(), *map(run.plan, run.recipe.steps), run.verify()]
    assert run.host.round_trips <= 3
    run.host.reconnect()
    run.host.known.clear()
    varies = ("free on /", "memory")
    rows = [row for report in reports for row in report.rows if row.label not in varies]
    return {row.label: (row.was, row.status) for row in rows}


def test_runbooks_find_on_a_noisy_server_what_they_find_on_a_quiet_one(in_process, server):
    books = ["00_start_here", "02_prepare_os"]
    quiet = [_rows(server.host, runbook) for runbook in books]
    assert quiet[0]["clock"] == ("the same", "ok")
    server.sh("cd && cp .bashrc .bashrc.quiet && sed -i '1i echo Welcome' .bashrc", "debian")
    noisy = [_rows(server.host, runbook) for runbook in books]
    server.sh("cd && mv .bashrc.quiet .bashrc", "debian")
    assert noisy == quiet


def test_a_shell_that_runs_nothing_is_said(host, server):
    host, _ = host
    server.sh("cd && cp .bashrc .bashrc.quiet && sed -i '1i echo Closed; exit 0' .bashrc", "debian")
    try:
        with pytest.raises(NoAnswer, match="the login shell ended before it had run") as error:
            host.read("id", root=False)
        assert "Closed" in error.value.evidence
    finally:
        server.sh("cd && mv .bashrc.quiet .bashrc", "debian")


def test_a_question_that_hangs_is_named(host):
    host, _ = host
    with pytest.raises(NoAnswer, match="did not answer within 2 s: sleep 300"):
        host.batch(["sleep 300"], root=False, seconds=2)
    assert host.read("echo goes on", root=False) == "goes on\n"
