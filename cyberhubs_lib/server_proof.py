"""The row of runbook 09's proof for which a user server is started, and a cell run in it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace

import httpx
from websocket import WebSocketException

from .cell import run_cell
from .check_server import NoServer, ServerLog, check_server
from .contexts import reference
from .facts import Facts
from .host import Host, failed
from .proven import keep, recall
from .report import Row
from .shell import keep_secret, mask, sh
from .site import Site

SERVER = "server"  # the name of what proven.py remembers
CELL = "import os; print(6 * 7, os.getuid(), os.getgid())"


def server_row(host: Host, site: Site, facts: Facts, tls: ssl.SSLContext, prove: bool) -> Row:
    """A user server, unless nothing has changed since one was proven. Raises CommandFailed."""
    home = site.directory(facts.home)
    label, printed = "a cell in a new server prints", f"42 {site.uid} {site.gid}"
    # in hex: of a secret that this process knows already an answer holds only ***
    secret = sh("od -An -v -tx1 {}", f"{home}/secrets/check_token")
    token, known = host.batch(
        [secret, recall(home, SERVER, depends(site, home)) + 'echo "$now $day"']
    )
    if token.code:
        raise failed(secret, token)
    now, _, day = known.out.strip().rpartition("\n")[2].partition(" ")
    if day and not prove:
        note = "nothing has changed since; with `-p prove true` it is proven again"
        return Row(label, f"{printed}, on {day}", printed, "ok", note)
    row = _cell_row(host, site, label, printed, _token(token.out), tls)
    if row.status == "ok" and now:
        host.run(sh("now={}\n", now) + keep(home, SERVER))
    return row


def _token(hexadecimal: str) -> str:
    """The check user's token."""
    return keep_secret(bytes.fromhex(hexadecimal).decode().strip())


def depends(site: Site, home: str) -> str:
    """Shell text: the settings, the images, and which containers run since when, on which engine."""
    images = sorted({reference(choice.image, site) for choice in site.menu})
    return (
        sh("cat {} /proc/sys/kernel/random/boot_id && ", f"{home}/.env")
        + "docker version -f '{{.Server.Version}}' && { stat -c %Y /run/docker.pid || :; } && "
        + sh("docker image inspect -f {} ", "{{.Id}}")
        + " ".join(sh("{}", image) for image in images)
        + sh(
            " && ids=$(docker ps -aq --no-trunc --filter {}) && docker inspect -f {} $ids",
            f"label=com.docker.compose.project={site.project}",
            "{{.Id}} {{.Image}} {{.State.StartedAt}}",
        )
    )


def _cell_row(
    host: Host, site: Site, label: str, printed: str, token: str, tls: ssl.SSLContext
) -> Row:
    """The row of the whole way; if it failed, with JupyterHub's messages and the server's log."""
    failures: list[NoServer] = []

    def look() -> str:
        try:
            return first_cell(site, token, tls)
        except NoServer as error:
            failures.append(error)
            raise

    with ServerLog(host, site) as log:
        row = attempt(site, label, printed, look)
    if row.status == "ok":
        return row
    evidence = [
        *[f"JupyterHub: {message}" for error in failures for message in error.messages],
        "the last lines of the user server's log:" if log.lines else "the user server left no log",
        *log.lines,
    ]
    slow = f"; on a slow host raise limits.start_seconds, now {site.limits.start_seconds}"
    note = row.note + (slow if failures else "")
    return replace(row, note=note, evidence=mask("\n".join(evidence)))


def first_cell(site: Site, token: str, tls: ssl.SSLContext) -> str:
    """What CELL prints in a server started for it."""
    with check_server(site, token, tls) as url:
        # as a header, also for the websocket: a hub takes no token from an address
        return run_cell(url, {"Authorization": f"token {token}"}, CELL, tls)


def attempt(site: Site, label: str, wanted: str, look: Callable[[], str]) -> Row:
    """The row of what `look` finds; an error that it raises is what was found."""
    try:
        found = look()
    except NoServer as error:
        found = str(error)[:300]
    except (httpx.HTTPError, WebSocketException, OSError, LookupError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"[:300]
    good = found == wanted
    logs = f"`./cyberhubs hub logs --site {site.name}` shows what the services say"
    return Row(label, found, wanted, "ok" if good else "failed", "" if good else logs)
