"""Changes of the access directory: under one lock, each with its line in the ledger."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import ledger
from access import Lists, parse
from listfile import with_names, with_other_name, without_names, write
from lists import (
    CLOSED,
    NAMES,
    RECORDED,
    WINDOW,
    fingerprint,
    read,
    said,
    window_of,
)

# what is done -> (list, whether the login stands on it afterwards)
EDITS: dict[str, dict[str, bool]] = {
    "allow": {"allowed_users": True, RECORDED: False},
    "block": {"blocked_users": True},
    "unblock": {"blocked_users": False},
    "remove": {"allowed_users": False, "admins": False, RECORDED: False},
    "admin": {"admins": True},
    "unadmin": {"admins": False},
}
CONFIRMED = "confirmed"  # the logins whose servers may stop, however many they are


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One at a time changes the directory: a runbook, the command line, or the hub itself."""
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def edit(
    folder: Path, what: str, logins: Sequence[str], who: str, run: str = "", wait: bool = False
) -> list[str]:
    """Put logins on lists or take them off; which of them that changed. Raises OSError.

    Whom somebody blocks by name is no slip of the hand: all their servers may stop, unless `wait`.
    """
    with locked(folder):
        changed: set[str] = set()
        for name, on in EDITS[what].items():
            path = folder / name
            old = path.read_text() if name in NAMES or path.exists() else ""
            for login in logins:
                new = with_names(old, [login]) if on else without_names(old, [login])
                if new != old:
                    write(path, new)
                    changed.add(login)
                    old = new
        if what == "block" and not wait:
            _may_stop(folder, logins)  # after the list: watch.py reads this first
        if changed:
            ledger.append(folder, who, what, sorted(changed), fingerprint(read(folder)), run)
        return sorted(changed)


def note(folder: Path, what: str, logins: Iterable[str], who: str, run: str = "") -> None:
    """A line for what was done elsewhere: to files."""
    with locked(folder):
        ledger.append(folder, who, what, logins, fingerprint(read(folder)), run)


def rename(folder: Path, old: str, new: str, who: str, run: str = "") -> None:
    """A login is called otherwise from now on, on every list that it is on."""
    with locked(folder):
        for name in (*NAMES, RECORDED):
            path = folder / name
            text = path.read_text() if path.exists() else ""
            if old in parse(text, name)[0]:
                write(path, with_other_name(text, old, new))  # in RECORDED the place matters
        ledger.append(folder, who, "rename", [old, new], fingerprint(read(folder)), run)


def open_window(folder: Path, until: str, on_close: str, who: str, run: str = "") -> None:
    """Let everybody in until a time. Raises ValueError if it cannot be understood."""
    window_of(until, on_close)
    with locked(folder):
        if not (folder / WINDOW).exists():  # else it is the same window until another time
            _closed(folder)
        write(folder / WINDOW, f"open_until: {until}\non_close: {on_close}\n")
        what = f"open until {until}, on close {on_close}"
        ledger.append(folder, who, what, [], fingerprint(read(folder)), run)


def close_window(folder: Path, now: datetime | None, who: str, run: str = "") -> list[str]:
    """Close the window, if it is time (or at once without `now`); the logins that were allowed by it.

    In this order: a hub that dies half-way has lost nobody, and goes on when it is back.
    """
    with locked(folder):
        lists = read(folder)
        if lists.window is None and now is None and (folder / WINDOW).exists():
            (folder / WINDOW).unlink()  # one that cannot be understood; the recorded wait
            _closed(folder)
            ledger.append(folder, who, "window removed", [], fingerprint(read(folder)), run)
        if lists.window is None or (now is not None and now < lists.window.until):
            return []
        names: list[str] = []
        if lists.window.on_close == "allow":
            names = [n for n in lists.recorded if n not in lists.allowed and n not in lists.blocked]
            path = folder / "allowed_users"
            write(path, with_names(path.read_text(), names))
        (folder / WINDOW).unlink()
        if lists.window.on_close == "allow":
            path = folder / RECORDED
            if lists.recorded:  # who came in an earlier window goes on waiting
                write(path, without_names(path.read_text(), lists.recorded))
        else:  # the end of a window was announced to everybody; it is no slip of the hand
            _may_stop(folder, [*lists.recorded, *lists.waiting])
            _closed(folder)
        what = f"window closed, on close {lists.window.on_close}"
        ledger.append(folder, who, what, names, fingerprint(read(folder)), run)
        return names


def _closed(folder: Path) -> None:
    """Draw a line below who came in a window: the next one does not let them in by the way."""
    if read(folder).recorded:
        path = folder / RECORDED
        text = path.read_text()
        write(path, text + ("" if text.endswith("\n") else "\n") + CLOSED + "\n")


def record(folder: Path, login: str, now: datetime) -> None:
    """Note once who entered in the open window, also if they wait since an earlier one."""
    path = folder / RECORDED
    with locked(folder):
        text = path.read_text() if path.exists() else "# who came in while everybody could\n"
        if login not in read(folder).recorded:
            write(path, f"{text}{login} # {now.isoformat(timespec='seconds')}\n")
            what = "came in the open window"
            ledger.append(folder, "hub", what, [login], fingerprint(read(folder)))


def note_edit(folder: Path, before: dict[str, list[str]] | None, now: Lists) -> bool:
    """A line for a change that came by none of the ways above: somebody edited a file.

    `before` is what the lists said when they were last looked at, None if that is not known. False
    if the lists are changed at this moment: look again.
    """
    with locked(folder):
        mark = fingerprint(now)
        if fingerprint(read(folder)) != mark:
            return False
        last = next(reversed(list(ledger.entries(folder))), None)
        if last is None:
            ledger.append(folder, "", "begin", difference({}, said(now)), mark)
        elif last.lists != mark and before is None:  # also once after the hub's files are new
            ledger.append(folder, "", "found as it is: nobody looked before", [], mark)
        elif last.lists != mark:
            ledger.append(folder, "", "edited by hand", difference(before or {}, said(now)), mark)
        if now.window is None:  # also if it was taken away by hand
            _closed(folder)
        return True


def difference(before: dict[str, list[str]], now: dict[str, list[str]]) -> list[str]:
    """+login or -login of each list that is not as it was."""
    found = []
    for name, names in now.items():
        old, new = set(before.get(name, [])), set(names)
        found += [f"+{n} {name}" for n in sorted(new - old)]
        found += [f"-{n} {name}" for n in sorted(old - new)]
    return found


def confirm(folder: Path, logins: Iterable[str], who: str, run: str = "") -> list[str]:
    """Say that the servers of these people, who wait for it, may stop."""
    with locked(folder):
        names = sorted(logins)
        _may_stop(folder, names)
        ledger.append(folder, who, "confirmed", names, fingerprint(read(folder)), run)
        return names


def confirmed(folder: Path) -> set[str]:
    """Those whose servers may stop."""
    try:
        return set(parse((folder / CONFIRMED).read_text(), CONFIRMED)[0])
    except (OSError, ValueError):
        return set()


def unconfirm(folder: Path, names: set[str]) -> None:
    """Forget a confirmation that has done its work, unless there is a newer one."""
    with locked(folder):
        if confirmed(folder) == names:
            (folder / CONFIRMED).unlink(missing_ok=True)


def _may_stop(folder: Path, names: Iterable[str]) -> None:
    text = "".join(f"{name}\n" for name in sorted(confirmed(folder) | set(names)))
    write(folder / CONFIRMED, text)
