"""The figures of the first release, as a table: ./cyberhubs test benchmarks first_light

Measures throwaway servers (a newcomer's first demo; repeated runbooks) and the demo that runs on this
machine; nothing is asserted. Times are medians of three, but the newcomer's.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import docker
import httpx
from browser import choose, chromium, drawn, log_in, page_of, stop_server
from playwright.sync_api import Browser
from terminal import Operator
from testhost.newcomer import demo as demo_of
from testhost.newcomer import newcomer
from testhost.testhost import TestHost

from cyberhubs_lib.check_server import check_server
from cyberhubs_lib.contexts import context
from cyberhubs_lib.site import REPOSITORY, Site
from cyberhubs_lib.sitefile import load_site

REPEATED = ["00_start_here", "02_prepare_os", "03_prepare_storage", "04_install_docker"]


def row(what: str, found: str, wanted: str) -> None:
    """One line of the table."""
    print(f"{what:58} {found:>22}   {wanted}", flush=True)


def demo_from_nothing() -> None:
    """On a machine with git and Python: environment, engine, images, hub."""
    with newcomer() as server:
        began = time.monotonic()
        code, out = demo_of(server)
        assert code == 0, out
        row("demo from nothing", f"{(time.monotonic() - began) / 60:.1f} min", "<= 10 min")


def repeated_runbooks() -> None:
    """Each runbook with nothing to do: round trips, and seconds on the connection."""
    with tempfile.TemporaryDirectory() as folder, TestHost.up("bench") as server:
        operator = Operator(Path(folder))
        operator.knows(server)
        for name in REPEATED:
            more = {"device": str(server.device)} if name.startswith("03") else {}
            first = {"confirm": str(server.device)} if more else {}
            done = operator.papermill(name, host=server.host, **more, **first)
            assert done.code == 0, done.out
            metas = [operator.papermill(name, host=server.host, **more).meta for _ in range(3)]
            seconds = statistics.median(meta["host_seconds"] for meta in metas)
            trips = max(meta["round_trips"] for meta in metas)
            row(f"{name}, nothing to do: host work", f"{seconds:.2f} s, {trips} trips",
                "<= 1 s, 3 trips")  # fmt: skip


def start_of_a_server(site: Site) -> float:
    """Seconds from the press of Start to the page of JupyterLab; the first one is cold."""
    secrets = Path(site.directory(str(Path.home()))) / "secrets"
    token = (secrets / "check_token").read_text().strip()
    began = time.monotonic()
    with check_server(site, token) as url:
        page = httpx.get(f"{url}/lab", headers={"Authorization": f"token {token}"}, timeout=60)
        page.raise_for_status()
        return time.monotonic() - began


def login_to_lab(browser: Browser, url: str) -> float:
    """Seconds from the hub's first page to JupyterLab drawn in Chromium, through the stand-in."""
    with page_of(browser) as page:
        began = time.monotonic()
        log_in(page, url, "ben")
        choose(page, "JupyterLab")
        drawn(page, ".jp-Launcher")
        took = time.monotonic() - began
        stop_server(page, url)
    return took


def demo() -> None:
    """The demo once more, and what it weighs."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run([REPOSITORY / "cyberhubs", "demo"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - began)
    row("demo again", f"{statistics.median(times[1:]):.0f} s", "<= 30 s")
    site, client = load_site("demo"), docker.from_env()
    times = [start_of_a_server(site) for _ in range(4)]
    row("start of a server until its Lab page", f"{statistics.median(times[1:]):.1f} s", "<= 6 s")
    with chromium() as browser:
        times = [login_to_lab(browser, site.public_url) for _ in range(4)]
    row("login until a usable Lab, in Chromium", f"{statistics.median(times[1:]):.1f} s", "<= 6 s")
    memory = 0.0
    for service in ("hub", "proxy"):
        stats = client.containers.get(f"{site.project}-{service}-1").stats(stream=False)
        used = stats["memory_stats"]
        memory += used["usage"] - used["stats"].get("inactive_file", used["stats"].get("cache", 0))
    row("hub and proxy, idle", f"{memory / 1e6:.0f} MB", "<= 250 MB")
    size = client.images.get(context("corehub", site).tag).attrs["Size"]
    row("corehub image", f"{size / 1e6:.0f} MB", "<= 900 MB")


if __name__ == "__main__":
    row("what", "found", "wanted")
    repeated_runbooks()
    demo()
    demo_from_nothing()
