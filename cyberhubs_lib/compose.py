"""Docker Compose on the host: its own, or, where it has none, ours in a container."""

from __future__ import annotations

from .contexts import context
from .facts import Facts
from .shell import sh
from .site import Site

# what compose does not know: the hub made them, with this label
REMOVE_SERVERS = "docker ps -aq --filter label=cyberhubs.site={} | xargs -r docker rm -f\n"
# the broker made them; Docker removes one when nobody is on it any more
REMOVE_NETWORKS = (
    "docker network ls -q --filter label=cyberhubs.site={} | xargs -r docker network rm\n"
)
SOCKET = "/var/run/docker.sock"


def compose(site: Site, facts: Facts) -> str:
    """Shell text to which a compose command can be appended; it runs in the site's directory."""
    home = site.directory(facts.home)
    if facts.compose:
        return sh("cd {} && docker compose ", home)
    return sh(
        "cd {} && docker run --rm -v {}:{} -v {}:{} -w {} {} ",
        home, SOCKET, SOCKET, home, home, home, context("compose", site).tag,
    )  # fmt: skip
