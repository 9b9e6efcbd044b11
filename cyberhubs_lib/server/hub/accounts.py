"""Which account the files under a login belong to: a name can change hands, an account's number cannot.

Kept beside the home directories and not in the hub's database, where removing a user deletes it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from access import LOGIN, Account

HOMES = Path("/srv/jupyterhub_users")  # where compose.yaml mounts <data_root>/jupyterhub_users
FOLDER = ".accounts"
NAME_ONLY = "password:"  # with a shared password (password.py) the name is the account


class Accounts:
    """One small file a login that holds the number of its account: "github:1001"."""

    def __init__(self, homes: Path = HOMES):
        self.folder = homes / FOLDER
        self._seen = 0  # the directory's time when the next two were right
        self._files: dict[str, tuple[int, int, str]] = {}  # login -> inode, time, number
        self._names: dict[str, tuple[str, ...]] = {}  # number -> logins

    def owner(self, login: str) -> str:
        """The account that the files under this login belong to; "" if nobody had it yet."""
        try:
            return (self.folder / login).read_text().strip() if LOGIN.fullmatch(login) else ""
        except FileNotFoundError:
            return ""

    def names(self, number: str) -> tuple[str, ...]:
        """All logins under which an account has files."""
        if not number or not self.folder.is_dir():
            return ()
        changed = self.folder.stat().st_mtime_ns
        if changed != self._seen:
            self._look()
            self._seen = 0 if _fresh(changed) else changed
        return self._names.get(number, ())

    def _look(self) -> None:
        """Read what is new. A file is never changed, but replaced, as the directory's time tells."""
        found: dict[str, tuple[int, int, str]] = {}
        names: dict[str, list[str]] = {}
        for entry in sorted(os.scandir(self.folder), key=lambda entry: entry.name):
            if LOGIN.fullmatch(entry.name):
                stamp = entry.inode(), entry.stat().st_mtime_ns
                old = self._files.get(entry.name)
                same = old and old[:2] == stamp
                number = old[2] if old and same else self.owner(entry.name)
                found[entry.name] = (*((0, 0) if _fresh(stamp[1]) else stamp), number)
                names.setdefault(number, []).append(entry.name)
        self._files = found
        self._names = {number: tuple(logins) for number, logins in names.items()}

    def of(self, login: str, number: str = "") -> Account:
        """What is known about a login; without a number, of the account that has its files."""
        owner = self.owner(login)
        former = tuple(name for name in self.names(number or owner) if name != login)
        return Account(number, owner, former)

    def claim(self, login: str, number: str) -> None:
        """Remember at the first login whose files these are. A claim is never overwritten."""
        if number and LOGIN.fullmatch(login) and not self.owner(login):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._write(login, number)

    def _write(self, login: str, number: str) -> None:
        partial = self.folder / f".{login}.new"
        partial.write_text(number + "\n")
        partial.rename(self.folder / login)

    def release(self, login: str) -> None:
        """Forget an account whose files are gone."""
        (self.folder / login).unlink(missing_ok=True)

    def rename(self, old: str, new: str) -> None:
        """The account is called otherwise now. Raises FileExistsError if that name has files."""
        if self.owner(new):
            raise FileExistsError(f"{new} has an account and files of its own here")
        if self.owner(old).startswith(NAME_ONLY):
            self._write(old, NAME_ONLY + new)  # first: who is interrupted here can begin again
        (self.folder / old).rename(self.folder / new)


def _fresh(changed: int) -> bool:
    """As new as the clock can tell: what comes now might get the same time."""
    return time.time_ns() - changed < 50_000_000
