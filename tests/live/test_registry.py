"""Runbook 04 and a registry with an authority of its own; and two proofs at the same time.

The registry is Debian's, on the server itself.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from authority import signed

from cyberhubs_lib.recipes.docker_probe import PACKAGES, SCRIPT

SITE = """\
name: registry
host: {host}
docker: {{registry_mirrors: ["https://registry.test:5443"]}}
ca_certificates: [{authorities}]
"""
REGISTRY = """\
version: 0.1
storage: {filesystem: {rootdirectory: /tmp/registry}}
http: {addr: ":5443", tls: {certificate: /root/registry.pem, key: /root/registry.key}}
"""
START = (
    "apt-get -q update && apt-get -qy install --no-install-recommends docker-registry"
    " && systemctl disable -q --now docker-registry; echo '{ip} registry.test' >> /etc/hosts"
    " && systemd-run -q --unit=test-registry docker-registry serve /root/registry.yml"
)
ROW = "a registry can be reached"


@pytest.fixture(scope="module")
def root():
    return signed("Institute Root", authority=True)


@pytest.fixture(scope="module")
def registry(server, root):
    """It runs, with a certificate that no host trusts by itself."""
    pair = signed("registry.test", root, "registry.test")
    files = {"registry.pem": pair.pem, "registry.key": pair.key_pem, "registry.yml": REGISTRY}
    for name, text in files.items():
        assert server.sh(f"cat > /root/{name} <<'END'\n{text}\nEND")[0] == 0
    code, out = server.sh(START.format(ip=server.ip))  # what is on 127.0.0.1 Docker trusts
    assert code == 0, out
    return server


@pytest.fixture(scope="module")
def site(registry, root, tmp_path_factory):
    """Write the site file, with the institute's authority or without."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "root.crt").write_text(root.pem)

    def write(trusted):
        file = folder / "registry.yaml"
        authorities = str(folder / "root.crt") if trusted else ""
        file.write_text(SITE.format(host=registry.host, authorities=authorities))
        return str(file)

    return write


def found(done, label=ROW):
    return next(r["was"] for r in done.reports["Verify"]["rows"] if r["label"] == label)


def test_a_registry_that_the_engine_does_not_trust(operator, registry, site):
    assert operator.papermill("02_prepare_os", site=site(trusted=False)).code == 0
    done = operator.papermill("04_install_docker", site=site(trusted=False))
    assert done.code == 0, done.out
    assert found(done) == "no: the engine does not trust its certificate"
    for name in PACKAGES:  # yes, or why not: that depends on where this test runs
        assert found(done, f"{name}, from a container") not in ("", "no answer")


def test_the_engine_starts_anew_for_an_authority_that_came_later(operator, registry, site):
    done = operator.papermill("02_prepare_os", site=site(trusted=True))
    assert done.rows("changed") == ["certificate authorities of the site"]
    assert registry.sh("curl -fsS https://registry.test:5443/v2/")[0] == 0
    assert "x509" in registry.sh("docker pull registry.test:5443/nothing")[1]
    dry = operator.papermill("04_install_docker", site=site(trusted=True), dry_run="true")
    assert dry.rows("would change") == ["authorities that the engine knows"]
    assert found(dry) == "no: the engine does not trust its certificate"
    done = operator.papermill("04_install_docker", site=site(trusted=True))
    assert done.code == 0, done.out
    assert done.rows("changed") == ["authorities that the engine knows"]
    assert found(done) == "yes"
    assert "x509" not in registry.sh("docker pull registry.test:5443/nothing")[1]
    again = operator.papermill("04_install_docker", site=site(trusted=True))
    assert (again.rows("changed"), found(again)) == ([], "yes")


def test_a_registry_that_is_away(operator, registry, site):
    registry.sh("systemctl stop test-registry")
    done = operator.papermill("04_install_docker", site=site(trusted=True))
    assert (done.code, found(done)) == (0, "no")


def test_a_login_in_the_address_of_the_packages_is_asked_of_nobody(operator, registry, site):
    line = "deb [trusted=yes] http://ada:canary-0815@registry.test:3142/debian trixie main"
    registry.sh(
        f"cd /etc/apt; touch sources.list; cp -p sources.list /root; echo '{line}' > sources.list"
    )
    done = operator.papermill("04_install_docker", site=site(trusted=True))
    registry.sh("mv -f /root/sources.list /etc/apt")
    assert found(done, "a container finds names") == "not registry.test"  # in /etc/hosts alone
    assert "canary-0815" not in done.out + done.path.read_text()


def test_two_proofs_at_once_wait_for_each_other(registry):
    """As cron's drift during a run of 04."""
    script = f"user=debian; ssh_port=22; registry=docker.io; package_servers=\n{SCRIPT}"
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(registry.sh, script) for _ in range(3)]
    for code, out in (answer.result() for answer in answers):
        assert code == 0
        assert {"runs=yes", "name=yes", "port=yes", "account=ok"} <= set(out.splitlines())
    left = "docker ps -aq; docker network ls -q -f name=probe; docker images -q cyberhubs/probe"
    assert registry.sh(left)[1] == ""
