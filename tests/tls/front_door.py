"""The hub's front door alone, from the real compose file, with something behind it that answers."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import docker
import websocket
from cryptography import x509
from docker.errors import ImageNotFound
from pebble import KEY, KEY_ID, Pebble

from cyberhubs_lib.compose import compose
from cyberhubs_lib.contexts import context
from cyberhubs_lib.engine import engine
from cyberhubs_lib.facts import Facts
from cyberhubs_lib.host import connect
from cyberhubs_lib.params import Params
from cyberhubs_lib.recipes.certificates import recipe
from cyberhubs_lib.rendered import files
from cyberhubs_lib.resources.images import Built
from cyberhubs_lib.served import trust
from cyberhubs_lib.site import Site
from cyberhubs_lib.sitefile import load_site

NAME = "hub.test"
IMAGES = ("edge", "hub", "compose")  # the last where this machine has none of its own

# In the place of JupyterHub's proxy: a page, a websocket that says what it hears, an upload.
BEHIND = """
import tornado.ioloop, tornado.web, tornado.websocket
class Page(tornado.web.RequestHandler):
    def get(self):
        names = self.get_arguments("header") or ["X-Forwarded-Proto"]
        self.write(" | ".join(self.request.headers.get(name, "") for name in names))
    def put(self): self.write(str(len(self.request.body)))
class Echo(tornado.websocket.WebSocketHandler):
    def on_message(self, text): self.write_message(text)
