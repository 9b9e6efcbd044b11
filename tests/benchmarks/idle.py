"""What an idle hub costs: ./cyberhubs test benchmarks idle

A throwaway host with the whole hub and nobody logged in. Its processor time is what this machine's
engine counts for it: Docker, systemd and every service in it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import rehearsal
from terminal import Operator
from testhost.testhost import TestHost

SECONDS = 180
PROJECT = "label=com.docker.compose.project=cyberhubs-rehearsal"
# Container -> seconds of processor time so far; the layout of cgroups differs by their version.
EACH = f"""docker ps -q --no-trunc --filter {PROJECT} | while read -r id; do
  name=$(docker inspect -f '{{{{index .Config.Labels "com.docker.compose.service"}}}}' "$id")
  echo "$name $(find /sys/fs/cgroup -path "*$id*" -name cpuacct.usage -exec cat {{}} + | head -1)"
done"""


def row(what: str, percent: float, wanted: str = "") -> None:
    """One line of the table."""
    print(f"{what:46} {percent:6.2f} % of a core   {wanted}", flush=True)


def used(server: TestHost) -> float:
    """Seconds of processor time of the whole host so far."""
    stats = server.container.stats(stream=False)
    return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9


def each(server: TestHost) -> dict[str, float]:
    """Seconds of processor time of each service so far; none where it cannot be read."""
    pairs = [line.split() for line in server.sh(EACH)[1].splitlines()]
    return {pair[0]: int(pair[1]) / 1e9 for pair in pairs if len(pair) == 2}


def percent(server: TestHost) -> tuple[float, dict[str, float]]:
    """Of one core, on average over SECONDS: the host, and each service."""
    services, began, before = each(server), time.monotonic(), used(server)
    time.sleep(SECONDS)
    took, after = time.monotonic() - began, used(server)
    found = {name: (s - services[name]) / took * 100 for name, s in each(server).items()}
    return (after - before) / took * 100, found


def measure() -> None:
    """The host with the hub, then with the hub's services stopped."""
    with tempfile.TemporaryDirectory() as folder, TestHost.up("idle", disk_gib=12) as server:
        operator = Operator(Path(folder))
        operator.knows(server)
        env = rehearsal.environment(server, rehearsal.site_file(server, Path(folder)))
        for name in rehearsal.ORDER:
            done = operator.papermill(name, env=env)
            assert done.code == 0, done.out
        time.sleep(30)  # what a start leaves to do
        whole, services = percent(server)
        for name, found in sorted(services.items()):
            row(f"service {name}", found)
        code, out = server.sh(f"docker ps -q --filter {PROJECT} | xargs docker stop")
        assert code == 0, out
        without, _ = percent(server)
        row("host with the hub", whole)
        row("host with the hub stopped", without)
        row("what the hub costs", whole - without, "<= 1")


if __name__ == "__main__":
    measure()
