"""Runbook 07 on a real server with a real authority, and an operator who types the site's name."""

import copy
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import pytest
from authority import HOUR, Authority, signed, write_pair
from front_door import NAME, image
from pebble import KEY, KEY_ID, Pebble
from testhost.testhost import TestHost

from cyberhubs_lib.compose import waiting
from cyberhubs_lib.contexts import context
from cyberhubs_lib.sitefile import load_site

HOME = "/opt/cyberhubs/tls"
OWN = f"file {HOME}/certificate/own.pem"
ACCOUNT = f"file {HOME}/certificate/acme/account.caddy"
PORTS = ["port 80 from here", "port 443 from here"]
INSTALL = (
    "apt-get update -q && apt-get install -qy --no-install-recommends docker.io docker-cli"
    " docker-compose iptables && mkdir -p /mnt/data /mnt/user /mnt/jupyterhub_users"
)
SITE = """\
name: tls
host: {host}
public_url: https://{name}
bind_address: {ip}
login: {{standin: [{{login: ada}}]}}
ca_certificates: [/usr/local/share/ca-certificates/*.crt, {roots}/*.crt]
certificate: {{{certificate}}}
"""


@pytest.fixture(scope="module")
def server(_alone, operator):
    """A server with an engine that has the front door's image."""
    with TestHost.up("certificates", disk_gib=0) as made:
        operator.knows(made)
        code, out = made.sh(INSTALL)
        assert code == 0, out[-2000:]
        edge = image("edge", load_site("demo"))
        bring = f"docker save {edge} | docker exec -i {made.container.name} docker load"
        subprocess.run(["sh", "-c", bring], check=True, capture_output=True)
        yield made


@pytest.fixture(scope="module")
def pebble(server, tmp_path_factory):
    """An authority to which the name leads to the server."""
    folder = tmp_path_factory.mktemp("pebble")
    made = Pebble.up("cyberhubs-test-pebble-page", folder, 3600, {NAME: server.ip})
    yield made
    made.down()


@pytest.fixture(scope="module")
def roots(pebble, tmp_path_factory):
    """What this site trusts."""
    folder = tmp_path_factory.mktemp("roots")
    (folder / "pebble.crt").write_text(pebble.issuing_root())
    return folder


class Page:
    """The operator with the page, in front of a machine on which the name leads somewhere."""

    def __init__(self, operator, server, folder, roots):
        self.server, self.roots = server, roots
        self.file, self.hosts = folder / "tls.yaml", folder / "hosts"
        # /etc/hosts is another one for the operator's processes alone
        words = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')
        self.operator = copy.copy(operator)
        self.operator.call = partial(operator.call, *words, str(self.hosts))
        self.lead_to(server.ip)

    def lead_to(self, address: str) -> None:
        """NAME does, for the operator."""
        self.hosts.write_text(Path("/etc/hosts").read_text() + f"\n{address} {NAME}\n")

    def write(self, certificate: str) -> None:
        """The site file."""
        self.file.write_text(SITE.format(host=self.server.host, ip=self.server.ip, name=NAME,
                                         roots=self.roots, certificate=certificate))  # fmt: skip

    def run(self, runbook="07_certificates", **params):
        """Run one."""
        return self.operator.papermill(runbook, site=str(self.file), **params)

    def start(self) -> None:
        """The front door alone: all else has no part in this."""
        answers = waiting(load_site(str(self.file)).project, 60, "wait_for caddy")
        edge = [
            context("edge", site).tag for site in (load_site("demo"), load_site(str(self.file)))
        ]
        assert self.server.sh(f"docker tag {' '.join(edge)}")[0] == 0
        up = f"cd {HOME} && docker compose up -d --no-deps caddy 2>&1 && {answers}"
        code, out = self.server.sh(up)
        assert code == 0, out


@pytest.fixture(scope="module")
def page(operator, server, roots, tmp_path_factory):
    return Page(operator, server, tmp_path_factory.mktemp("page"), roots)


@pytest.fixture(scope="module")
def acme(page, pebble, tmp_path_factory):
    """The site with an authority, and its settings on the server."""
    key = tmp_path_factory.mktemp("key") / "eab"
    key.write_text(KEY)
    key.chmod(0o600)
    page.write(
        f"directory: https://{pebble.address}:14000/dir, email: ada@example.org,"
        f" eab_key_id: {KEY_ID}, eab_key_file: {key}, ca_root: {pebble.root}"
    )
    done = page.run("06_configure_hub")
    assert done.code == 0, done.out
    return page


def test_a_name_that_leads_elsewhere_stops_before_anybody_is_asked(acme, pebble):
    acme.lead_to(pebble.address)
    done = acme.run()
    acme.lead_to(acme.server.ip)
    assert done.code == 1
    assert f"{NAME} leads to is '{pebble.address}, but the host has " in done.out
    assert "correct the name's A record" in done.out
    assert ACCOUNT not in done.rows("changed")
    assert pebble.asked() == 0


def test_a_blocked_port_is_named(acme):
    acme.server.sh("iptables -I INPUT -p tcp --dport 80 -j DROP")
    try:
        done = acme.run()
        assert done.code == 1
        assert "port 80 from here is 'no answer'" in done.out
        assert "security group" in done.out
        assert done.rows("failed") == ["port 80 from here"]
    finally:
        acme.server.sh("iptables -D INPUT -p tcp --dport 80 -j DROP")


def test_a_dry_run_shows_and_changes_nothing(acme):
    done = acme.run(dry_run="true")
    assert done.code == 0, done.out
    assert {ACCOUNT, f"file {HOME}/certificate/acme/root.pem"} <= set(done.rows("would change"))
    assert acme.server.sh(f"ls -A {HOME}/certificate")[1] == ""


