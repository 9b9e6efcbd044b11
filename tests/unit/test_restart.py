"""When a restart is needed, asked of real files; and that it is a change like others.

Names of kernels are those that `uname -r` prints on such machines.
"""

import os
import subprocess
import time

import pytest

from cyberhubs_lib.change import BUSY, LOST, UNIT, me
from cyberhubs_lib.errors import CommandFailed, ConnectionLost, HostBusy, NotConverged
from cyberhubs_lib.host import Host
from cyberhubs_lib.resources import restart
from cyberhubs_lib.resources.restart import NEEDED, Restart
from cyberhubs_lib.state import Unknown
from cyberhubs_lib.transport import Fake, Result

HOUR = 3600


def needed(folder, now, kernels, booted):
    """What a machine says that runs `now`, has these in /boot, and was started then (seconds ago)."""
    ticks = os.sysconf("SC_CLK_TCK")
    (folder / "1").mkdir()
    (folder / "stat").write_text(f"cpu 1 2\nbtime {int(time.time()) - booted - HOUR}\n")
    (folder / "1/stat").write_text(f"1 (systemd) S {'0 ' * 18}{HOUR * ticks} 0 0\n")
    for kernel in kernels:
        (folder / f"vmlinuz-{kernel}").touch()
    script = NEEDED.replace("/boot/", f"{folder}/").replace("/run/", f"{folder}/")
    script = f"uname() {{ echo {now}; }}\n" + script.replace("/proc/", f"{folder}/")
    out = subprocess.run(["sh"], input=script, text=True, capture_output=True, check=True).stdout
    return Restart().parse(Result(0, out))["needed"]


@pytest.mark.parametrize(
    ("now", "came"),
    [
        ("6.12.48+deb13-amd64", "6.12.57+deb13-amd64"),
        ("6.12.48+deb13-cloud-amd64", "6.12.57+deb13-cloud-amd64"),
        ("6.1.0-9-amd64", "6.1.0-10-amd64"),
        ("6.1.0-38-cloud-amd64", "6.1.0-40-cloud-amd64"),
        ("5.15.0-119-generic", "5.15.0-122-generic"),
        ("6.8.0-1021-aws", "6.8.0-1029-aws"),
        ("6.8.0-1021-aws", "6.14.0-1011-aws"),
        ("6.1.0-38-amd64", "6.1.0-38-amd64"),  # mended, and called as before
    ],
)
def test_a_newer_kernel_that_came_since_the_boot_waits(tmp_path, now, came):
    assert needed(tmp_path, now, {now, came}, booted=HOUR) == f"yes: kernel {came} waits"


@pytest.mark.parametrize(
    ("now", "there", "booted"),
    [
        ("6.1.0-38-cloud-amd64", ["6.1.0-40-amd64"], HOUR),  # of another flavour
        (
            "6.6.63-linode166",
            ["6.1.0-40-amd64"],
            HOUR,
        ),  # its provider starts it with one of its own
        ("6.1.0-35-amd64", ["6.1.0-40-amd64"], -HOUR),  # pinned: started without it
        ("6.8.0-1029-aws", ["6.8.0-1021-aws"], HOUR),  # older
        ("6.12.48+deb13-amd64", [], HOUR),
    ],
)
def test_one_that_a_restart_would_not_start_is_no_reason(tmp_path, now, there, booted):
    """`booted` -HOUR: the files of /boot are older than the boot."""
    assert needed(tmp_path, now, there, booted) == "no"


def test_what_the_system_s_own_tools_left_counts(tmp_path):
    (tmp_path / "reboot-required").touch()
    assert needed(tmp_path, "6.1.0-38-amd64", [], HOUR) == "yes"


def test_it_is_not_known_while_the_tool_is_missing():
    with pytest.raises(Unknown, match="package dnf-plugins-core"):
        Restart().parse(Result(0, "no: cannot be told before package dnf-plugins-core is there\n"))


class Machine:
    """A host by its answers: to `systemctl reboot` this one, and then it was booted anew or not."""

    def __init__(self, answer, comes_back=True):
        self.answer, self.comes_back, self.boots, self.asked = answer, comes_back, 0, []

    def __call__(self, script):
        self.asked.append(script)
        if "systemctl reboot" in script:
            self.boots += self.comes_back
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer
        return f"boot {self.boots}"


@pytest.mark.parametrize("answer", [Result(0), Result(LOST), ConnectionLost("cut off")])
def test_the_host_may_go_before_it_answers(answer):
    machine, told = Machine(answer), []
    Restart.perform(Host(Fake(machine), root=False), [], told.append)
    (script,) = [script for script in machine.asked if "systemctl reboot" in script]
    assert f"--unit={UNIT}" in script  # alone on the host, as every change
    assert told == ["the host restarts"]


def test_not_while_another_run_changes_the_host():
    holder = f"Description={me('04_install_docker')}\nActiveState=active\n"
    machine = Machine(Result(BUSY, holder), comes_back=False)
    with pytest.raises(HostBusy, match="04_install_docker"):
        Restart.perform(Host(Fake(machine), root=False), [], print)


def test_a_refused_restart_is_not_waited_for():
    machine = Machine(Result(1, "", "Operation inhibited by user"), comes_back=False)
    with pytest.raises(CommandFailed, match="inhibited"):
        Restart.perform(Host(Fake(machine), root=False), [], print)


def test_a_host_that_stays_away_is_said(monkeypatch):
    monkeypatch.setattr(restart, "SECONDS", 0)
    with pytest.raises(NotConverged, match="did not come back"):
        Restart.perform(Host(Fake(Machine(Result(0), comes_back=False)), root=False), [], print)
