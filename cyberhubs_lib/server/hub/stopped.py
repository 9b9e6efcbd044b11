"""Whose servers were told to stop: marks that stay until the container is seen to be gone.

JupyterHub takes a stop that failed for one that worked, and forgets the server. So each stop leaves a
mark here, of whatever kind it was, and the watch looks at Docker before it takes the mark away.
"""

from __future__ import annotations

from pathlib import Path

from access import LOGIN

FOLDER = "stopped"  # in the volume of the hub's state, so that a new hub goes on


def note(login: str, state: Path) -> None:
    """This server is to be gone. Who has no plain name has no container."""
    if LOGIN.fullmatch(login):
        (state / FOLDER).mkdir(exist_ok=True)
        (state / FOLDER / login).touch()


def forget(login: str, state: Path) -> None:
    """It is gone, or its user starts another one."""
    (state / FOLDER / login).unlink(missing_ok=True)


def is_noted(login: str, state: Path) -> bool:
    """Whether this server still is to be gone."""
    return (state / FOLDER / login).exists()


def names(state: Path) -> list[str]:
    """Whose marks there are."""
    return sorted(path.name for path in (state / FOLDER).glob("*"))
