"""Whether somebody's server runs, as Docker says, and the end of one that the hub has forgotten.

Nobody's files are packed or deleted under a server that runs.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

SETTINGS = Path("/srv/hub.json")
BROKER = ("broker", 2375)  # compose.yaml
SECONDS = 30  # for a server to stop: the watch looks twice, then Docker ends it


def container_of(login: str, prefix: str) -> str:
    """The name of somebody's container, in which DockerSpawner escapes - and _."""
    return prefix + login.replace("-", "-2d").replace("_", "-5f")


def runs(login: str, broker: tuple[str, int] = BROKER, settings: Path = SETTINGS) -> bool:
    """Whether a container of theirs runs. OSError if that cannot be told.

    A start that was refused leaves one that never ran: nothing in it can touch a file.
    """
    found = look(login, broker, settings)
    return bool(found and found["State"]["Running"])


def end(
    login: str,
    still: Callable[[], bool],
    broker: tuple[str, int] = BROKER,
    settings: Path = SETTINGS,
) -> bool:
    """Have no container of theirs; whether one ran. OSError if it may be there yet.

    `still` is asked after the look: if it is false the user starts a new one, which is left alone. So
    is one that comes later, for what is ended is the very container that was seen.
    """
    found = look(login, broker, settings)
    if not found or not still():
        return False
    path, ran = f"/containers/{found['Id']}", bool(found["State"]["Running"])
    if ran:
        _must("POST", f"{path}/stop", (204, 304, 404), broker)
    # 409: Docker removes it by itself at this moment
    _must("DELETE", f"{path}?v=True&link=False&force=False", (204, 404, 409), broker)
    return ran


def look(login: str, broker: tuple[str, int], settings: Path) -> Any:
    """Their container as Docker describes it, None if there is none. OSError if that cannot be told."""
    name = container_of(login, json.loads(settings.read_text())["container_prefix"])
    status, body = _must("GET", f"/containers/{name}/json", (200, 404), broker)
    return json.loads(body) if status == 200 else None


def ended_for_memory(
    login: str, broker: tuple[str, int] = BROKER, settings: Path = SETTINGS
) -> bool:
    """Whether their last server ended because it needed more memory than its limit. OSError."""
    name = container_of(login, json.loads(settings.read_text())["container_prefix"])
    _, body = _must("GET", f"/containers/{name}/end", (200,), broker)
    return bool(json.loads(body)["for_memory"])


def _must(
    method: str, path: str, fine: tuple[int, ...], broker: tuple[str, int]
) -> tuple[int, bytes]:
    """Ask the broker; OSError for any other answer."""
    connection = http.client.HTTPConnection(*broker, timeout=SECONDS)
    try:
        connection.request(method, path)
        reply = connection.getresponse()
        body = reply.read()
    except http.client.HTTPException as error:
        raise OSError(f"the broker does not answer: {error!r}") from error
    finally:
        connection.close()
    if reply.status not in fine:
        raise OSError(f"whether the server runs is not known: the broker says {reply.status}")
    return reply.status, body


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
