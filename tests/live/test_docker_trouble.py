"""Trouble on a server with Docker: the engine was stopped, a disk is full, a port is taken."""

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
# An image of one program, and a container of it that looks like the front door of the hub `trouble`.
FRONT_DOOR = (
    "tar -chPf - $(command -v sleep) $(ldd $(command -v sleep) | grep -o '/[^ ]*\\.so[^ ]*') |"
    " docker import - sleeper && docker run -d -p 8080:80 --label com.docker.compose.project="
    "cyberhubs-trouble --label com.docker.compose.service=caddy sleeper sleep 9999"
)


@pytest.fixture(scope="module")
def docker(server):
    """The server, with Docker and the directories that runbook 03 would have made."""
    code, out = server.sh(INSTALL)
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


@pytest.fixture(scope="module")
def little_room(docker):
    """Docker's data on a disk of 60 MB."""
    script = (
        f"systemctl stop docker.socket docker.service; mkfs.ext4 -q {docker.device} 60M &&"
        f" mount {docker.device} /var/lib/docker && systemctl start docker.service"
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
