"""Runs that break off: the network, a kill at any moment, two at once. The next run ends the work."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from laws import at_work, changing, kill_at_each_cell, until
from roll_back import differences, state
from testhost.relay import Relay
from testhost.testhost import TestHost

from cyberhubs_lib import ssh
from cyberhubs_lib.errors import ConnectionLost, HostBusy
from cyberhubs_lib.host import connect
from cyberhubs_lib.resources.restart import Restart


def test_a_change_ends_well_although_the_connection_broke(operator, server, in_process):
    with Relay(server.port) as relay:
        host = connect(f"debian@127.0.0.1:{relay.port}", accept_new=True)
        assert host.facts.sudo == "free"
        lost = []

        def change():
            try:
                host.change("touch /root/begun; sleep 2; touch /root/ended")
            except ConnectionLost as error:
                lost.append(error)

        thread = threading.Thread(target=change)
        thread.start()
        until(lambda: server.sh("ls /root/begun")[0] == 0)
        relay.drop()
        thread.join(20)
        assert len(lost) == 1
        until(lambda: server.sh("ls /root/ended")[0] == 0)
        assert host.change("echo on").out == "on\n"
        assert server.sh("ls -A /run/cyberhubs")[1].count(".sh") == 0


def test_a_line_that_is_silently_dead_is_noticed(server, in_process, monkeypatch):
    monkeypatch.setattr(ssh, "KEEPALIVE_SECONDS", 1)
    monkeypatch.setattr(ssh, "SILENCE_SECONDS", 3)
    with Relay(server.port) as relay:
        host = connect(f"debian@127.0.0.1:{relay.port}", accept_new=True)
        assert host.facts.user == "debian"
        threading.Timer(0.5, relay.swallow).start()
        began = time.monotonic()
        with pytest.raises(ConnectionLost, match="run this runbook again"):
            host.read("sleep 60")
        assert 3 < time.monotonic() - began < 15
        assert host.read("echo back").strip() == "back"  # on a new connection


def test_a_quiet_command_is_no_dead_line(server, in_process, monkeypatch):
    monkeypatch.setattr(ssh, "KEEPALIVE_SECONDS", 1)
    monkeypatch.setattr(ssh, "SILENCE_SECONDS", 2)
    host = connect(server.host)
    assert host.read("sleep 6; echo done") == "done\n"


def test_the_second_of_two_runs_says_who_holds_the_lock(operator, server):
    with at_work(operator, server) as first:
        second = operator.papermill("02_prepare_os", host=server.host)
        assert second.code == 1
        assert "is being changed by 04_install_docker by" in second.out
        assert f"process {first.pid}, since" in second.out
        advice = re.search(r"`(sudo [^`]+)` on the host shows its work", second.out)[1]
        assert server.sh(f"timeout 2 {advice}", user="debian")[1] == "at work\n"
        assert operator.papermill("02_prepare_os", host=server.host, dry_run="true").code == 0


KEPT = 'Defaults env_keep += "http_proxy"'  # Debian 13's sudo keeps none by itself


def test_a_change_knows_the_proxy_of_the_host(server, in_process):
    server.sh("cp -p /etc/environment /root/; echo http_proxy=http://far >> /etc/environment")
    server.sh(f"echo '{KEPT}' > /etc/sudoers.d/proxy")
    try:
        host = connect(server.host)
        ask = 'echo "$http_proxy"'
        assert [host.read(ask), host.change(ask).out] == ["http://far\n"] * 2
    finally:
        server.sh("mv /root/environment /etc/environment; rm /etc/sudoers.d/proxy")


def test_no_restart_while_another_run_is_at_work(operator, server, in_process):
    booted = server.booted
    with at_work(operator, server), pytest.raises(HostBusy, match="04_install_docker"):
        Restart.perform(connect(server.host), [], print)
    assert server.booted == booted


def kill(run):
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def test_killed_in_the_middle_of_the_packages_it_goes_on(operator, server):
    command = [sys.executable, "-m", "cyberhubs_lib", "run", "02", "-p", "host", server.host]
    run = subprocess.Popen(command, env=operator.environment(), start_new_session=True)
    # held in its work, or a slow machine kills the run when dpkg has ended already
    held = (
        "systemctl is-active -q cyberhubs-change && pkill -STOP -x dpkg && sleep 0.1 &&"
        " ps -o stat= -C dpkg | grep -q ^T"  # and none that was about to end
    )
    until(lambda: server.sh(held)[0] == 0, 120)
    kill(run)
    assert changing(server)
    assert server.sh("pkill -CONT -x dpkg")[0] == 0  # it is not interrupted: it works on
    done = operator.papermill("02_prepare_os", host=server.host)
    assert done.code == 0, done.out
    assert server.sh("dpkg --audit; git --version")[0] == 0
    assert operator.papermill("02_prepare_os", host=server.host).rows("changed") == []


# A clock that is two days slow until it is set: the machine's own, which all share, stays as it is.
SLOW = r"""
cat >/usr/local/bin/date <<'END'
#!/bin/sh
case $1 in
-s) echo "${2#@}" >/root/set; rm /usr/local/bin/date ;;
+%s) echo $(($(/usr/bin/date +%s) - 172800)) ;;
*) exec /usr/bin/date "$@" ;;
esac
END
cat >/usr/local/bin/timedatectl <<'END'
#!/bin/sh
echo no
END
chmod +x /usr/local/bin/date /usr/local/bin/timedatectl
"""


def test_after_a_loss_of_power_the_next_run_sets_the_clock_and_ends_what_was_cut_off(
    operator, server
):
    """dpkg itself is killed, in the middle of its work."""
    server.sh("dpkg --purge --force-depends rsync wget")
    command = [sys.executable, "-m", "cyberhubs_lib", "run", "02", "-p", "host", server.host]
    run = subprocess.Popen(command, env=operator.environment(), start_new_session=True)
    held = "pkill -STOP -x dpkg && dpkg --audit | grep -q . || { pkill -CONT -x dpkg; false; }"
    until(lambda: server.sh(held)[0] == 0, 120)
    server.sh("systemctl kill -s KILL cyberhubs-change")
    assert run.wait() == 1
    assert server.sh(SLOW)[0] == 0
    said = operator.papermill("00_start_here", host=server.host).reports["Verify"]["rows"]
    assert [row["was"] for row in said if row["label"] == "clock"] == ["2 days slow"]
    dry = operator.papermill("02_prepare_os", host=server.host, dry_run="true")
    assert dry.rows("would change")[:2] == ["clock", "package manager"]
    done = operator.papermill("02_prepare_os", host=server.host)
    assert done.code == 0, done.out
    assert done.rows("changed")[:2] == ["clock", "package manager"]
    _, set_to = server.sh("cat /root/set; rm /root/set /usr/local/bin/timedatectl")
    assert abs(int(set_to) - time.time()) < 900
    assert server.sh("dpkg --audit | grep .; rsync --version && wget --version")[0] == 0
    assert operator.papermill("02_prepare_os", host=server.host).rows("changed") == []


# The server mounts a directory of its own by ssh, and accepts its own key when there is one.
MOUNTS = """\
host: {host}
mounts:
  - {{kind: sshfs, source: "debian@127.0.0.1:/srv", host_key: "{key}", path: data/sky}}
  - {{kind: other, type: tmpfs, source: tmpfs, path: data/scratch}}
