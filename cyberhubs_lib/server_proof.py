"""The row of runbook 09's proof for which a user server is started, and a cell run in it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace

import httpx
from websocket import WebSocketException

from .cell import run_cell
from .check_server import NoServer, ServerLog, check_server
from .facts import Facts
from .host import Host
from .report import Row
from .shell import keep_secret, mask, sh
from .site import Site

CELL = "import os; print(6 * 7, os.getuid(), os.getgid())"


def server_row(host: Host, site: Site, facts: Facts, tls: ssl.SSLContext) -> Row:
    """A user server, and a cell in it. Raises CommandFailed."""
    # in hex: of a secret that this process knows already an answer holds only ***
    secret = sh("od -An -v -tx1 {}", f"{site.directory(facts.home)}/secrets/check_token")
    label, printed = "a cell in a new server prints", f"42 {site.uid} {site.gid}"
    return _cell_row(host, site, label, printed, _token(host.read(secret)), tls)


def _token(hexadecimal: str) -> str:
    """The check user's token."""
    return keep_secret(bytes.fromhex(hexadecimal).decode().strip())


def _cell_row(
    host: Host, site: Site, label: str, printed: str, token: str, tls: ssl.SSLContext
) -> Row:
    """The row of the whole way; if it failed, with JupyterHub's messages and the server's log."""
    messages: list[str] = []

    def look() -> str:
        try:
            return first_cell(site, token, tls)
        except NoServer as error:
            messages.extend(error.messages)
            raise

    with ServerLog(host, site) as log:
        row = attempt(site, label, printed, look)
    if row.status == "ok":
        return row
    evidence = [
        *[f"JupyterHub: {message}" for message in messages],
        "the last lines of the user server's log:" if log.lines else "the user server left no log",
        *log.lines,
    ]
    slow = f"; on a slow host raise limits.start_seconds, now {site.limits.start_seconds}"
    return replace(row, note=row.note + slow, evidence=mask("\n".join(evidence)))


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
