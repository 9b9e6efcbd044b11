"""Repairs users of the hub's database that have no usable name, before the hub reads it.

JupyterHub 6.1.1 wrote NULL for a name that did not change (see strict_api.py), and does not start with
such a user whose server runs.
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
    """What was repaired, in sentences. A user whose server runs gets the name back, others are deleted.

    The next login creates a deleted user again; files and accounts lie elsewhere. If somebody else has
    the name by now, the watch looks whether a container was left.
    """
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("PRAGMA foreign_keys = ON")  # what belongs to a user goes with it
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'spawners'").fetchone():
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


def _is_login(name: object) -> bool:
    return isinstance(name, str) and LOGIN.fullmatch(name) is not None