"""
# Files that a change removes or renames at its end.
LEFT = (
    "find /run/cyberhubs /etc /usr/local -xdev -path '/run/cyberhubs/*' -o -name '.cyberhubs.*'"
    " -o -name 'fstab.*' -o -name '*cyberhubs.conf.*'"
)
ACCEPT = "cat /etc/cyberhubs/mounts/mnt/data/sky/key.pub >> ~debian/.ssh/authorized_keys"


RUNBOOKS = ["02_prepare_os", "03_prepare_storage", "04_install_docker", "05_mount_data"]


def parameters(server, runbook, folder):
    """Of a runbook; 05 has a site."""
    if runbook.startswith("03"):
        return {"host": server.host, "device": server.device, "confirm": server.device}
    if not runbook.startswith("05"):
        return {"host": server.host}
    key = server.sh("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub")[1].strip()
    file = folder / "interrupted.yaml"
    file.write_text(MOUNTS.format(host=server.host, key=key))
    return {"site": str(file)}


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_stopped_before_any_cell_it_goes_on(operator, server, runbook, tmp_path):
    params = parameters(server, runbook, tmp_path)
    kill_at_each_cell(operator, runbook, lambda: server.sh(ACCEPT), **params)
    for _ in range(2):
        done = operator.papermill(runbook, **params)
        assert done.code == 0, done.out
    assert done.rows("changed") == []
    assert server.sh(LEFT)[1] == ""


# What is each server's own: its keys and names; and what these tests left.
OWN = (
    "/etc/(ssh/ssh_host_|machine-id|hostname|hosts|fstab)",
    "/etc/cyberhubs/mounts/",
    "/root/(begun|ended)",  # of a test above
    "/.ssh/authorized_keys",
)


def called_alike(server):
    """What there is, with the same name for each server's disk."""
    return {line.replace(server.device, "DISK") for line in state(server)}


def test_the_end_is_that_of_an_undisturbed_run(operator, server, tmp_path):
    with TestHost.up("undisturbed") as other:
        operator.knows(other)
        for runbook in RUNBOOKS:
            params = parameters(other, runbook, tmp_path)
            if runbook.startswith("05"):  # once for the key that the other end must accept
                operator.papermill(runbook, **params)
                other.sh(ACCEPT)
            done = operator.papermill(runbook, **params)
            assert done.code == 0, done.out
        left = differences(called_alike(other), called_alike(server), *OWN)
        assert left == [], "\n".join(left)
        fstab = "sed 's/^UUID=[^ ]*/UUID/' /etc/fstab"
        assert other.sh(fstab) == server.sh(fstab)


# A program of the change is replaced, as libc is by an update; then what apt runs after packages.
NEEDRESTART = """
set -e
cd /usr/local/bin; mv works old; cp /bin/sleep works; rm old
export DEBIAN_FRONTEND=noninteractive
needrestart -r a -m a
"""


def test_needrestart_leaves_a_change_alone(operator, server, in_process):
    """The last one: it leaves packages behind."""
    code, out = server.sh(
        "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install needrestart"
        " && cp /bin/sleep /usr/local/bin/works"
    )
    assert code == 0, out
    found = []
    script = "works 999; echo worked on"
    thread = threading.Thread(target=lambda: found.append(connect(server.host).change(script)))
    thread.start()
    try:
        until(lambda: server.sh("pgrep -x works")[0] == 0)
        code, out = server.sh(NEEDRESTART)
        assert code == 0, out
        assert "refused by systemd" in out
    finally:
        server.sh("pkill -x works")
        thread.join(20)
    assert [result.out for result in found] == ["worked on\n"]