def test_before_the_hub_runs(acme):
    done = acme.run()
    assert done.code == 0, done.out
    assert ACCOUNT in done.rows("changed")
    assert set(PORTS) <= set(done.rows("ok"))
    assert {row["was"] for row in done.reports["Verify"]["rows"]} == {"not served yet"}


def test_the_served_certificate_is_looked_at(acme):
    acme.start()
    acme.run()  # the authority takes a second or two
    done = acme.run()
    assert done.code == 0, done.out
    assert done.rows("changed") == []
    found = {row["label"]: row for row in done.reports["Verify"]["rows"]}
    assert {row["status"] for row in found.values()} == {"ok"}
    assert "Pebble" in found["issued by"]["was"]
    assert found["served names"]["was"] == NAME
    assert done.meta["round_trips"] <= 3


def test_the_key_of_the_account_is_nowhere_else(acme):
    for notebook in (acme.operator.home / "runs").glob("*.ipynb"):
        assert KEY not in notebook.read_text()
    assert acme.server.sh(f"stat -c '%a %U' {HOME}/certificate/acme/account.caddy")[1] == (
        "600 debian\n"
    )
    _, out = acme.server.sh(
        f"ps axww | grep -F {KEY} | grep -v grep; docker inspect cyberhubs-tls-caddy-1 | grep -F {KEY};"
        f" find / -xdev -type f -perm -o=r -size -2M ! -path '/proc/*' -exec grep -lsF {KEY} {{}} +"
    )
    assert out == ""


TAMPER = [
    (f"chmod 644 {HOME}/certificate/acme/account.caddy", [ACCOUNT]),
    (f"rm {HOME}/certificate/acme/root.pem", [f"file {HOME}/certificate/acme/root.pem"]),
]


@pytest.mark.parametrize(("tamper", "shown"), TAMPER)
def test_what_was_tampered_with_is_shown_and_put_right(acme, tamper, shown):
    assert acme.server.sh(tamper)[0] == 0
    done = acme.run()
    assert done.code == 0, done.out
    assert done.rows("changed") == shown


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority.made(tmp_path_factory.mktemp("ca"))


def bring(page, ca, folder, **changes):
    """A new certificate of the site's own in its two files."""
    made = signed("hub", ca.between, NAME, **changes)
    wanted = write_pair(folder, made.pem + ca.between.pem, made.key_pem)
    page.write(", ".join(f"{key}: {value}" for key, value in wanted.items()))
    return made


@pytest.fixture(scope="module")
def own(acme, ca, tmp_path_factory):
    """The same site with a certificate of its own."""
    (acme.roots / "own.crt").write_text(ca.root.pem)
    folder = tmp_path_factory.mktemp("own")
    bring(acme, ca, folder)
    for runbook in ("06_configure_hub", "07_certificates"):
        done = acme.run(runbook)
        assert done.code in (0, 1), done.out  # the front door still shows the other one
    assert "the one of the site file is 'another one'" in done.out
    acme.start()
    return acme, folder


def test_a_certificate_of_its_own_is_changed_by_the_page_alone(own, ca):
    page, folder = own
    before = page.server.sh("docker ps -q --no-trunc")[1]
    assert page.run().rows("changed") == []
    key = bring(page, ca, folder).key_pem
    done = page.run()
    assert done.code == 0, done.out
    assert done.rows("changed") == [OWN]
    assert "the one of the site file" in done.rows("ok")
    assert page.server.sh("docker ps -q --no-trunc")[1] == before
    body = key.splitlines()[1]
    for notebook in (page.operator.home / "runs").glob("*.ipynb"):
        assert body not in notebook.read_text()
    assert page.server.sh(f"stat -c '%a %U' {HOME}/certificate/own.pem")[1] == "600 debian\n"


def test_a_bad_pair_changes_nothing(own, ca):
    page, folder = own
    before = page.server.sh(f"sha256sum {HOME}/certificate/own.pem")[1]
    bring(page, ca, folder, begin=-9 * HOUR, end=-HOUR)
    done = page.run()
    assert done.code == 1
    assert "time left is 'expired on" in done.out
    assert page.server.sh(f"sha256sum {HOME}/certificate/own.pem")[1] == before


def test_drift_notices_a_certificate_that_grows_old(own, ca):
    page, folder = own
    made = bring(page, ca, folder, begin=-80 * HOUR, end=20 * HOUR)
    pem = made.pem + ca.between.pem + made.key_pem
    page.server.container.exec_run(
        ["sh", "-c", f'cd {HOME}/certificate && printf %s "$PEM" > own.pem'],
        environment={"PEM": pem},
    )
    look = (
        "import sys; from cyberhubs_lib.drift import drift; report, code = drift("
        f"['07_certificates'], {{'site': {str(page.file)!r}}}, print); print(report); sys.exit(code)"
    )
    done = page.operator.call(sys.executable, "-c", look)
    assert done.code == 2, done.out
    assert re.search(r"07 its time +20 hours of 4 days left", done.out)


def test_roll_back_as_the_page_says(own):
    page, _ = own
    nb = nbformat.read("runbooks/07_certificates.ipynb", as_version=4)
    (text,) = [c.source for c in nb.cells if c.source.startswith("## Roll back")]
    script = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.S)).replace("SITE", "tls")
    code, out = page.server.sh("set -e\n" + script.replace("sudo ", ""))
    assert code == 0, out
    assert page.server.sh(f"ls -A {HOME}/certificate")[1] == ""
