"""Whether somebody's server runs, as Docker says: nobody's files are packed or deleted under one."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Collection
from pathlib import Path

SETTINGS = Path("/srv/hub.json")
BROKER = ("broker", 2375)  # compose.yaml
SECONDS = 30  # for a server to stop: the watch looks twice, then Docker ends it


def container_of(login: str, prefix: str) -> str:
    """The name of somebody's container, in which DockerSpawner escapes - and _."""
    return prefix + login.replace("-", "-2d").replace("_", "-5f")


def runs(login: str, broker: tuple[str, int] = BROKER, settings: Path = SETTINGS) -> bool:
    """Whether a container of theirs is there. OSError if that cannot be told."""
    name = container_of(login, json.loads(settings.read_text())["container_prefix"])
    connection = http.client.HTTPConnection(*broker, timeout=SECONDS)
    try:
        connection.request("GET", f"/containers/{name}/json")
        reply = connection.getresponse()
        reply.read()
    except http.client.HTTPException as error:
        raise OSError(f"the broker does not answer: {error!r}") from error
    finally:
        connection.close()
    if reply.status not in (200, 404):
        raise OSError(f"whether {login}'s server runs is not known: the broker says {reply.status}")
    return reply.status == 200


def wait_until_stopped(
    login: str,
    held: Callable[[], Collection[str]],
    runs: Callable[[str], bool] = runs,
    seconds: float = SECONDS,
) -> None:
    """Return when no server of theirs runs; ValueError says what to do if one goes on.

    `held` tells whose servers run on until an administrator confirms a large edit.
    """
    end = time.monotonic() + seconds
    while runs(login):
        if login in held():
            raise ValueError(
                f"{login}'s server runs and waits for a confirmation, so the files stay: first"
                " `./cyberhubs access apply --confirm --site SITE`, then this again"
            )
        if time.monotonic() > end:
            raise ValueError(
                f"{login}'s server still runs, so the files stay: stop it on the hub's page"
                " Admin, then this again; `./cyberhubs hub logs --site SITE` tells why it does not end"
            )
        time.sleep(0.3)
