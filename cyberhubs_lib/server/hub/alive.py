"""Whether hub and watch still work after a change: only then may it be reported as done."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from pathlib import Path

from kept import kept

HUB = ("localhost", 8081)  # the healthcheck in compose.yaml asks there, too
ASK_SECONDS = 5


def hub_answers(hub: tuple[str, int] = HUB) -> bool:
    """Whether the hub answers its health question."""
    connection = http.client.HTTPConnection(*hub, timeout=ASK_SECONDS)
    try:
        connection.request("GET", "/hub/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def looked(status: Path, lists: str, since: float) -> bool:
    """Whether the watch has looked since then, at lists with this fingerprint.

    It writes that into the file `status`, and touches it every few seconds.
    """
    if not (status.exists() and since < status.stat().st_mtime <= time.time()):
        return False
    return (kept(status) or {}).get("lists") == lists


def silent(
    status: Path,
    lists: Callable[[], str],
    since: float,
    seconds: float,
    answers: Callable[[], bool] = hub_answers,
) -> str:
    """Wait until the watch has looked at the `lists` of now and the hub answers: "" if both did.

    Else which of them did not in this time.
    """
    end = time.monotonic() + seconds
    while True:
        seen = looked(status, lists(), since)
        if seen and answers():
            return ""
        if time.monotonic() > end:
            watch = f"the watch has not looked at the lists for {seconds:.0f} s"
            return "the hub does not answer" if seen else watch
        time.sleep(0.2)
