"""Ports that Docker publishes, seen from outside: it opens them past the usual filters of a host."""

import pytest
from laws import answers, until

SITE = """\
name: published
host: {host}
public_url: http://127.0.0.1:8000
system: {{firewall: {firewall}}}
"""
PORTS = (80, 443, 8081)
# A container of the host's own programs, so without a registry, on three ports of all addresses.
SERVES = """
tar -cf - -C / $(cd / && ls -d bin lib lib64 2>/dev/null) | docker import - serves &&
docker run -d --restart always -p 80:8000 -p 443:8000 -p 8081:8000 -v /usr:/usr:ro serves \\
    perl -MIO::Socket::INET -e '
    $SIG{TERM} = sub {exit};  # or, as the first process of its container, it holds up the restart
    $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 5, ReuseAddr => 1) or die;
    while ($c = $s->accept) {print $c "hello\\n"; close $c}'
"""


def open_ports(server):
    """Those of PORTS that answer from outside, once the container answers at all."""
    until(lambda: answers(server, 80))
    return [port for port in PORTS if answers(server, port)]


@pytest.fixture
def site(server, tmp_path):
    """Write the site file."""

    def write(firewall):
        file = tmp_path / "published.yaml"
        file.write_text(SITE.format(host=server.host, firewall=firewall))
        return str(file)

    return write


def test_without_the_packet_filter_docker_opens_them_to_everybody(operator, server, site):
    for runbook in ("02_prepare_os", "04_install_docker"):
        done = operator.papermill(runbook, site=site("false"))
        assert done.code == 0, done.out
    code, out = server.sh(SERVES)
    assert code == 0, out
    assert open_ports(server) == [80, 443, 8081]


def test_with_it_only_the_open_ports_answer(operator, server, site):
    done = operator.papermill("02_prepare_os", site=site("true"))
    assert done.code == 0, done.out
    assert set(done.rows("changed")) == {"package nftables", "firewall"}
    assert open_ports(server) == [80, 443]


def test_after_a_restart_of_docker_too(server):
    engine = server.sh("pidof dockerd")
    assert server.sh("systemctl reset-failed docker; systemctl restart docker")[0] == 0
    assert server.sh("pidof dockerd") != engine
    assert open_ports(server) == [80, 443]


def test_after_containers_came_anew_too(server):
    code, out = server.sh("docker restart $(docker ps -q)")
    assert code == 0, out
    assert open_ports(server) == [80, 443]


def test_after_a_restart_of_the_host_too(server):
    server.reboot()
    assert open_ports(server) == [80, 443]


def test_switched_off_they_are_open_again(operator, server, site):
    done = operator.papermill("02_prepare_os", site=site("false"))
    assert done.rows("changed") == ["packet filter of this runbook"]
    assert open_ports(server) == [80, 443, 8081]
