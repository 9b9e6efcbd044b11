"""Runbook 04: the engine from a signed repository on Debian 12, its settings, and what it proves."""

import re
from pathlib import Path

import pytest
from roll_back import OF_THE_ENGINE, differences, roll_back, state
from testhost.testhost import TestHost

SITE = """\
name: engine
host: {host}
docker:
  repository: file:///srv/repository
  key_fingerprint: {key}
"""
REPOSITORY = (Path(__file__).parents[1] / "testhost" / "docker_repository.sh").read_text()
METADATA = (
    "ip address add 169.254.169.254/32 dev lo; for port in 80 53; do"
    " setsid nohup perl -MIO::Socket::INET -e '"
    '$s=IO::Socket::INET->new(LocalAddr=>"169.254.169.254",LocalPort=>shift,Listen=>5);'
    'while($c=$s->accept){<$c>;print $c "HTTP/1.0 200 OK\\r\\n\\r\\n"; close $c}\''
    " $port >/dev/null 2>&1 & done"
)
ASKS = """
docker run -d --name asks sleeper sleep 99 >/dev/null
pid=$(docker inspect -f '{{.State.Pid}}' asks)
for port in 53 80; do
    nsenter -t $pid -n timeout 3 bash -c "exec 3<>/dev/tcp/169.254.169.254/$port" 2>/dev/null &&
        echo $port
done
docker rm -f asks >/dev/null
"""
SLEEPER = (
    "tar -chPf - $(command -v sleep) $(ldd $(command -v sleep) | grep -o '/[^ ]*\\.so[^ ]*') |"
    " docker import - sleeper && docker run -d --name sleeper sleeper sleep 9999"
)


@pytest.fixture(scope="module")
def server(operator):
    """Debian 12, whose own compose is too old, with a repository beside Debian's."""
    with TestHost.up("engine", suite="bookworm", disk_gib=0) as server:
        operator.knows(server)
        yield server


@pytest.fixture(scope="module")
def key(server):
    code, out = server.sh(REPOSITORY)
    assert code == 0, out
    (found,) = set(re.findall(r"\b[0-9A-F]{40}\b", out))  # gpg talks meanwhile, of it too
    return found


@pytest.fixture
def site(server, key, tmp_path):
    """Write the site file, with more keys of `docker:` or another fingerprint."""

    def write(fingerprint=key, **more):
        file = tmp_path / "engine.yaml"
        lines = "".join(f"  {name}: {value}\n" for name, value in more.items())
        file.write_text(SITE.format(host=server.host, key=fingerprint) + lines)
        return str(file)

    return write


@pytest.fixture(scope="module")
def before(operator, server, key, tmp_path_factory):
    """What there is after runbook 02."""
    file = tmp_path_factory.mktemp("site") / "engine.yaml"
    file.write_text(SITE.format(host=server.host, key=key))
    assert operator.papermill("02_prepare_os", site=str(file)).code == 0
    return state(server)


def test_a_key_with_another_fingerprint_is_not_trusted(operator, server, site, before):
    done = operator.papermill("04_install_docker", site=site(fingerprint="AB" * 20))
    assert done.code == 1
    assert "file:///srv/repository/debian/gpg holds another key than ABAB" in done.out
    assert server.sh("ls /etc/apt/keyrings/docker.asc /etc/apt/sources.list.d/docker*")[0] != 0


def test_the_engine_comes_from_the_signed_repository(operator, server, site):
    done = operator.papermill("04_install_docker", site=site())
    assert done.code == 0, done.out
    assert {"repository docker", "Docker engine"} <= set(done.rows("changed"))
    assert server.sh("docker compose version && dpkg -s docker-ce containerd.io")[0] == 0
    rows = {row["label"]: row["was"] for row in done.reports["Verify"]["rows"]}
    assert rows["a container finds names"] == rows["a published port answers"] == "yes"
    assert rows["a cloud's metadata address, from a container"] == "closed"
    assert rows["the host's own ssh, from a user's network"] == "closed"
    again = operator.papermill("04_install_docker", site=site())
    assert (again.code, again.rows("changed")) == (0, [])
    assert again.meta["round_trips"] <= 3


