"""What goes wrong at the door: one clear message each, no traceback, nothing touched."""

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pexpect
import pytest
from laws import changing, until
from testhost.relay import Relay

from cyberhubs_lib import start
from cyberhubs_lib.errors import (
    CommandFailed,
    ConnectError,
    ConnectionLost,
    PreconditionFailed,
    Unsupported,
)
from cyberhubs_lib.host import PASSWORD_VARIABLE, connect
from cyberhubs_lib.runs import place
from cyberhubs_lib.site import REPOSITORY


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"hosst": "x"}, "'hosst' is not a parameter of this runbook"),
        ({"dry_run": "maybe"}, "dry_run = 'maybe'"),
        ({"host": ""}, "no host is named"),
        ({"site": "nowhere"}, "there is no site file"),
    ],
)
def test_papermill_with_wrong_parameters(operator, server, params, said):
    done = operator.papermill("00_start_here", **{"host": server.host, **params})
    assert done.code == 1
    assert said in done.out
    assert "to do:" in done.out
    assert done.rows("ok") == []


def test_the_message_in_the_notebook_is_no_traceback(operator, server):
    done = operator.papermill("00_start_here", host=server.host, dry_run="maybe")
    text = done.path.read_text()
    assert "SettingsError: dry_run" in text
    assert "runbook.py" not in text


def test_our_own_command_says_it_in_a_few_lines(operator, server):
    done = operator.call(sys.executable, "-m", "cyberhubs_lib", "run", "00", "-p", "host", "x@y:1")
    assert done.code == 1
    assert "no address is known for the name 'y'" in done.out
    assert "Traceback" not in done.out
    assert len(done.out.splitlines()) <= 8


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("debian@127.0.0.1:1", "no ssh server answered at debian@127.0.0.1:1"),
        ("debian@no-such-host.invalid", "no address is known"),
    ],
)
def test_unreachable(in_process, host, said):
    with pytest.raises(ConnectError, match="to do") as error:
        start("00_start_here", host=host)
    assert said in str(error.value)


def test_unknown_host_key_is_refused_with_its_fingerprint(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConnectError, match=r"SHA256:(.|\n)*accept_new_host_key") as error:
        connect(server.host, str(server.key)).facts  # noqa: B018
    shown = str(error.value)
    code, real = server.sh("for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done")
    assert code == 0
    assert any(word in shown for word in real.split() if word.startswith("SHA256:"))
    assert not (tmp_path / ".ssh" / "known_hosts").exists()


