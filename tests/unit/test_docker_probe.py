"""The proof of runbook 04: what it asks the host, and what its rows make of the answers."""

import json
import shlex
import ssl
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from authority import signed

from cyberhubs_lib.recipes.docker_probe import SCRIPT, checks, registry
from cyberhubs_lib.resources.trust import RED_HAT_STORE, KnownToEngine
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_host import Docker
from cyberhubs_lib.state import difference
from cyberhubs_lib.transport import Result

SOURCES = [
    ("deb http://user:pw@apt-cache.institute.edu:3142/debian trixie main", "apt-cache.institute.edu"),
    ("# deb http://old.test/debian\nURIs: https://deb.test/debian", "deb.test"),
    ("deb http://192.0.2.1:3142/debian x\ndeb http://[2001:db8::1]/x y\nbaseurl=http://b.test:80/x",
     "b.test"),
    ("baseurl=https://$contentdir.test/x\nmetalink=https://mirrors.test/x", "mirrors.test"),
    ("deb http://192.0.2.1/debian x", "registry-1.docker.io"),
    ("", "registry-1.docker.io"),
]  # fmt: skip


@pytest.mark.parametrize(("sources", "asked"), SOURCES)
def test_the_name_that_a_container_looks_up(sources, asked):
    function = SCRIPT[SCRIPT.index("name() {") : SCRIPT.index("# One call")]
    files = "cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/yum.repos.d/* 2>/dev/null"
    script = function.replace(files, "cat") + "name"
    assert script.count("cat |") == 1
    done = subprocess.run(["sh", "-c", script], input=sources, text=True, capture_output=True)
    assert (done.stdout, done.stderr) == (f"{asked}\n", "")


MIRRORS = [
    ([], "docker.io"),
    (["https://cache.test:5000/"], "cache.test:5000"),
    (["https://user:pw@cache.test"], "cache.test"),
    (["http://127.0.0.1:5001/"], "http://127.0.0.1:5001"),
]


@pytest.mark.parametrize(("mirrors", "asked"), MIRRORS)
def test_which_registry_is_asked(mirrors, asked):
    assert registry(Docker(registry_mirrors=mirrors)) == asked


X509 = '{"message":"Get \\"https://r.test/v2/\\": x509: certificate signed by unknown authority"}'
ANSWERS = [
    ("registry=200", "a registry can be reached", "yes"),
    ('registry={"message":"manifest unknown"} 404', "a registry can be reached", "yes"),
    ('registry={"message":"Get x: no basic auth credentials"} 500', "a registry can be reached", "yes"),
    (f"registry={X509} 500", "a registry can be reached",
     "no: the engine does not trust its certificate"),
    ('registry={"message":"dial tcp: no such host"} 500', "a registry can be reached", "no"),
    ("registry= 000", "a registry can be reached", "no"),
    ("networks=172.17.0.0/16 192.168.128.0/26", "networks of containers",
     "172.17.0.0/16, 192.168.128.0/26"),
    ("account=permission denied", "ada may use Docker", "permission denied"),
    ("docker: storage driver=zfs failed\naccount=ok", "a container runs",
     "docker: storage driver=zfs failed"),
    ("runs=yes\nname=yes", "a container runs", "yes"),
    ("pypi.org=yes", "pypi.org, from a container", "yes"),
    ("pypi.org=SSL certificate problem: self-signed certificate", "pypi.org, from a container",
     "SSL certificate problem: self-signed certificate"),
    ("", "a published port answers", "no answer"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "label", "found"), ANSWERS)
def test_what_the_rows_say(answer, label, found):
    rows = [c.row(Result(0, answer)) for c in checks("ada", Site(), 65536, 22)]
    (row,) = [row for row in rows if row.label == label]
    assert row.was == found


def test_one_question_serves_all_rows():
    assert len({check.question for check in checks("ada", Site(), 65536, 22)}) == 1


def test_authorities_that_came_after_the_start_of_the_engine():
    known = KnownToEngine(RED_HAT_STORE, live_restore=False)
    assert difference(known.parse(Result(0, "")), known.wanted) == []
    was = known.parse(Result(0, f"{RED_HAT_STORE.folder}\n"))
    assert difference(was, known.wanted) == ["known"]
    assert "all containers with it" in known.note(was)
    assert RED_HAT_STORE.folder in known.question()


def test_only_a_host_that_builds_is_asked_about_what_is_built_with(tmp_path, monkeypatch):
    (tmp_path / "a.crt").write_text("-- an authority --")
    config = {"proxies": {"default": {"httpsProxy": "http://proxy.test:3128"}}}
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps(config))
    for source, asked in ({"source": "build"}, True), ({"source": "copy"}, False):
        site = Site(images=source, ca_certificates=[f"{tmp_path}/*.crt"])
        rows = checks("ada", site, 65536, 22)
        assert any("npmjs" in check.label for check in rows) == asked
        for word in ("an authority", "https_proxy=http://proxy.test:3128", "npmjs"):
            assert (word in rows[0].question) == asked


@pytest.fixture
def web(tmp_path):
    """A server whose certificate an institute's own authority has signed; its address."""
    root = signed("Institute Root", authority=True)
    (tmp_path / "root.pem").write_text(root.pem)
    pair = signed("localhost", root, "localhost")
    (tmp_path / "both.pem").write_text(pair.pem + pair.key_pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "both.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"localhost:{server.server_address[1]}"
        server.shutdown()


def test_what_a_build_would_trust(web, tmp_path):
    """Not what the machine trusts: Debian's own authorities, and those of the site file."""
    function = SCRIPT[SCRIPT.index("packages() {") : SCRIPT.index("outside() {")]
    here = 'docker() { while [ "$1" != sh ]; do shift; done; "$@"; }\n'
    function = function.replace("/authorities.pem", f"{tmp_path}/all.pem")
    known = (tmp_path / "root.pem").read_text()
    for authorities, said in (known, "yes"), ("", "SSL certificate problem"):
        given = f"package_servers={web} authorities={shlex.quote(authorities)}\n"
        done = subprocess.run(["sh", "-c", f"{here}{given}{function}packages"], text=True,
                              capture_output=True)  # fmt: skip
        assert done.stdout.startswith(f"{web}={said}"), done
        assert done.stdout.count("\n") == 1
