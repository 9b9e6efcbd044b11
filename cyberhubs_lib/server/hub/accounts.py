"""Which account the files under a login belong to: a name can change hands, an account's number cannot.

Kept beside the home directories and not in the hub's database, where removing a user deletes it.
"""

from __future__ import annotations

from pathlib import Path

from access import LOGIN, Account

HOMES = Path("/srv/jupyterhub_users")  # where compose.yaml mounts <data_root>/jupyterhub_users
FOLDER = ".accounts"


class Accounts:
    """One small file a login that holds the number of its account: "github:1001"."""

    def __init__(self, homes: Path = HOMES):
        self.folder = homes / FOLDER

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
        known = sorted(p.name for p in self.folder.iterdir() if LOGIN.fullmatch(p.name))
        return tuple(login for login in known if self.owner(login) == number)

    def of(self, login: str, number: str = "") -> Account:
        """What is known about a login; without a number, of the account that has its files."""
        owner = self.owner(login)
        former = tuple(name for name in self.names(number or owner) if name != login)
        return Account(number, owner, former)

    def claim(self, login: str, number: str) -> None:
        """Remember at the first login whose files these are. A claim is never overwritten."""
        if number and LOGIN.fullmatch(login) and not self.owner(login):
            self.folder.mkdir(mode=0o700, exist_ok=True)
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
        (self.folder / old).rename(self.folder / new)
