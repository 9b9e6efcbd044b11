"""The figures of the first release, as a table: ./cyberhubs test benchmarks first_light

Measures a throwaway server (repeated runbooks) and the demo that runs on this machine; nothing is
asserted. Times are medians of three.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import docker
import httpx
from conftest import REPOSITORY, Operator
from testhost.testhost import TestHost

from cyberhubs_lib.contexts import context
from cyberhubs_lib.proof import check_server
from cyberhubs_lib.site import Site
from cyberhubs_lib.sitefile import load_site

REPEATED = ["00_start_here", "02_prepare_os", "03_prepare_storage", "04_install_docker"]


def row(what: str, found: str, wanted: str) -> None:
    """One line of the table."""
    print(f"{what:58} {found:>22}   {wanted}", flush=True)


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
