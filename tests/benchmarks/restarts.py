"""What users notice of restarts and deaths, as a table: ./cyberhubs test benchmarks restarts

Restarts each service of the demo that runs on this machine, with somebody at work in a browser, and
kills their server; nothing is asserted. With arguments: SITE, a trial on this machine, and services.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter

import docker
import httpx
from at_work import AtWork, Visits, cookies
from browser import chromium, page_of
from playwright.sync_api import Browser

from cyberhubs_lib.compose import compose
from cyberhubs_lib.host import connect
from cyberhubs_lib.sitefile import load_site

SERVICES = ["broker", "hub", "proxy", "caddy"]  # the worst last
ALL = "an upgrade"  # all services in new containers
QUIET = 60  # seconds after which what has not come back does not


class Trial:
    """A trial's hub, its containers, and Ben, who is logged in and has a server."""

    def __init__(self, name: str):
        self.site = site = load_site(name)
        self.url, self.project, self.engine = site.public_url, site.project, docker.from_env()
        self.web = httpx.Client(base_url=self.url, timeout=200, follow_redirects=True)
        self.log_in(self.web)
        home = self.web.get("/hub/home").text
        xsrf = re.search(r'xsrf_token: "([^"]+)"', home)
        assert xsrf, home
        self.headers = {"X-XSRFToken": xsrf.group(1), "Referer": f"{self.url}/hub/home"}
        reply = self.web.post("/hub/api/users/ben/tokens", json={}, headers=self.headers)
        self.token = reply.raise_for_status().json()["token"]

    def log_in(self, web: httpx.Client) -> httpx.Response:
        """At the stand-in; the page that the login ends on."""
        page = web.get("/hub/oauth_login")
        return web.post(page.url, data={"login": "ben"})

    def start(self) -> float:
        """Ben's server, if it does not run; seconds until it answers."""
        began = time.monotonic()
        self.web.post("/hub/api/users/ben/server", json={}, headers=self.headers)
        self.web.get("/hub/api/users/ben/server/progress", headers=self.headers)
        return time.monotonic() - began

    def stop(self) -> None:
        """Ben's server, to its end."""
        self.web.delete("/hub/api/users/ben/server", headers=self.headers)
        while self.running():
            time.sleep(0.2)

    def running(self) -> bool:
        """Whether the hub takes Ben's server for a running one."""
        return bool(self.web.get("/hub/api/users/ben", headers=self.headers).json()["servers"])

    def recreate(self) -> None:
        """All services, as when their images or settings have changed."""
        host = connect("localhost")
        host.root = False
        host.read(f"{compose(self.site, host.facts)}up -d --force-recreate 2>&1")

    def container(self, name: str) -> docker.models.containers.Container:
        """Of a service (NAME-1), or of a user's server (user-NAME)."""
        return self.engine.containers.get(f"{self.project}-{name}")


def row(*words: object) -> None:
    """One line of the table."""
    print("{:10} {:>6} {:>9} {:>8}  {:22} {:22} {:22} {:>7} {:>6}  {}".format(*words), flush=True)


def restart(trial: Trial, browser: Browser, service: str) -> None:
    """One service, with Ben at work since a while."""
    trial.stop()
    trial.start()
    lab = f"{trial.url}/user/ben"
    with page_of(browser) as page:
        page.context.add_cookies(cookies(trial.web, trial.url))
        work = AtWork(page, lab, trial.token, trial.container("user-ben"))
        work.goes_on()
        file = {"type": "file", "format": "text", "content": "x"}
        with (
            Visits(f"{lab}/api/status", trial.token) as server,
            Visits(f"{lab}/api/contents/saved.txt", trial.token, file) as saves,
            Visits(f"{trial.url}/hub/login") as hub,
        ):
            began = time.monotonic()
            if service == ALL:
                trial.recreate()
            else:
                trial.container(f"{service}-1").restart(timeout=10)
            wanted = work.save()
            try:
                work.goes_on(QUIET)
                back = f"{time.monotonic() - began:.0f} s"
            except AssertionError:
                back = "never"
            page.wait_for_timeout(15_000)
        row(
            service,
            len(work.missing()),
            len(work.terminal_lost()),
            back,
            lost(server),
            lost(saves),
            lost(hub),
            f"{max(server.slowest, saves.slowest, hub.slowest):.0f} s",
            "yes" if work.saved() == wanted else "no",
            "; ".join(text.split("\n")[0] for text in work.dialogs()) or "-",
        )


def lost(visits: Visits) -> str:
    """How many of how many requests failed, and how."""
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(visits.failed).items())
    return f"{len(visits.failed)}/{visits.made} {kinds}"


def death(trial: Trial, login: bool) -> None:
    """Kill Ben's server; then what his page says, or a new login of his."""
    trial.start()
    trial.container("user-ben").kill()
    began = time.monotonic()
    if login:
        with httpx.Client(base_url=trial.url, timeout=200, follow_redirects=True) as web:
            page = trial.log_in(web)
    else:
        page = trial.web.get("/user/ben/lab")
    seconds = time.monotonic() - began
    title = re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.S)
    while trial.running():
        time.sleep(0.2)
    print(
        f"a server is killed, {'a login' if login else 'its page'}: after {seconds:.1f} s"
        f" {page.status_code} {title.group(1).strip() if title else page.text[:60]!r},"
        f" {'offers' if '/hub/spawn/ben' in page.text else 'does not offer'} to start it;"
        f" the hub knows of it after {time.monotonic() - began:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    trial = Trial((sys.argv[1:] or ["demo"])[0])
    for login in (False, True) if not sys.argv[2:] else ():
        death(trial, login)
    row("restart of", "lines", "terminal", "goes on", "lost: server",
        "lost: saves", "lost: hub", "slowest", "saved", "dialogs")  # fmt: skip
    with chromium() as browser:
        for service in sys.argv[2:] or [*SERVICES, ALL]:
            restart(trial, browser, service)
