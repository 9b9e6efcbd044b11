"""Trouble on a server with Docker: the engine was stopped, a disk is full, a port is taken."""

import time

import pytest

from cyberhubs_lib.contexts import Context
from cyberhubs_lib.engine import engine
from cyberhubs_lib.errors import CommandFailed
from cyberhubs_lib.host import connect
from cyberhubs_lib.image_sources import build
from cyberhubs_lib.recipes.launch_hub import port_is_free
from cyberhubs_lib.sitefile import load_site

INSTALL = (
    "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -qy install"
    " --no-install-recommends curl docker.io docker-cli docker-compose iptables"
    " && gpasswd -a debian docker"
    " && mkdir -p /mnt/data /mnt/user /mnt/jupyterhub_users"
)
# systemd refuses to start it more than three times a minute; this file does, on a quick machine.
OFTEN = (
    "cd /etc/systemd/system && mkdir -p docker.service.d && printf"
    " '[Unit]\\nStartLimitIntervalSec=0\\n' >docker.service.d/often.conf && systemctl daemon-reload"
)
# An image of one program, and a container of it that looks like the front door of the hub `trouble`.
FRONT_DOOR = (
    "tar -chPf - $(command -v sleep) $(ldd $(command -v sleep) | grep -o '/[^ ]*\\.so[^ ]*') |"
    " docker import - sleeper && docker run -d -p 8080:80 --label com.docker.compose.project="
    "cyberhubs-trouble --label com.docker.compose.service=caddy sleeper sleep 9999"
)


@pytest.fixture(scope="module")
def docker(server):
    """The server, with Docker and the directories that runbook 03 would have made."""
    code, out = server.sh(f"{INSTALL} && {OFTEN}")
    assert code == 0, out
    return server


@pytest.fixture
def site(server, tmp_path):
    """Write the site file of a trial hub on this port."""

    def write(port=8080, more=""):
        file = tmp_path / "trouble.yaml"
        file.write_text(
            f"host: {server.host}\npublic_url: http://{server.ip}:{port}\n"
            f"bind_address: {server.ip}\n"
            f"login: {{standin: [{{login: ada}}]}}\nadmins: [ada]\n{more}"
        )
        return str(file)

    return write


def test_a_full_disk_is_said_and_nothing_is_half_written(operator, docker, site):
    hub = "/opt/cyberhubs/trouble"
    docker.sh(f"mkdir -p {hub} && mount -t tmpfs -o size=32k tmpfs {hub}")
    done = operator.papermill("06_configure_hub", site=site())
    assert done.code == 1
    assert "make room on the host: `df -h` and `df -i` show where" in done.out
    assert docker.sh(f"find {hub} -name '.cyberhubs.*'; find {hub} -type f -empty")[1] == ""
    docker.sh(f"mount -o remount,size=8m {hub}")
    done = operator.papermill("06_configure_hub", site=site())
    assert done.code == 0, done.out
    assert operator.papermill("06_configure_hub", site=site()).rows("changed") == []


def test_a_port_that_the_hub_moves_to_may_be_somebody_elses(in_process, docker, site):
    code, out = docker.sh(FRONT_DOOR)
    assert code == 0, out
    docker.listen(8081)
    host = connect(docker.host)
    for port, found in ((8080, "ours"), (8081, "taken"), (8082, "free")):
        check = port_is_free(load_site(site(port)))
        assert check.row(host.batch([check.question])[0]).was == found
    docker.sh("docker rm -f $(docker ps -aq)")


def test_a_stopped_engine_is_said_and_nothing_else(operator, docker, site):
    docker.sh("systemctl stop docker.socket docker.service")
    for runbook in ("06_configure_hub", "08_get_images", "09_launch_hub"):
        done = operator.papermill(runbook, site=site())
        assert done.code == 1
        said = done.out[done.out.rindex("PreconditionFailed: ") :].strip().splitlines()
        assert said == [
            "PreconditionFailed: Docker is 'installed, does not answer'",
            "  expected: Docker: an engine that answers",
            "  to do:    `systemctl status docker` tells why; run 04_install_docker again, it starts"
            " Docker",
        ]
    # as it says; its own proof asks for more than INSTALL has put there
    operator.papermill("04_install_docker", site=site())
    assert docker.sh("docker info")[0] == 0


