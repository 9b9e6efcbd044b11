"""Runbooks 00, 02, 03, 04 on a bare server over ssh, by papermill, in order.

The law, for each: a dry run changes nothing; a run changes what the plan showed; the next run changes
nothing and touches no file; what somebody tampers with is exactly what the next plan shows.
"""

import json
import sys

import pytest
from roll_back import OF_THE_ENGINE, differences, roll_back, state

# Docker's own data are left out: runbook 04 proves itself with a container that it removes again.
SNAPSHOT = (
    "{ find /etc /usr /opt /home /root /mnt -xdev -path /mnt/var/lib -prune"
    " -o -printf '%p %i %m %U:%G %T@\\n' | sort;"
    " cat /etc/fstab /etc/group; dpkg -l; findmnt -rno TARGET,SOURCE; } 2>/dev/null | sha256sum"
)


def snapshot(server):
    code, out = server.sh(SNAPSHOT)
    assert code == 0
    return out


def again(operator, server, runbook, **params):
    """A run with nothing to do: no change, no touched file, one connection, 3 round trips."""
    before = snapshot(server)
    done = operator.papermill(runbook, host=server.host, **params)
    assert done.code == 0, done.out
    assert done.rows("changed") == []
    assert snapshot(server) == before
    assert done.meta["round_trips"] <= 3
    return done


def test_00_tells_what_the_host_is(operator, server):
    done = again(operator, server, "00_start_here")
    found = {row["label"]: row["was"] for row in done.reports["The host"]["rows"]}
    assert "Debian GNU/Linux 13" in found["system"]
    assert found["login"] == "debian (sudo without a password)"


def test_02_dry_run_shows_and_changes_nothing(operator, server):
    before = snapshot(server)
    done = operator.papermill("02_prepare_os", host=server.host, dry_run="true")
    assert done.code == 0, done.out
    assert snapshot(server) == before
    assert "package git" in done.rows("would change")
    assert "updates" in done.rows("unknown")
    assert "git runs" in done.rows("failed")  # rows, not errors, in a dry run


def test_02_prepares_the_system(operator, server):
    done = operator.papermill("02_prepare_os", host=server.host, dry_run="false")
    assert done.code == 0, done.out
    assert {"package index", "package git", "package sshfs"} <= set(done.rows("changed"))
    assert server.sh("git --version && sshfs --version")[0] == 0
    again(operator, server, "02_prepare_os")


def test_02_shows_exactly_what_was_tampered_with(operator, server):
    server.sh("dpkg --purge --force-depends wget")
    done = operator.papermill("02_prepare_os", host=server.host, dry_run="True")
    assert done.rows("would change") == ["package wget"]
    assert operator.papermill("02_prepare_os", host=server.host).rows("changed") == ["package wget"]


def test_03_refuses_a_disk_that_is_not_empty(operator, server):
    server.sh(f"mkfs.ext4 -q -L photos {server.device}")
    done = operator.papermill(
        "03_prepare_storage", host=server.host, device=server.device, confirm=server.device
    )
    assert done.code == 1
    assert "not empty: ext4 photos" in done.out
    assert "photos" in server.sh(f"blkid -p {server.device}")[1]
    server.sh(f"wipefs -aq {server.device}")


@pytest.mark.parametrize(
    ("confirm", "said"), [("", "confirm = '{}'"), ("/dev/other", "confirm: {}")]
)
def test_03_formats_only_when_the_name_is_typed(operator, server, confirm, said):
    done = operator.papermill(
        "03_prepare_storage", host=server.host, device=server.device, confirm=confirm
    )
    assert done.code == 1
    assert said.format(server.device) in done.out
    assert server.sh(f"blkid -p {server.device}")[1] == ""


def test_03_makes_the_data_volume(operator, server):
    params = {"device": server.device, "confirm": server.device}
    done = operator.papermill("03_prepare_storage", host=server.host, **params)
    assert done.code == 0, done.out
    assert server.sh("stat -c %u:%g:%a /mnt/user")[1] == "1000:1000:775\n"
    again(operator, server, "03_prepare_storage", device=server.device)
    again(operator, server, "03_prepare_storage", **params)  # formats once, ever


def test_03_shows_exactly_what_was_tampered_with(operator, server):
    server.sh("chmod 700 /mnt/user; sed -i '/ \\/mnt /d' /etc/fstab")
    params = {"host": server.host, "device": server.device}
    done = operator.papermill("03_prepare_storage", **params, dry_run="true")
    assert done.rows("would change") == ["mount /mnt", "directory /mnt/user"]
    assert operator.papermill("03_prepare_storage", **params).code == 0


@pytest.fixture(scope="module")
def before_04(server):
    """What there is after runbook 03."""
    return state(server)


def test_04_dry_run_on_a_bare_host_shows_and_changes_nothing(operator, server, before_04):
    before = snapshot(server)
    done = operator.papermill("04_install_docker", host=server.host, dry_run="true")
    assert done.code == 0, done.out
    assert {"file /etc/docker/daemon.json", "Docker engine"} <= set(done.rows("would change"))
    assert "service docker.service" in done.rows("unknown")
    assert "a container runs" in done.rows("failed")
    assert (snapshot(server), state(server)) == (before, before_04)