def test_new_host_key_is_accepted_if_the_site_says_so(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    known = tmp_path / ".ssh" / "known_hosts"
    known.parent.mkdir()
    _, kind, key, *_ = Path(server.known_hosts).read_text().split()
    known.write_text(f"elsewhere {kind} {key}")  # edited by hand: no newline at the end
    site = tmp_path / "mine.yaml"
    site.write_text(f"host: {server.host}\nidentity_file: {server.key}\n")
    with pytest.raises(ConnectError, match="is not known"):
        start("00_start_here", site=str(site))
    site.write_text(site.read_text() + "accept_new_host_key: true\n")
    assert start("00_start_here", site=str(site)).host.facts.user == "debian"
    assert connect(server.host, str(server.key)).facts.user == "debian"  # known from now on
    assert [line.split()[0] for line in known.read_text().splitlines()] == [
        "elsewhere", f"[127.0.0.1]:{server.port}",
    ]  # fmt: skip


def test_host_keys_are_known_from_every_file_that_ssh_reads(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    mine = f"Host *\n  UserKnownHostsFile ~/mine {server.known_hosts}\n"
    (tmp_path / ".ssh" / "config").write_text(mine)
    assert connect(server.host, str(server.key)).facts.user == "debian"


def test_a_new_host_key_that_cannot_be_kept_is_not_accepted(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh" / "known_hosts").mkdir(parents=True)
    with pytest.raises(ConnectError, match=r"cannot be kept: .*known_hosts"):
        connect(server.host, str(server.key), accept_new=True).facts  # noqa: B018


def test_changed_host_key_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    kind, key, *_ = other.with_suffix(".pub").read_text().split()
    name = f"[127.0.0.1]:{server.port}"
    (tmp_path / ".ssh" / "known_hosts").write_text(f"{name} {kind} {key}\n")
    with pytest.raises(ConnectError, match="has changed"):
        connect(server.host, str(server.key), accept_new=True).facts  # noqa: B018


@pytest.fixture
def behind(server, tmp_path, monkeypatch):
    """An alias for the server as one reaches it by way of itself: its own port 22, after a jump."""
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    (ssh / "config").write_text(
        f'Host *\n  IdentityFile "{server.key}"\n'
        f"Host behind\n  HostName localhost\n  User debian\n  ProxyJump {server.host}\n"
    )
    known = Path(server.known_hosts).read_text()
    (ssh / "known_hosts").write_text(
        known + known.replace(f"[127.0.0.1]:{server.port}", "localhost")
    )
    return ssh / "known_hosts"


def test_a_host_behind_another(behind):
    host = connect("behind")
    assert host.facts.user == "debian"
    assert host.read("echo $SSH_CONNECTION", root=False).split()[0] in ("127.0.0.1", "::1")


def test_the_key_of_a_host_in_between_must_be_known_too(behind, server):
    behind.write_text("".join(line for line in behind.open() if line.startswith("localhost")))
    with pytest.raises(ConnectError, match=f"the host key of .*{server.port} is not known"):
        connect("behind").facts  # noqa: B018


def test_refused_key(in_process, server, tmp_path):
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    host = server.login("nosuchuser")
    with pytest.raises(ConnectError, match="refused the login"):
        connect(host, str(other)).facts  # noqa: B018


def test_a_key_that_is_not_there(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text(Path(server.known_hosts).read_text())
    (tmp_path / ".ssh" / "config").write_text("Host *\n  IdentityFile ~/no-such-key\n")
    with pytest.raises(ConnectError, match="no-such-key cannot be read"):
        connect(server.host).facts  # noqa: B018


def test_no_sudo(in_process, server):
    run = start("02_prepare_os", host=server.login("nosudo"))
    with pytest.raises(PreconditionFailed, match="nosudo cannot become root"):
        run.requirements()


def test_sudo_that_wants_a_terminal(operator, server):
    """In its own words, and before anything else."""
    server.sh("echo 'Defaults requiretty' > /etc/sudoers.d/zz-tty")
    try:
        done = operator.papermill("00_start_here", host=server.host)
        assert done.code == 1
        assert "sudo: sorry, you must have a tty to run sudo" in done.out
        server.sh("echo 'Defaults !requiretty' > /etc/sudoers.d/zz-tty")  # as it says
        assert "`Defaults !requiretty`" in " ".join(done.out.split())
        assert operator.papermill("00_start_here", host=server.host).code == 0
    finally:
        server.sh("rm /etc/sudoers.d/zz-tty")


def test_a_masked_unit_is_said_before_anything_is_changed(operator, server):
    server.sh("systemctl mask -q apt-daily.timer")
    done = operator.papermill("02_prepare_os", host=server.host)
    assert done.code == 1
    assert "masked units is 'apt-daily.timer'" in done.out
    assert done.rows("changed") == []
    (command,) = re.findall("`sudo (systemctl unmask) NAME`", done.out)
    assert server.sh(f"{command} apt-daily.timer")[0] == 0
    dry = operator.papermill("02_prepare_os", host=server.host, dry_run="true")
    assert {row["status"] for row in dry.reports["Requirements"]["rows"]} == {"ok"}


def test_sudo_with_password_from_the_environment(in_process, server, monkeypatch, tmp_path):
    canary = "canary-sudo-1234"
    server.set_password("pwsudo", canary)
    host = server.login("pwsudo")
    with pytest.raises(PreconditionFailed, match=PASSWORD_VARIABLE):
        start("02_prepare_os", host=host).requirements()
    monkeypatch.setenv(PASSWORD_VARIABLE, "not-the-password")
    with pytest.raises(CommandFailed, match="sudo password"):
        start("02_prepare_os", host=host).requirements()
    monkeypatch.setenv(PASSWORD_VARIABLE, canary)
    run = start("02_prepare_os", host=host)
    run.requirements()
    assert run.host.read("id -u").strip() == "0"
    assert canary not in str(run.host.log)
    assert server.sh(f"grep -rl {canary} /var/log /tmp /home 2>/dev/null")[1] == ""


def test_sudo_password_from_a_prompt(operator, server):
    canary = "canary-prompt-1234"
    server.set_password("pwsudo", canary)
    arguments = ["run", "02", "-p", "host", server.login("pwsudo"), "-p", "dry_run", "true"]
    terminal = pexpect.spawn(
        sys.executable, ["-m", "cyberhubs_lib", *arguments], env=operator.environment(),
        cwd=str(REPOSITORY), timeout=120, encoding="utf-8",
    )  # fmt: skip
    terminal.expect("sudo password of pwsudo")
    terminal.sendline(canary)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 2, terminal.before  # a host with something to do
    assert canary not in terminal.before


def test_unsupported_system(in_process, server):
    server.sh("cp /etc/os-release /root/keep; printf 'ID=centos\\nVERSION_ID=7\\n"
              "PRETTY_NAME=\"CentOS Linux 7\"\\n' > /etc/os-release")  # fmt: skip
    try:
        with pytest.raises(Unsupported, match="CentOS Linux 7 no longer gets updates"):
            start("02_prepare_os", host=server.host)
    finally:
        server.sh("cat /root/keep > /etc/os-release")


def test_full_disk_is_named(in_process, server):
    server.sh("mkdir -p /mnt/full && mount -t tmpfs -o size=4k tmpfs /mnt/full")
    host = connect(server.host)
    with pytest.raises(CommandFailed, match="df -h"):
        host.read("dd if=/dev/zero of=/mnt/full/x bs=1k count=64 2>&1")


def test_docker_not_there(in_process, server):
    run = start("09_launch_hub", host=server.host, site="demo")
    with pytest.raises(PreconditionFailed, match="run 04_install_docker first"):
        run.requirements()


def test_a_taken_port_is_told_from_a_free_one(operator, server, tmp_path):
    """Also where there is no Docker, of which another row tells."""
    site = tmp_path / "s.yaml"
    site.write_text(
        f"public_url: http://{server.ip}:8080\nbind_address: {server.ip}\n"
        "login: {standin: [{login: ada}]}\n"
    )
    for found, status in (("free", "ok"), ("taken", "failed")):
        done = operator.papermill("09_launch_hub", host=server.host, site=str(site))
        assert done.code == 1
        rows = {row["label"]: row for row in done.reports["Requirements"]["rows"]}
        assert (rows["port 8080"]["was"], rows["port 8080"]["status"]) == (found, status)
        server.listen(8080)
    assert "port 8080 is 'taken'" in done.out
    assert "`ss -ltnp sport = :8080` on the host tells who has it" in done.out
    assert "perl" in server.sh("ss -ltnp sport = :8080")[1]


def test_missing_storage_is_said(in_process, server, tmp_path):
    site = tmp_path / "s.yaml"
    site.write_text("login: {standin: [{login: ada}]}\n")
    with pytest.raises(PreconditionFailed, match="run 03_prepare_storage first"):
        start("06_configure_hub", host=server.host, site=str(site)).requirements()


def test_connection_lost_in_the_middle_then_run_again(operator, in_process, server):
    with Relay(server.port) as relay:
        known = f"[127.0.0.1]:{server.port} ", f"[127.0.0.1]:{relay.port} "
        path = operator.home / ".ssh" / "known_hosts"
        path.write_text(path.read_text() + path.read_text().replace(*known))
        host = connect(f"debian@127.0.0.1:{relay.port}")
        assert host.facts.user == "debian"
        with ThreadPoolExecutor(1) as thread:
            read = thread.submit(host.read, "sleep 300")
            until(lambda: server.sh("pgrep -fx 'sleep 300'")[0] == 0)
            relay.drop()
            with pytest.raises(ConnectionLost, match="run this runbook again"):
                read.result(60)
        assert host.read("echo back").strip() == "back"


def hears_ctrl_c():
    """Also if the tests themselves were started in the background, where shells ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def children(run):
    shown = ["ps", "-o", "args=", "--ppid", str(run.pid)]
    return subprocess.run(shown, capture_output=True, text=True).stdout


def records(server):
    return set(place("", server.host).glob("*_02_prepare_os.ipynb"))


MOMENTS = {
    "Python imports": lambda run, server, new: True,
    "the kernel is starting": lambda run, server, new: "ipykernel" in children(run),
    "just there": lambda run, server, new: any('"running"' in r.read_text() for r in new),  # a cell
    "at work": lambda run, server, new: changing(server),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_ends_with_130_and_one_line(operator, server, moment):
    before, command = records(server), [sys.executable, "-m", "cyberhubs_lib", "run", "02"]
    run = subprocess.Popen([*command, "-p", "host", server.host], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, env=operator.environment(),
                           start_new_session=True, preexec_fn=hears_ctrl_c)  # fmt: skip
    assert run.stdout.read(13) == "02_prepare_os"  # it has begun
    now = MOMENTS[moment]
    until(lambda: now(run, server, records(server) - before) or run.poll() is not None, 120)
    os.killpg(run.pid, signal.SIGINT)
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 130, out
    assert "run it again" in out
    assert "Traceback" not in out
