"""The way from users' programs to the Internet: open, closed, or through a proxy alone."""

import contextlib
import http.server
import threading
import urllib.request

import pytest
from trial import PROJECT, Person

FETCH = """
import sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=4).read().decode())
except OSError as error:
    print("no way:", type(error).__name__)
"""


class Answers(http.server.BaseHTTPRequestHandler):
    """A web server, and a forward proxy for http: who asks for a whole address gets it fetched."""

    seen: list[str] = []

    def do_GET(self):
        """Called by http.server."""
        self.seen.append(self.path)
        body = b"an old web page" if self.path.startswith("/") else self.fetched()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def fetched(self):
        """Names are the proxy's affair: users' servers know none of the Internet."""
        here = self.path.replace("web.example.org", "127.0.0.1")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return opener.open(here, timeout=5).read()

    def log_message(self, *args):
        """Into no terminal."""


@pytest.fixture(scope="module")
def outside(demo_hub):
    """This machine in the part of the Internet: its address on a network that is no user's."""
    control = demo_hub.engine.networks.get(f"{PROJECT}_control")
    address = control.attrs["IPAM"]["Config"][0]["Gateway"]
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield address, server.server_port
        server.shutdown()


@contextlib.contextmanager
def isolation(demo, **keys):
    """The demo with these settings, and Ben at work."""
    before = demo.site.read_text()
    lines = "".join(f"  {name}: {value}\n" for name, value in keys.items())
    demo.site.write_text(f"{before}isolation:\n{lines}")
    try:
        Person(demo, "ben").stop()
        demo.again()
        person = Person(demo, "ben")
        person.start()
        yield demo.user_container("ben")
        person.stop()
    finally:
        demo.site.write_text(before)
        demo.again()
        demo.healthy()


def fetch(container, url):
    code, out = container.exec_run(["python3", "-c", FETCH, url])
    assert code == 0, out
    return out.decode().strip()


def gateway(demo):
    """The server's own address on Ben's network, whether it has one there or not."""
    network = demo.engine.networks.get(f"{PROJECT}_user-ben")
    return network.attrs["IPAM"]["Config"][0]["Gateway"]


def test_open(demo_hub, outside):
    """The control: what the other two keep shut is there."""
    address, port = outside
    ben = Person(demo_hub, "ben")
    ben.start()
    inside = demo_hub.user_container("ben")
    assert fetch(inside, f"http://{address}:{port}/") == "an old web page"
    assert fetch(inside, f"http://{gateway(demo_hub)}:{port}/") == "an old web page"
    ben.stop()


def test_closed(demo_hub, outside):
    address, port = outside
    with isolation(demo_hub, internet="closed") as inside:
        # also not the server itself, nor a cloud's metadata, with no packet filter on this machine
        for there in (f"{address}:{port}", f"{gateway(demo_hub)}:{port}", "169.254.169.254"):
            assert fetch(inside, f"http://{there}/").startswith("no way"), there
        assert inside.exec_run(["getent", "hosts", "example.org"]) == (2, b"")
        assert inside.exec_run(["getent", "hosts", "hub"])[0] == 0
        answer = fetch(inside, "http://hub:8081/hub/api")
        assert '"version"' in answer


def test_a_proxy_alone(demo_hub, outside):
    address, port = outside
    web = f"http://web.example.org:{port}/page"
    with isolation(demo_hub, internet="proxy", proxy=f"http://{address}:{port}") as inside:
        Answers.seen.clear()
        assert fetch(inside, web) == "an old web page"
        assert Answers.seen == [web, "/page"]
        curl = inside.exec_run(
            ["curl", "-s", "--noproxy", "*", "-m", "4", f"http://{address}:{port}/"]
        )
        assert curl == (7, b"") or curl == (28, b"")
        assert "egress" in demo_hub.services()
        assert '"version"' in fetch(inside, "http://hub:8081/hub/api")  # not by way of the proxy
    assert "egress" not in demo_hub.services()
    assert f"{PROJECT}_egress" not in demo_hub.left()["networks"]
    assert f"{PROJECT}_user-ben" in {net.name for net in demo_hub.engine.networks.list()}
