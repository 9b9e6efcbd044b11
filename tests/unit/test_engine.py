"""The engine of this machine where only root may use it: through a program, as over ssh."""

import sys

import pytest

from cyberhubs_lib.engine import engine
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.host import PASSWORD_VARIABLE, Host
from cyberhubs_lib.transport import Local

# it lets only root in, and answers any question with its version
DOCKER = f"""#!{sys.executable}
import http.server, os, sys
assert os.environ.get("ROOT") and sys.argv[1:] == ["system", "dial-stdio"]
class Engine(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def setup(self):
        self.rfile, self.wfile = sys.stdin.buffer, os.fdopen(1, "wb", 0)
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "23")
        self.end_headers()
        self.wfile.write(b'{{"ApiVersion": "1.44" }}')
    def finish(self):
        pass
Engine(None, ("", 0), None)
"""
SUDO = '#!/bin/sh\nwhile [ "$1" != docker ] && [ "$1" != sh ]; do shift; done\nROOT=1 exec "$@"\n'


@pytest.mark.parametrize("sudo", ["free", "password"])
def test_as_root_where_this_account_may_not(tmp_path, monkeypatch, sudo):
    for name, text in (("docker", DOCKER), ("sudo", SUDO)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    monkeypatch.setenv(PASSWORD_VARIABLE, "of no account")
    host = Host(Local())
    host.facts = parse_facts(
        f"sudo={sudo}\ndocker_cli=/usr/bin/docker\ndocker=28\ndocker_as=sudo\n"
    )
    with engine(host) as client:
        assert client.version() == {"ApiVersion": "1.44"}
