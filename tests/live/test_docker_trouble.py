"""Trouble on a server with Docker: the engine was stopped, a disk is full, a port is taken."""

import pytest

from cyberhubs_lib.host import connect
from cyberhubs_lib.recipes.launch_hub import port_is_free
from cyberhubs_lib.sitefile import load_site

INSTALL = (
    "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -qy install"
    " --no-install-recommends docker.io docker-cli docker-compose iptables && gpasswd -a debian docker"
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


def test_a_port_that_the_hub_moves_to_may_be_somebody_elses(in_process, docker, site):
    code, out = docker.sh(FRONT_DOOR)
    assert code == 0, out
    docker.listen(8081)
    host = connect(docker.host)
    for port, found in ((8080, "ours"), (8081, "taken"), (8082, "free")):
        check = port_is_free(load_site(site(port)))
        assert check.row(host.batch([check.question])[0]).was == found
    docker.sh("docker rm -f $(docker ps -aq)")
