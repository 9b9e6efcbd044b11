"""Runs that break off: the network, a kill at any moment, two at once. The next run ends the work."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from testhost.relay import Relay

from cyberhubs_lib import ssh
from cyberhubs_lib.change import UNIT
from cyberhubs_lib.errors import ConnectionLost
from cyberhubs_lib.host import connect


def until(condition, seconds=60):
    for _ in range(seconds * 10):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def changing(server):
    return server.sh(f"systemctl is-active -q {UNIT}")[0] == 0


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
    text = f"from cyberhubs_lib.host import connect; h = connect({server.host!r});"
    text += "h.runbook = '04_install_docker'; h.change('echo at work; sleep 30')"
    first = subprocess.Popen([sys.executable, "-c", text], env=operator.environment())
    try:
        until(lambda: changing(server))
        second = operator.papermill("02_prepare_os", host=server.host)
        assert second.code == 1
        assert "is being changed by 04_install_docker by" in second.out
        assert f"process {first.pid}, since" in second.out
        advice = re.search(r"`(sudo [^`]+)` on the host shows its work", second.out)[1]
        assert server.sh(f"timeout 2 {advice}", user="debian")[1] == "at work\n"
        assert operator.papermill("02_prepare_os", host=server.host, dry_run="true").code == 0
    finally:
        first.kill()
        server.sh(f"systemctl stop {UNIT}")


def kill(run):
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def test_killed_in_the_middle_of_the_packages_it_goes_on(operator, server):
    command = [sys.executable, "-m", "cyberhubs_lib", "run", "02", "-p", "host", server.host]
    run = subprocess.Popen(command, env=operator.environment(), start_new_session=True)
    until(lambda: server.sh("pgrep -x dpkg || ls /var/lib/dpkg/updates | grep .")[0] == 0, 120)
    kill(run)
    assert changing(server)  # dpkg is not interrupted: it works on
    done = operator.papermill("02_prepare_os", host=server.host)
    assert done.code == 0, done.out
    assert server.sh("dpkg --audit; git --version")[0] == 0
    assert operator.papermill("02_prepare_os", host=server.host).rows("changed") == []


@pytest.mark.parametrize("runbook", ["02_prepare_os", "03_prepare_storage", "04_install_docker"])
def test_stopped_before_any_cell_it_goes_on(operator, server, runbook, tmp_path):
    """The cells up to the n-th in one process that is then killed, for all n; then all of it."""
    with open(f"runbooks/{runbook}.ipynb") as file:
        cells = json.load(file)["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    env = operator.environment(
        CYBERHUBS_TEST="1", CYBERHUBS_HOST=server.host, CYBERHUBS_DEVICE=str(server.device),
        CYBERHUBS_CONFIRM=str(server.device),
    )  # fmt: skip
    for n in range(1, len(code)):
        script = tmp_path / f"{n}.py"
        script.write_text("\n".join([*code[:n], "import os, signal",
                                     "os.kill(os.getpid(), signal.SIGKILL)"]))  # fmt: skip
        done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
    more = {"device": str(server.device), "confirm": str(server.device)}
    params = more if runbook.startswith("03") else {}
    for _ in range(2):
        done = operator.papermill(runbook, host=server.host, **params)
        assert done.code == 0, done.out
    assert done.rows("changed") == []
    assert server.sh("ls -dA /run/cyberhubs/* /etc/fstab.* /etc/.cyberhubs* 2>/dev/null")[1] == ""
