"""The running demo, and people who visit it without a browser."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpx
from terminal import Done, Operator

from cyberhubs_lib.runs import RUNS

NAME = "demo-test"
PROJECT = f"cyberhubs-{NAME}"


@dataclass
class Demo:
    """A running demo and whoever looks at it."""

    url: str
    site: Path
    home: Path  # the directory of the hub's settings
    out: str  # what the first `demo` printed
    operator: Operator
    engine: docker.DockerClient

    def cli(self, *words: str) -> Done:
        """`./cyberhubs WORDS... --site SITE`, which must succeed."""
        done = self.operator.call(
            sys.executable, "-m", "cyberhubs_lib", *words, "--site", str(self.site)
        )
        assert done.code == 0, done.out
        return done

    def access(self, *words: str) -> tuple[int, str]:
        """`./cyberhubs access WORDS`: exit code and output."""
        command = [sys.executable, "-m", "cyberhubs_lib", "access", *words]
        done = self.operator.call(*command, "--site", str(self.site))
        return done.code, done.out

    def in_hub(self, script: str) -> str:
        """What a script prints in the hub's container, where it must succeed."""
        code, out = self.services()["hub"].exec_run(["sh", "-c", script])
        assert code == 0, out
        return str(out.decode())

    def again(self) -> str:
        """`demo` once more."""
        return self.cli("demo").out

    @contextlib.contextmanager
    def with_site(self, text: str) -> Iterator[Demo]:
        """The demo of another site file; afterwards as before."""
        before = self.site.read_text()
        assert text != before
        try:
            self.site.write_text(text)
            self.again()
            self.healthy()
            yield self
        finally:
            self.site.write_text(before)
            self.again()
            self.healthy()

    def records(self) -> list[Path]:
        """The executed notebooks, oldest first."""
        return sorted((RUNS / NAME).glob("*.ipynb"))

    def services(self) -> dict[str, docker.models.containers.Container]:
        """Service -> its container."""
        chosen = {"label": f"com.docker.compose.project={PROJECT}"}
        found = self.engine.containers.list(all=True, filters=chosen, ignore_removed=True)
        return {c.labels["com.docker.compose.service"]: c for c in found}

    def user_container(self, name: str) -> docker.models.containers.Container:
        """The container of somebody's server."""
        return self.engine.containers.get(f"{PROJECT}-user-{name}")

    def healthy(self) -> None:
        """Wait until every service answers its own health check, asked now."""
        end = time.monotonic() + 60
        while bad := {name for name, one in self.services().items() if not answers(one)}:
            assert time.monotonic() < end, f"not healthy: {bad}"
            time.sleep(0.2)

    def once(self, image: Any, mounts: dict[Path, str]) -> tuple[int, str]:
        """Run the image's own command with these files, to its end: exit code and output."""
        binds = {str(path): {"bind": to, "mode": "ro"} for path, to in mounts.items()}
        container = self.engine.containers.run(
            image, volumes=binds, network_mode="none", detach=True
        )
        try:
            return container.wait(timeout=60)["StatusCode"], container.logs().decode()
        finally:
            container.remove(force=True)

    def file(self, login: str, name: str) -> str:
        """What is in a file of somebody's home directory, on the server."""
        look = ["cat", f"/srv/jupyterhub_users/{login}/{name}"]
        code, out = self.services()["hub"].exec_run(look)
        assert code == 0, out
        return out.decode()

    def left(self) -> dict[str, list[str]]:
        """Everything on this machine that carries the demo's name."""
        every = {
            "containers": [c["Names"][0][1:] for c in self.engine.api.containers(all=True)],
            "networks": [n.name for n in self.engine.networks.list()],
            "volumes": [v.name for v in self.engine.volumes.list()],
        }
        ours = (f"{PROJECT}-", f"{PROJECT}_", f"{NAME}-data")  # and nobody else's
        return {k: [name for name in names if name.startswith(ours)] for k, names in every.items()}

    def clear(self) -> None:
        """Remove what an interrupted run may have left; its settings were in a folder of its own."""
        left = self.left()
        for name in left["containers"]:
            self.engine.containers.get(name).remove(force=True)
        for name in left["networks"]:
            self.engine.networks.get(name).remove()
        for name in left["volumes"]:
            self.engine.volumes.get(name).remove()


def answers(container: docker.models.containers.Container) -> bool:
    """Whether a service answers what its health check in compose.yaml asks."""
    asked = container.attrs["Config"]["Healthcheck"]["Test"][1:]
    try:
        return container.status == "running" and container.exec_run(asked).exit_code == 0
    except docker.errors.APIError:  # it has ended meanwhile
        return False


def words(html: str) -> str:
    """What somebody reads on a page; scripts hold tokens, in which any number may occur."""
    shown = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>", " ", html)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


class Person:
    """Somebody with a browser that shows nothing: logged in at the stand-in."""

    def __init__(self, demo: Demo, login: str):
        self.demo, self.login = demo, login
        self.web = httpx.Client(base_url=demo.url, timeout=60, follow_redirects=True)
        page = self.web.get("/hub/oauth_login")
        self.reply = self.web.post(page.url, data={"login": login})

    @property
    def said(self) -> str:
        """The words of the page that their login ended on."""
        return words(self.reply.text)

    def token(self) -> str:
        """A token for the API, as the hub's page /hub/token gives it."""
        path = f"/hub/api/users/{self.login}/tokens"
        reply = self.web.post(path, json={"note": "test"}, headers=self._xsrf())
        return str(reply.raise_for_status().json()["token"])

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        path = f"/hub/api/users/{self.login}/server"
        self.web.post(path, json={}, headers=self._xsrf()).raise_for_status()
        with self.web.stream("GET", f"{path}/progress", headers=self._xsrf()) as events:
            text = "".join(events.iter_text())
        assert '"ready": true' in text, text

    def press_start(self, title: str = "JupyterLab") -> httpx.Response:
        """Send the form of the menu, as the button does."""
        return self.web.post(
            f"/hub/spawn/{self.login}", data={"title": title}, headers=self._xsrf()
        )

    def stop(self) -> None:
        """Stop the server and wait until it is gone; nothing running is fine.

        A hub that was just started looks at its servers first; until it has, it says that none runs.
        """
        path, end = f"/hub/api/users/{self.login}", time.monotonic() + 60
        while self.web.delete(f"{path}/server", headers=self._xsrf()).status_code != 204:
            if not self.web.get(path, headers=self._xsrf()).json()["servers"]:
                return
            assert time.monotonic() < end, "it still runs"
            time.sleep(0.2)

    def _xsrf(self) -> dict[str, str]:
        page = self.web.get("/hub/home").text
        found = re.search(r'xsrf_token: "([^"]+)"', page)
        assert found, page
        return {"X-XSRFToken": found.group(1), "Referer": f"{self.demo.url}/hub/home"}


def on_the_way(demo: Demo, login: str) -> tuple[httpx.Client, str]:
    """A browser that has been at the stand-in, and the hub's address to which it was sent back."""
    web = httpx.Client(base_url=demo.url, timeout=60)
    page = web.get("/hub/oauth_login", follow_redirects=True)
    return web, web.post(page.url, data={"login": login}).headers["Location"]
