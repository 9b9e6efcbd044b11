"""Repairs the hub's database, before JupyterHub reads it.

JupyterHub 6.1.1 wrote NULL for a user's name that did not change, and kept services that it had refused
(see strict_api.py). It does not start with either.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import stopped
from access import LOGIN

CLIENT = "jupyterhub-user-"  # before the name, in what a running server calls itself to the hub
USERS = """
    SELECT users.id, users.name, spawners.oauth_client_id, spawners.server_id IS NOT NULL
    FROM users LEFT JOIN spawners ON spawners.user_id = users.id AND spawners.name = ''
"""


def repair(database: Path, state: Path) -> list[str]:
    """What was repaired, in sentences; nothing of a database that is new or of an old form."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("PRAGMA foreign_keys = ON")  # what belongs to a record goes with it
        return [*_users(db, state), *_services(db)]


def _users(db: sqlite3.Connection, state: Path) -> list[str]:
    """Whose server runs gets the name back, others without a usable one are deleted.

    The next login creates a deleted user again; files and accounts lie elsewhere. If somebody else has
    the name by now, the watch looks whether a container was left.
    """
    if "oauth_client_id" not in _columns(db, "spawners"):
        return []
    users = db.execute(USERS).fetchall()
    sound = {name: running for _, name, _, running in users if _is_login(name)}
    said = []
    for number, name, client, running in users:
        if _is_login(name):
            continue
        known_as = unquote((client or "").removeprefix(CLIENT))
        if running and _is_login(known_as) and known_as not in sound:
            db.execute("UPDATE users SET name = ? WHERE id = ?", (known_as, number))
            sound[known_as] = True
            said.append(f"user {number} of the hub's database is {known_as} again")
            continue
        db.execute("DELETE FROM users WHERE id = ?", (number,))
        said.append(f"user {number} of the hub's database had no usable name: deleted")
        if running and not sound.get(known_as):
            stopped.note(known_as, state)
    return said


def _services(db: sqlite3.Connection) -> list[str]:
    """Delete those that are not of the configuration, with their tokens."""
    if "from_config" not in _columns(db, "services"):
        return []
    found = db.execute("DELETE FROM services WHERE NOT from_config RETURNING name").fetchall()
    return [f"service {name!r} is not of the hub's configuration: deleted" for (name,) in found]


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in db.execute(f"PRAGMA table_info({table})")}


def _is_login(name: object) -> bool:
    return isinstance(name, str) and LOGIN.fullmatch(name) is not None
