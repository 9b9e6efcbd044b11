"""From a bare server to a logged-in notebook, with papermill alone; then all of it once more."""

import os
import sys

import httpx
import pytest
import rehearsal
from testhost.testhost import TestHost

from cyberhubs_lib.certificate_checks import ROOT
from cyberhubs_lib.engine import engine
from cyberhubs_lib.host import PASSWORD_VARIABLE, connect
from cyberhubs_lib.proof import log_in
from cyberhubs_lib.served import trust
from cyberhubs_lib.sitefile import load_site
from cyberhubs_lib.table import RUNBOOKS

READABLE = "find / -xdev -type f -perm -o=r -size -2M ! -path '/proc/*' ! -path '/sys/*'"


@pytest.fixture(scope="module")
def chain(operator, tmp_path_factory):
    """A bare server with a data disk, and its site."""
    with TestHost.up("chain", disk_gib=12) as server:
        operator.knows(server)
        yield operator, server, rehearsal.site_file(server, tmp_path_factory.mktemp("site"))


def run(chain, name):
    operator, server, site = chain
    more = {"confirm": str(server.device)} if name.startswith("03") else {}
    done = operator.papermill(name, site=str(site), **more)
    assert done.code == 0, done.out
    return done


@pytest.mark.parametrize("name", RUNBOOKS)
def test_runbook(chain, name):
    done = run(chain, name)
    assert done.rows("failed") == done.rows("unknown") == []


def test_somebody_from_outside_is_let_in(chain):
    site = load_site(str(chain[2]))
    code, root = chain[1].sh(f"docker exec cyberhubs-rehearsal-caddy-1 cat {ROOT}")
    assert code == 0, root
    tls = trust(pem=root)
    page = httpx.get(f"http://{chain[1].ip}/hub/login", follow_redirects=True, verify=tls)
    assert (page.status_code, page.url.scheme) == (200, "https")
    assert log_in(site, "ben", tls) == "welcome"
    assert log_in(site, "mallory", tls) == "403"


def test_all_of_it_once_more_by_one_command_changes_nothing(chain):
    operator, _, site = chain
    done = operator.call(sys.executable, "-m", "cyberhubs_lib", "up", "--site", str(site))
    assert done.code == 0, done.out
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines] == list(RUNBOOKS)
    assert all(" ok" in line and "changed" not in line for line in lines)


def test_drift_looks_at_the_hub_too(chain):
    operator, server, site = chain
    drift = [sys.executable, "-m", "cyberhubs_lib", "drift", "--site", str(site)]
    done = operator.call(*drift)
    assert done.code == 0, done.out
    server.sh(
        "echo ' ' >> /opt/cyberhubs/rehearsal/hub.json; docker stop cyberhubs-rehearsal-hub-1"
    )
    done = operator.call(*drift)
    assert done.code == 2
    found = [line.split("  ")[0] for line in done.out.splitlines() if "would change" in line][1:]
    assert found == ["06 file /opt/cyberhubs/rehearsal/hub.json", "09 service hub"]
    assert operator.call(*[*drift[:3], "up", "--site", str(site)]).code == 0


def test_images_lie_on_the_data_disk(chain):
    _, out = chain[1].sh("df --output=source /var/lib/docker | tail -1; findmnt -no SOURCE /mnt")
    assert len(set(out.split())) == 1


def test_no_secret_is_anywhere_it_should_not_be(chain):
    operator, server, _ = chain
    _, secrets = server.sh("cat /opt/cyberhubs/rehearsal/secrets/*_t* /opt/*/*/secrets/oauth*")
    canaries = [secrets[i : i + 64] for i in range(0, len(secrets.strip()), 64)]
    assert len(canaries) == 3
    for notebook in (operator.home / "runs").glob("*.ipynb"):
        assert not any(canary in notebook.read_text() for canary in canaries)
    for canary in canaries:
        _, found = server.sh(f"{READABLE} -exec grep -lsF {canary} {{}} + ; ps axww | grep -F "
                             f"{canary} | grep -v grep | head -3")  # fmt: skip
        assert found == ""


def test_the_hub_comes_back_after_a_restart_of_the_server(chain):
    chain[1].reboot()
    done = run(chain, "09_launch_hub")
    assert done.rows("changed") == [] or done.rows("failed") == []
    assert "a cell in a new server prints" in done.rows("ok")


GITHUB = """\
name: github
host: {host}
public_url: https://hub.example.org
login: {{client_id: Iv1.0123456789, client_secret_file: {file}}}
"""


def test_the_client_secret_goes_from_a_private_file_to_a_private_file(chain, tmp_path):
    operator, server, _ = chain
    canary, file, site = "canary-of-github-4711", tmp_path / "secret", tmp_path / "github.yaml"
    site.write_text(GITHUB.format(host=server.host, file=file))

    def configure(**env):
        return operator.papermill("06_configure_hub", env=env, site=str(site))

    assert "is not there" in configure().out
    file.write_text(canary + "\n")
    file.chmod(0o644)
    assert "can be read by others" in configure().out
    file.chmod(0o600)
    done = configure()
    assert done.code == 0, done.out
    path = "/opt/cyberhubs/github/secrets/oauth_client_secret"
    assert server.sh(f"stat -c %a {path}; cat {path}")[1] == f"600\n{canary}"
    other = "canary-by-variable-0815"
    assert configure(CYBERHUBS_CLIENT_SECRET=other).rows("changed") == [f"file {path}"]
    for secret in (canary, other):
        assert secret not in "".join(p.read_text() for p in (operator.home / "runs").iterdir())
        assert server.sh(f"{READABLE} -exec grep -lsF {secret} {{}} +")[1] == ""


def test_a_service_account_of_its_own_and_sudo_with_a_password(chain, tmp_path, in_process):
    operator, server, _ = chain
    canary, site = "canary-of-sudo-4711", tmp_path / "astro.yaml"
    server.set_password("pwsudo", canary)
    site.write_text(f"host: {server.login('pwsudo')}\nservice_user: astro\n"
                    "login: {standin: [{login: ada}]}\nimages: {source: copy}\n"
                    "ca_certificates: [/usr/local/share/ca-certificates/*.crt]\n")  # fmt: skip
    env = {PASSWORD_VARIABLE: canary}
    dry = operator.papermill("06_configure_hub", env=env, site=str(site), dry_run="true")
    assert "account astro" in dry.rows("failed")
    assert "directory /opt/cyberhubs/astro/hub" in dry.rows("unknown")
    for name in ("02_prepare_os", "04_install_docker", "06_configure_hub", "08_get_images"):
        done = operator.papermill(name, env=env, site=str(site))
        assert done.code == 0, done.out
    assert server.sh("stat -c %U /opt/cyberhubs/astro/secrets/proxy_token")[1] == "astro\n"
    os.environ[PASSWORD_VARIABLE] = canary
    try:
        with engine(connect(server.login("pwsudo"))) as client:
            assert client.ping()
    finally:
        del os.environ[PASSWORD_VARIABLE]
