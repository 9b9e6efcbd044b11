"""What becomes of somebody's files: moved to a new login, packed away, or deleted."""

from __future__ import annotations

import os
import shutil
import tarfile
from datetime import datetime, timezone
from pathlib import Path

from access import LOGIN
from accounts import HOMES, Accounts

ARCHIVE = ".archive"


def home(login: str, homes: Path = HOMES) -> Path:
    """The directory of a login. Raises ValueError for what is no login, OSError if it is missing."""
    if not LOGIN.fullmatch(login):
        raise ValueError(f"{login!r} is not a login")
    path = homes / login
    if path.is_symlink() or not path.is_dir():
        raise FileNotFoundError(f"{login} has no files here")
    if path.is_mount() or not path.stat().st_mode & 0o777:  # the mount point of a closed image
        raise ValueError(
            f"{login}'s files lie in an image (limits.disk): on the server, first"
            f" `sudo cyberhubs-homes SITE release {login}`"
        )
    return path


def known(login: str, homes: Path = HOMES) -> bool:
    """Whether there are files, or an account: who logged in and started nothing has no home yet."""
    return (homes / login).is_dir() or bool(Accounts(homes).owner(login))


def home_if_any(login: str, homes: Path = HOMES) -> Path | None:
    """The same; None for somebody with an account here who never started a server."""
    if not os.path.lexists(homes / login) and Accounts(homes).owner(login):
        return None
    return home(login, homes)


def rename(old: str, new: str, homes: Path = HOMES) -> None:
    """Give the files of one login to another: the account at GitHub was renamed.

    Raises FileExistsError if the new login has files of its own: nothing is ever mixed.
    """
    source, target = home_if_any(old, homes), homes / new
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{new} has files of its own here; they are not mixed with {old}'s")
    accounts = Accounts(homes)
    if accounts.owner(old):
        accounts.rename(old, new)
    if source:
        if target.exists():
            target.rmdir()
        source.rename(target)


def archive(login: str, homes: Path = HOMES) -> str:
    """Pack somebody's files into one file beside the homes, then delete them; "" if there are none."""
    source, folder = home_if_any(login, homes), homes / ARCHIVE
    if not source:
        delete(login, homes)
        return ""
    folder.mkdir(mode=0o700, exist_ok=True)
    today = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    path = folder / f"{login}-{today}.tar.gz"
    partial = path.with_suffix(".new")
    with tarfile.open(partial, "w:gz") as tar:
        tar.add(source, arcname=login)
    os.sync()
    partial.chmod(0o600)
    partial.rename(path)
    delete(login, homes)
    return path.name


def delete(login: str, homes: Path = HOMES) -> None:
    """Delete somebody's files and the note of whose they were."""
    source = home_if_any(login, homes)
    if source:
        shutil.rmtree(source)
    Accounts(homes).release(login)