def test_04_installs_an_engine_that_runs_containers(operator, server, before_04):
    done = operator.papermill("04_install_docker", host=server.host)
    assert done.code == 0, done.out
    assert "a container runs" in done.rows("ok")
    code, out = server.sh("docker info -f '{{.LoggingDriver}}' && docker compose version", "debian")
    assert code == 0, out
    again(operator, server, "04_install_docker")


OBJECTS = (
    "docker ps -aq --no-trunc; docker images -aq --no-trunc; docker volume ls -q;"
    " docker network ls --no-trunc; ip -o link; cat /etc/docker/*; pidof dockerd"
)


def test_04_dry_run_changes_nothing_of_docker_either(operator, server):
    """With work in each step; its proof makes a container and removes it."""
    server.sh("gpasswd -d debian docker; systemctl disable -q docker; mkdir -p /root/kept;"
              " cp -p /etc/docker/daemon.json /root/kept; echo '{}' > /etc/docker/daemon.json;"
              " tar -c /etc/hostname | docker import - kept;"
              " docker create --name kept kept x")  # fmt: skip
    before, objects = snapshot(server), server.sh(OBJECTS)
    done = operator.papermill("04_install_docker", host=server.host, dry_run="true")
    assert done.code == 0, done.out
    assert done.rows("would change") == [
        "file /etc/docker/daemon.json", "service docker.service", "debian in group docker"
    ]  # fmt: skip
    assert "a container runs" in done.rows("ok")
    assert (snapshot(server), server.sh(OBJECTS)) == (before, objects)
    server.sh("docker rm kept; docker rmi kept; mv /root/kept/daemon.json /etc/docker/;"
              " rmdir /root/kept; gpasswd -a debian docker; systemctl enable -q docker")  # fmt: skip


def test_04_keeps_what_others_put_into_daemon_json(operator, server):
    limit = {"memlock": {"Name": "memlock", "Soft": -1, "Hard": -1}}
    theirs = {"debug": True, "log-opts": {"tag": "x"}, "default-ulimits": limit}
    server.sh(f"echo '{json.dumps(theirs)}' > /etc/docker/daemon.json")
    done = operator.papermill("04_install_docker", host=server.host)
    assert done.rows("changed") == ["file /etc/docker/daemon.json"]
    now = json.loads(server.sh("cat /etc/docker/daemon.json")[1])
    assert now["debug"] is True
    assert now["log-opts"] == {"tag": "x", "max-size": "10m", "max-file": "3"}
    assert set(now["default-ulimits"]) == {"memlock", "nofile"}
    others = {"log-driver": "local", "log-opts": {"compress": "true"}}  # json-file has no such one
    server.sh(f"echo '{json.dumps(others)}' > /etc/docker/daemon.json")
    assert operator.papermill("04_install_docker", host=server.host).code == 0
    server.sh("echo '{broken' > /etc/docker/daemon.json")
    done = operator.papermill("04_install_docker", host=server.host)
    assert done.code == 1
    assert "is not JSON" in done.out
    # three starts in a minute are enough for systemd
    server.sh("echo '{}' > /etc/docker/daemon.json; systemctl reset-failed docker")
    assert operator.papermill("04_install_docker", host=server.host).code == 0


def test_all_of_it_survives_a_restart(operator, server):
    server.reboot()
    for runbook in ("02_prepare_os", "04_install_docker"):
        again(operator, server, runbook)
    again(operator, server, "03_prepare_storage", device=server.device)


def drift(operator, *arguments):
    return operator.call(sys.executable, "-m", "cyberhubs_lib", "drift", *arguments)


def test_drift_is_told_by_the_exit_code_and_one_table(operator, server):
    before = snapshot(server)
    done = drift(operator, "--host", server.host)
    assert done.code == 0, done.out
    assert "04_install_docker" in done.out
    server.sh("chmod 700 /mnt/user")
    done = drift(operator, "--host", server.host)
    assert done.code == 2
    assert [line for line in done.out.splitlines() if "would change" in line][1:] == [
        next(line for line in done.out.splitlines() if line.startswith("03 directory /mnt/user"))
    ]
    server.sh("chmod 775 /mnt/user")
    assert snapshot(server) == before


def test_drift_that_cannot_be_told_is_no_drift(operator):
    done = drift(operator, "--host", "debian@127.0.0.1:1")
    assert done.code == 1
    assert "no ssh server answered" in done.out
    assert "Traceback" not in done.out


def test_04_roll_back_as_the_page_says(server, before_04):
    packages = "docker.io docker-cli docker-compose iptables"
    roll_back(server, "04_install_docker", ACCOUNT="debian", PACKAGES=packages)
    assert differences(before_04, state(server), *OF_THE_ENGINE) == []