# As after a start without the data disk: systemd starts Docker for whoever connects, and waits for it.
UUID = "00000000-1111-2222-3333-444444444444"
DROP_IN = "/etc/systemd/system/docker.service.d/cyberhubs.conf"
NO_DISK = f"""
cp /etc/fstab /etc/fstab.whole; echo 'UUID={UUID} /mnt ext4 defaults,nofail 0 2' >>/etc/fstab
mkdir -p {DROP_IN.rpartition("/")[0]}; printf '[Unit]\\nRequiresMountsFor=/mnt\\n' >{DROP_IN}
systemctl stop docker.socket docker.service; systemctl daemon-reload; systemctl start docker.socket
"""
DISK_AGAIN = f"""
mv /etc/fstab.whole /etc/fstab; rm {DROP_IN}; systemctl daemon-reload; systemctl cancel
systemctl start docker.service; systemctl reset-failed docker.service
"""


@pytest.fixture
def no_disk(docker):
    """The server, without its data disk."""
    code, out = docker.sh(NO_DISK)
    assert code == 0, out
    assert docker.sh("timeout 5 docker info")[0] == 124  # it would wait for a minute and a half
    yield docker
    code, out = docker.sh(DISK_AGAIN)
    assert code == 0, out


def test_a_missing_data_disk_is_named_at_once(operator, no_disk, site):
    """By each command; none waits with Docker. How long they take is printed."""
    file = site()
    for words in (
        ["run", "00", "-p", "site", file],
        ["hub", "up", "--site", file],
        ["access", "show", "--site", file],
        ["drift", "--site", file],
    ):
        began = time.monotonic()
        done = operator.call("./cyberhubs", *words, timeout=300)
        print(f"{time.monotonic() - began:.1f} s: {' '.join(words)}")
        assert f"the data disk of /mnt (UUID={UUID} in /etc/fstab) is not there" in done.out
        assert "attach that disk again" in done.out
        assert done.code == (2 if words[0] == "drift" else 1)
    # drift says it at once, before all the runbooks have looked
    assert done.out.startswith("Docker: the data disk of /mnt")
    images = [line for line in done.out.splitlines() if line.startswith("08 image")]
    assert images
    assert not [line for line in images if "absent" in line]


def test_what_a_login_shell_prints_is_not_docker_s(in_process, docker):
    docker.sh("cd && cp .bashrc .bashrc.quiet && sed -i '1i echo Welcome' .bashrc", "debian")
    with engine(connect(docker.host)) as client:
        assert client.info()["ServerVersion"]
        assert client.containers.list() == []
    docker.sh("cd && mv .bashrc.quiet .bashrc", "debian")


@pytest.fixture(scope="module")
def little_room(docker):
    """Docker's data on a disk of 60 MB."""
    script = (
        f"systemctl stop docker.socket docker.service; mkfs.ext4 -q {docker.device} 60M &&"
        f" mount {docker.device} /var/lib/docker && systemctl start docker.service ||"
        " { journalctl -n 50 --no-pager; exit 1; }"
    )
    code, out = docker.sh(script)
    assert code == 0, out
    return docker


def test_images_that_find_no_room(operator, little_room, site):
    copied = site(more="images: {source: copy}\n")
    done = operator.papermill("08_get_images", site=copied)
    assert done.code == 1
    assert "no space left on device" in done.out
    assert "make room on the host: `df -h`" in done.out


def test_a_build_that_finds_no_room(in_process, little_room):
    code, out = little_room.sh(FRONT_DOOR.partition(" docker run")[0].removesuffix(" &&"))
    assert code == 0, out
    big = Context(
        "test-big",
        (("Dockerfile", b"ARG BASE\nFROM ${BASE}\nCOPY big /\n"), ("big", bytes(80 << 20))),
    )
    with (
        engine(connect(little_room.host)) as client,
        pytest.raises(CommandFailed, match="cannot be built") as error,
    ):
        build(client, big, "sleeper", lambda text: None)
    assert "make room on the host" in error.value.todo
