"""The access directory of a hub: lists that people edit by hand, read again whenever they change."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from access import LISTED, Lists, Member, Places, Rules, Window, parse

ACCESS = Path("/srv/access")  # where compose.yaml mounts <server_dir>/access of the host
NAMES = ("admins", "allowed_users", "blocked_users")
RECORDED = "recorded_users"
CLOSED = "# closed: who is above waits for a review"  # a line of RECORDED
WINDOW = "window"
MEMBERS = "members"
NOTHING = Lists()
HALF = 10  # seconds after which a list without an end of its last line is meant so
SIZE = 2**20  # bytes of one list: 10,000 logins take a fifth of it


class LiveLists:
    """The lists as they are on the disk now. Asking costs six `stat`, reading only if one differs."""

    def __init__(self, folder: Path = ACCESS, rules: Rules = LISTED):
        self.folder, self.rules = folder, rules
        self._seen: object = None
        self._lists = Lists()

    def now(self) -> Lists:
        """Read what changed since last time."""
        seen = [stamp(self.folder / name) for name in (*NAMES, RECORDED, WINDOW, MEMBERS)]
        # as new as the clock can tell: the same stamp might still get another content, also
        # after this reading, so that one more has to follow
        fresh = any(s and time.time_ns() - s[1] < 50_000_000 for s in seen)
        if seen != self._seen or fresh:
            self._lists = read(self.folder, self.rules, self._lists)
            self._seen = None if fresh or self._lists.unfinished else seen
        return self._lists


def stamp(path: Path) -> tuple[int, int, int] | None:
    """What differs once a file has changed: inode, time in ns, bytes. None if there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read(folder: Path, rules: Rules = LISTED, before: Lists = NOTHING) -> Lists:
    """All files of the directory. What cannot be read is told in `problems`, never raised.

    `before` is the reading before this one: it stands in for a list that may be half written.
    """
    problems: list[str] = []
    found = {name: _list(folder / name, problems) for name in NAMES}
    was = dict(zip(NAMES, (before.admins, before.allowed, before.blocked), strict=True))
    half = [name for name in NAMES if _half(folder / name, was[name], found[name])]
    found |= {name: was[name] for name in half}
    recorded, waiting = _recorded(folder / RECORDED, problems)
    members = _members(folder / MEMBERS, rules, problems)
    return Lists(
        found["admins"],
        found["allowed_users"],
        found["blocked_users"],
        recorded,
        waiting,
        _window(folder / WINDOW, problems),
        rules.everybody,
        members,
        timedelta(hours=rules.hours),
        tuple(problems),
        tuple(half),
    )


def _half(path: Path, before: Places, now: Places) -> bool:
    """Whether a list lost logins and the end of its last line a moment ago: it may be half written.

    Some editors never write that end, so that after HALF seconds it is meant.
    """
    if not set(before) - set(now):
        return False
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            ends = file.read() == b"\n"
            return not ends and 0 <= time.time() - os.fstat(file.fileno()).st_mtime < HALF
    except OSError:
        return False  # it is empty, which is whole, or gone, which is a problem


def _list(path: Path, problems: list[str]) -> Places:
    try:
        return parse(_text(path), path.name)[0]
    except (OSError, ValueError) as error:
        problems.append(_problem(path, error))
        return {}


def _recorded(path: Path, problems: list[str]) -> tuple[Places, Places]:
    """Who came in the window that is open, and who in an earlier one and waits for a review."""
    if not path.exists():
        return {}, {}
    try:
        text = _text(path)
    except (OSError, ValueError) as error:
        problems.append(_problem(path, error))
        return {}, {}
    places, last = parse(text, path.name)[0], parse(text.rpartition(CLOSED)[2], "")[0]
    recorded = {name: places[name] for name in last}
    return recorded, {name: place for name, place in places.items() if name not in recorded}


def _text(path: Path, size: int = SIZE) -> str:
    content = path.read_bytes()
    if len(content) > size:
        raise ValueError(f"it has {len(content)} bytes")
    text = content.decode()
    if "\0" in text:
        raise ValueError("it holds a zero byte")
    return text


def _problem(path: Path, error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) else f"not a text: {error}"
    return f"{path.name} cannot be read ({reason})"


def _members(path: Path, rules: Rules, problems: list[str]) -> dict[str, Member]:
    """Those of the site's organisations; a site that has none does not look."""
    if not rules.organizations or not path.exists():
        return {}
    try:
        known = members_in(_text(path, 4 * SIZE))
    except (OSError, ValueError) as error:
        problems.append(_problem(path, error))
        return {}
    return {name: one for name, one in known.items() if one.organization in rules.organizations}


def members_in(text: str) -> dict[str, Member]:
    """Login -> member, from the text of the file. Raises ValueError for a damaged one."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, number, organization, seen = line.split()
            found[name] = Member(number, organization, datetime.fromisoformat(seen))
            if found[name].seen.tzinfo is None:
                raise ValueError(f"a time without a zone: {seen}")
    return found


def odd_lines(folder: Path) -> list[str]:
    """Lines of the lists that are no logins and so count for nothing."""
    found: list[str] = []
    for name in NAMES:
        with suppress(OSError, ValueError):  # `problems` has it
            found += parse((folder / name).read_text(), name)[1]
    return found


def _window(path: Path, problems: list[str]) -> Window | None:
    """The open window that somebody set; one that cannot be understood is a problem."""
    if not path.exists():
        return None
    try:
        lines = _text(path).splitlines()
        keys = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        return window_of(keys.get("open_until", ""), keys.get("on_close", "review"))
    except OSError as error:
        problems.append(_problem(path, error))
    except ValueError as error:
        problems.append(f"{WINDOW} cannot be understood ({error}): correct it or remove the file")
    return None


def window_of(until: str, on_close: str) -> Window:
    """A window from what somebody typed. Raises ValueError that says what is wanted."""
    try:
        when = datetime.fromisoformat(until)
    except ValueError:
        raise ValueError(
            f"{until!r} is no time: write open_until: 2026-12-01T18:00+01:00"
        ) from None
    if when.tzinfo is None:
        raise ValueError("the time has no zone: write it as 2026-12-01T18:00+01:00")
    if on_close not in ("allow", "review"):
        raise ValueError("on_close is allow or review")
    return Window(when, on_close)


def said(lists: Lists) -> dict[str, list[str]]:
    """All that people write into the directory, however it is spelt."""
    window = lists.window
    return {
        **{name: sorted(getattr(lists, name)) for name in ("admins", "allowed", "blocked")},
        "recorded": sorted({*lists.recorded, *lists.waiting}),
        "window": [f"{window.until.isoformat()} {window.on_close}"] if window else [],
    }


def fingerprint(lists: Lists) -> str:
    """The same for lists that say the same."""
    return hashlib.sha256(repr(said(lists)).encode()).hexdigest()[:12]