@pytest.mark.parametrize(
    ("tamper", "shown"),
    [
        ("gpg --batch -q --passphrase '' --quick-generate-key b@example.org ed25519 sign;"
         " gpg --armor --export b@example.org >> /etc/apt/keyrings/docker.asc", "repository docker"),
        ("sed -i s/bookworm/sid/ /etc/apt/sources.list.d/docker.sources", "repository docker"),
        ("dpkg --purge --force-depends docker-compose-plugin", "Docker engine"),
        ("touch /run/cyberhubs.docker.service.unread", "file /etc/docker/daemon.json"),
        ("systemctl disable -q docker", "service docker.service"),
        ("gpasswd -d debian docker", "debian in group docker"),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_shown_and_put_right(operator, server, site, tamper, shown):
    assert server.sh(tamper)[0] == 0
    done = operator.papermill("04_install_docker", site=site())
    assert done.code == 0, done.out
    assert done.rows("changed") == [shown]


# As Docker's own page told until 2023
OLDER = """
gpg --dearmor < /srv/repository/debian/gpg > /etc/apt/keyrings/docker.gpg &&
echo "deb [signed-by=/etc/apt/keyrings/docker.gpg] file:///srv/repository/debian bookworm stable" \\
    > /etc/apt/sources.list.d/docker.list
"""
SOURCES = "ls /etc/apt/sources.list.d/docker.sources"


def test_a_repository_that_another_file_names_is_left_to_it(operator, server, site):
    code, out = server.sh(OLDER)
    assert code == 0, out
    assert "Conflicting values" in server.sh("apt-get check")[1]
    done = operator.papermill("04_install_docker", site=site())  # ours was there: it goes
    assert done.code == 0, done.out
    assert done.rows("changed") == ["repository docker"]
    assert server.sh("apt-get -q update -o APT::Update::Error-Mode=any")[0] == 0
    again = operator.papermill("04_install_docker", site=site())
    assert (again.code, again.rows("changed"), server.sh(SOURCES)[0]) == (0, [], 2)
    done = operator.papermill("04_install_docker", site=site(fingerprint="AB" * 20))
    assert done.code == 1
    assert "/etc/apt/sources.list.d/docker.list: another key than ABAB" in done.out
    server.sh("rm /etc/apt/sources.list.d/docker.list /etc/apt/keyrings/docker.gpg")
    assert operator.papermill("04_install_docker", site=site()).rows("changed") == [
        "repository docker"
    ]


def test_containers_go_on_while_the_engine_gets_new_settings(operator, server, site):
    code, out = server.sh(SLEEPER)
    assert code == 0, out
    started = server.sh("docker inspect -f '{{.State.StartedAt}}' sleeper; pidof dockerd")[1]
    mirror = site(registry_mirrors="[http://127.0.0.1:5001]")
    done = operator.papermill("04_install_docker", site=mirror)
    assert done.rows("changed") == ["file /etc/docker/daemon.json"]
    assert "http://127.0.0.1:5001" in server.sh("docker info -f '{{.RegistryConfig.Mirrors}}'")[1]
    assert (
        server.sh("docker inspect -f '{{.State.StartedAt}}' sleeper; pidof dockerd")[1] == started
    )
    pools = site(address_pools="[{base: 10.201.0.0/16, size: 24}]")
    done = operator.papermill("04_install_docker", site=pools)
    assert done.code == 0, done.out
    now = server.sh("docker inspect -f '{{.State.StartedAt}}' sleeper; pidof dockerd")[1]
    assert now.split()[0] == started.split()[0]  # the container
    assert now.split()[1] != started.split()[1]  # the engine
    server.sh("docker network create more")
    assert "10.201." in server.sh("docker network inspect more")[1]
    assert "registry-mirrors" not in server.sh("cat /etc/docker/daemon.json")[1]
    assert server.sh("docker info -f '{{.RegistryConfig.Mirrors}}'")[1] == "[]\n"
    theirs = '"registry-mirrors": ["http://127.0.0.1:5002"]'
    server.sh(f"sed -i '1a {theirs},' /etc/docker/daemon.json")
    assert operator.papermill("04_install_docker", site=pools).rows("changed") == []
    server.sh("sed -i 2d /etc/docker/daemon.json")


# Nearly as the broker does for each user's server: NUMBER networks, with two services on each.
MANY = """
set -e
docker run -d --name second sleeper sleep 9999 >/dev/null
i=0
while [ $i -lt {number} ]; do
    i=$((i + 1)); begun=$(date +%s%N)
    docker network create --label many -o com.docker.network.bridge.name=cu-$i user-$i >/dev/null
    for service in sleeper second; do docker network connect user-$i $service; done
    echo $(( ($(date +%s%N) - begun) / 1000000 ))
done
"""
MANY_GO = """
for n in $(docker network ls -q --filter label=many); do
    for service in sleeper second; do docker network disconnect -f $n $service; done
    docker network rm $n >/dev/null
done
docker rm -f second >/dev/null
"""


def test_there_are_networks_for_more_users_than_docker_has_by_itself(operator, server, site):
    assert operator.papermill("04_install_docker", site=site()).code == 0
    assert "192.168.128.0/17" in server.sh("cat /etc/docker/daemon.json")[1]
    try:
        code, out = server.sh(MANY.format(number=60))
        assert code == 0, out
        took = [int(line) for line in out.split()]
        print(
            f"a user's network, with two services: the first {took[0]} ms, the 60th {took[-1]} ms"
        )
        assert len(took) == 60
    finally:
        assert server.sh(MANY_GO)[0] == 0


def test_addresses_that_are_in_use_are_refused(operator, server, site):
    network = ".".join(server.ip.split(".")[:2]) + ".0.0/16"
    taken = site(address_pools=f"[{{base: {network}, size: 24}}]")
    done = operator.papermill("04_install_docker", site=taken)
    assert done.code == 1
    assert "docker.address_pools is 'in use: " in done.out


def test_the_metadata_address_is_closed_by_the_packet_filter(operator, server, site):
    assert server.sh(f"nft delete table inet cyberhubs; {METADATA}")[0] == 0
    done = operator.papermill("04_install_docker", site=site())
    assert done.code == 1
    assert "a cloud's metadata address, from a container is 'open'" in done.out
    assert "the host's own ssh, from a user's network is 'open'" in done.out
    assert server.sh(ASKS)[1] == "53\n80\n"
    assert operator.papermill("02_prepare_os", site=site()).rows("changed") == ["firewall"]
    assert server.sh(ASKS)[1] == "53\n"  # Google's cloud answers names there
    assert operator.papermill("04_install_docker", site=site()).code == 0


def test_nothing_of_the_proof_is_left(server):
    assert server.sh("docker ps -aq -f name=probe; docker images -q cyberhubs/probe")[1] == ""


def test_roll_back_as_the_page_says(server, before):
    packages = "docker-ce docker-ce-cli containerd.io docker-compose-plugin"
    roll_back(server, "04_install_docker", ACCOUNT="debian", PACKAGES=packages)
    # keys that the tests made, and 02's note of what it loaded last, which knows Docker's bridges
    stays = ["/root/.gnupg", "/etc/cyberhubs/firewall.loaded"]
    assert differences(before, state(server), *OF_THE_ENGINE, *stays) == []