tornado.web.Application([("/ws", Echo), ("/.*", Page)]).listen(8000, max_body_size=2**30)
tornado.ioloop.IOLoop.current().start()
"""


def image(name: str, site: Site) -> str:
    """The demo's image, under the tag of this site's own: they differ by authorities alone."""
    here, demo = connect("localhost"), load_site("demo")
    wanted, tag = context(name, demo), context(name, site).tag
    with engine(here) as client:
        if not client.images.list(wanted.tag):
            Built(wanted, context("base", demo).tag).bring(here, client, print)
        client.images.get(wanted.tag).tag(tag)
    return tag


class FrontDoor:
    """A site's front door at an address of its own, 127.0.77.NUMBER."""

    def __init__(self, folder: Path, number: int, caddyfile: Callable[[str], str], **keys: object):
        self.address, self.folder = f"127.0.77.{number}", folder
        self.site = Site.model_validate(
            {"name": f"tls-{number}", "server_dir": str(folder), "bind_address": self.address,
             "public_url": f"https://{self.address}", "host": "localhost",
             **keys}
        )  # fmt: skip
        self.name, self.caddyfile = self.site.public_name, caddyfile
        self.host = connect("localhost")
        self.host.root = False
        self.engine = docker.from_env()
        self.trust = trust([*self.site.certificates()])
        self.clear()

    @property
    def facts(self) -> Facts:
        """Of this machine."""
        return self.host.facts

    @property
    def container(self):
        """Caddy's."""
        return self.engine.containers.get(f"{self.site.project}-caddy-1")

    def write(self) -> None:
        """What the runbooks 06 and 07 write, by the shell text that they would run."""
        for path, content in files(self.site, self.facts).items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        text = (self.folder / "Caddyfile").read_text()
        (self.folder / "Caddyfile").write_text(self.caddyfile(text))
        (self.folder / "certificate").mkdir(exist_ok=True)
        self.certificate()

    def certificate(self) -> None:
        """What runbook 07 writes."""
        for resource in recipe(self.facts, self.site, Params()).steps["certificate"]:
            self.host.read(resource.change(None))

    def compose(self, command: str) -> None:
        """A compose command in the site's directory."""
        self.host.read(f"{compose(self.site, self.facts)}{command} 2>&1")

    def up(self, *neighbours: tuple[object, str]) -> None:
        """Start it, with these containers under these names on its network."""
        for name in IMAGES if not self.facts.compose else IMAGES[:2]:
            image(name, self.site)
        self.write()
        self.compose("create --quiet-pull caddy")
        label = {"label": f"com.docker.compose.project={self.site.project}"}
        for network in self.engine.networks.list(filters=label):
            if not network.name.endswith("_front"):
                network.remove()  # of services that are not here; Docker has room for thirty or so
        network = self.engine.networks.get(f"{self.site.project}_front")
        network.disconnect(self.container)
        network.connect(self.container, aliases=["caddy", self.name])
        for neighbour, name in neighbours:
            network.connect(neighbour, aliases=[name])
        behind = self.engine.containers.run(
            context("hub", self.site).tag, ["python3", "-c", BEHIND], detach=True,
            name=f"{self.site.project}-behind", labels={"tls-test": self.site.project},
        )  # fmt: skip
        network.connect(behind, aliases=["proxy"])
        self.compose("start caddy")

    def clear(self) -> None:
        """Remove what is left of it."""
        for label in (f"tls-test={self.site.project}",
                      f"com.docker.compose.project={self.site.project}"):  # fmt: skip
            for found in self.engine.containers.list(all=True, filters={"label": label}):
                found.remove(force=True)
            for network in self.engine.networks.list(filters={"label": label}):
                network.reload()
                for other in network.containers:
                    network.disconnect(other, force=True)
                network.remove()
            for volume in self.engine.volumes.list(filters={"label": label}):
                volume.remove()
        for name in IMAGES:
            tag = context(name, self.site).tag
            if tag != context(name, load_site("demo")).tag:
                with contextlib.suppress(ImageNotFound):
                    self.engine.images.remove(tag)

    # -- as somebody outside ------------------------------------------------------------------------

    def connection(self, tls: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A new one."""
        plain = socket.create_connection((self.address, 443), timeout=10)
        try:
            return (tls or self.trust).wrap_socket(plain, server_hostname=self.name)
        except BaseException:
            plain.close()
            raise

    def request(self, method="GET", path="/", body=None, port=443, **headers):
        """Status, headers, body, and the certificate's serial number."""
        serial, web = 0, http.client.HTTPConnection(self.address, 80, timeout=10)
        if port == 443:
            web.sock = self.connection()
            serial = x509.load_der_x509_certificate(web.sock.getpeercert(True)).serial_number
        try:
            more = {name.replace("_", "-"): value for name, value in headers.items()}
            web.request(method, path, body, {"Host": self.name, **more})
            reply = web.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read().decode(), serial
        finally:
            web.close()

    def wait(self, seconds: float = 30) -> None:
        """Until a page comes."""
        end = time.monotonic() + seconds
        while True:
            try:
                if self.request()[0] == 200:
                    return
            except OSError:
                pass
            assert time.monotonic() < end, self.container.logs(tail=20).decode()
            time.sleep(0.1)


class Load:
    """People who come all the time, each with a new connection, and one who stays in a websocket."""

    def __init__(self, door: FrontDoor, people: int = 3):
        self.door, self.failed, self.served, self.heard = door, [], [], 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._visit) for _ in range(people)]
        self._threads.append(threading.Thread(target=self._stay))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def serials(self) -> list[int]:
        """The certificates that were served, in order."""
        return list(dict.fromkeys(self.served))

    def until(self, certificates: int, seconds: float) -> None:
        """Until so many different ones were served."""
        end = time.monotonic() + seconds
        while len(self.serials) < certificates:
            assert time.monotonic() < end, (len(self.serials), self.failed[:3])
            time.sleep(0.1)

    def _visit(self) -> None:
        while not self._stop.wait(0.03):
            try:
                status, _, _, serial = self.door.request()
                self.served.append(serial)
                if status != 200:
                    self.failed.append(f"HTTP {status}")
            except OSError as error:
                self.failed.append(str(error))

    def _stay(self) -> None:
        try:
            here = websocket.create_connection(
                f"wss://{self.door.name}/ws", socket=self.door.connection()
            )
            while not self._stop.wait(0.1):
                here.send("still here")
                assert here.recv() == "still here"
                self.heard += 1
            here.close(timeout=1)
        except Exception as error:
            self.failed.append(f"websocket: {error}")


def often(text: str) -> str:
    """The Caddyfile, looking every second (not every ten minutes) whether it is time to renew."""
    return text.replace("\tadmin localhost:2019\n", "\tadmin localhost:2019\n\trenew_interval 1s\n")


def automatic(folder: Path, number: int, pebble: Pebble, name: str = NAME) -> FrontDoor:
    """A front door that asks this authority for a certificate."""
    (folder / "eab").write_text(KEY)
    (folder / "eab").chmod(0o600)
    (folder / "server").mkdir()
    wanted = {"directory": "https://pebble:14000/dir", "email": "ada@example.org",
              "ca_root": str(pebble.root), "eab_key_id": KEY_ID,
              "eab_key_file": str(folder / "eab")}  # fmt: skip
    keys = {"public_url": f"https://{name}", "certificate": wanted}
    return FrontDoor(folder / "server", number, often, **keys)
