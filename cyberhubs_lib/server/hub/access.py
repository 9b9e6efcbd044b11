"""Who may come in: one pure decision on the standard library, from lists, window and account.

The hub asks it at each login and before each start of a server, `watch.py` asks it about everybody who
is in already, and `./cyberhubs access explain` shows its words. Nothing else decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# The name under which the service `check` proves that the hub works. It owns an account on GitHub's
# side or not; either way nobody logs in with it.
CHECK_USER = "cyberhubs-check"
LOGIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # what can name a directory and a container

Places = Mapping[str, str]  # folded login -> where it stands: "allowed_users line 3"


@dataclass(frozen=True)
class Window:
    """A time in which everybody who can log in may enter, and what becomes of them afterwards."""

    until: datetime
    on_close: str = "allow"  # or "review": their names wait for an administrator


@dataclass(frozen=True)
class Rules:
    """What the site file says beside the lists: everybody may come in, or an organisation's members.

    `hours`: how long it counts that somebody was seen as a member.
    """

    everybody: bool = False
    organizations: tuple[str, ...] = ()
    hours: int = 24


LISTED = Rules()  # nobody but those on the lists


@dataclass(frozen=True)
class Member:
    """That an account belongs to an organisation, as the provider said at a time."""

    number: str
    organization: str
    seen: datetime


@dataclass(frozen=True)
class Lists:
    """What is written down about who may come in; `problems` says what could not be read.

    `unfinished` are files that may be half written: their lists are those of a moment ago.
    """

    admins: Places = field(default_factory=dict)
    allowed: Places = field(default_factory=dict)
    blocked: Places = field(default_factory=dict)
    recorded: Places = field(default_factory=dict)  # who entered in the open window
    waiting: Places = field(default_factory=dict)  # who entered in an earlier one, to be reviewed
    window: Window | None = None
    open: bool = False  # everybody who can log in, always
    members: Mapping[str, Member] = field(default_factory=dict)  # of the site's organisations
    keep: timedelta = timedelta(hours=24)  # for so long after they were seen
    problems: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True)
class Account:
    """The account behind a login, as the provider numbers it: "github:1001"; "" if not known.

    `owner` is the account to which the files under this name belong, `former` the other names under
    which this account has files here.
    """

    number: str = ""
    owner: str = ""
    former: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What was decided about a login, and why, in words for that person and the log.

    `rule` is the word that programs compare; `place` is the line of the file that decided.
    """

    allowed: bool
    admin: bool
    rule: str
    why: str
    place: str = ""


def fold(login: str) -> str:
    """One spelling for one login: GitHub itself does not tell cases apart; @ is how people write."""
    return login.strip().lstrip("@").strip().casefold()


def parse(text: str, name: str) -> tuple[dict[str, str], list[str]]:
    """The logins of a list with their places, and the lines that hold none.

    One login a line; blank lines, spaces, # comments, upper case and a leading @ do no harm.
    """
    found: dict[str, str] = {}
    odd: list[str] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        login = fold(line.partition("#")[0])
        if LOGIN.fullmatch(login):
            found.setdefault(login, f"{name} line {number}")
        elif login:
            odd.append(f"{name} line {number} is not a login: {line.strip()[:40]!r}")
    return found, odd


def listed(names: Iterable[str], name: str) -> dict[str, str]:
    """A list made of names instead of a file, for tests and for the model of a site."""
    return parse("\n".join(names), name)[0]


def administrators(lists: Lists) -> list[str]:
    """Who may log in and is an administrator."""
    return sorted(name for name in lists.admins if name not in lists.blocked)


def decide(
    login: str,
    lists: Lists,
    now: datetime,
    account: Account | None = None,
    real: datetime | None = None,
) -> Decision:
    """Decide about one login. Block wins over everything; an admin need not be listed.

    `now` is the latest time ever seen, by which a window closes; `real` the machine's time, by which
    memberships age, if it is another: see Clock in lists.py.
    Anything that cannot be read refuses all others with rule `unsure`, which ends nobody's session.
    """
    name, account = fold(login), account or Account()
    if name == CHECK_USER or not LOGIN.fullmatch(name):
        return Decision(False, False, "nobody", "not a person's name (letters, digits, - and _)")
    for known_as in (name, *account.former):
        if known_as in lists.blocked:
            was = "" if known_as == name else f", as {known_as}"
            return Decision(
                False, False, "blocked", f"blocked on this hub{was}", lists.blocked[known_as]
            )
    if lists.problems:
        return Decision(False, False, "unsure", f"not known just now: {lists.problems[0]}")
    entry = _entry(name, lists, now, real or now, account.number or account.owner)
    return entry if not entry.allowed else _owns(name, account) or entry


def _entry(name: str, lists: Lists, now: datetime, real: datetime, number: str) -> Decision:
    """By which line, if any, a login that is not blocked comes in; `number` is whose it is."""
    if name in lists.admins:
        return Decision(True, True, "admin", "administrator", lists.admins[name])
    if name in lists.allowed:
        return Decision(True, False, "allowed", "on the list of allowed users", lists.allowed[name])
    member = lists.members.get(name)
    if member and member.number != number:  # another account had this name
        member = None
    if member and real - member.seen <= lists.keep:
        return Decision(True, False, "member", f"a {_of(member)}", "members")
    if lists.open:
        return Decision(True, False, "open", "everybody may come in (access: open)", "site file")
    window = lists.window
    if window and now < window.until:
        return Decision(
            True,
            False,
            "window",
            f"everybody may come in until {show_time(window.until)}",
            "window",
        )
    if name in lists.recorded and window and window.on_close == "allow":
        return Decision(  # closed this moment; watch.py will list them
            True, False, "recorded", "came in the open window", lists.recorded[name]
        )
    place = lists.recorded.get(name) or lists.waiting.get(name)
    if place:
        return Decision(False, False, "closed", "to be reviewed: the open window has closed", place)
    if member:
        return Decision(
            False, False, "stale",
            f"not on the list of allowed users, and no longer known to be a {_of(member)}", "members",
        )  # fmt: skip
    return Decision(False, False, "unlisted", "not on the list of allowed users")


def _of(member: Member) -> str:
    return f"member of {member.organization} (seen {show_time(member.seen)})"


def _owns(name: str, account: Account) -> Decision | None:
    """A refusal if the files under this name are another account's, or this account has another."""
    if account.owner and account.number and account.owner != account.number:
        return Decision(
            False, False, "recycled",
            f"not the one that had this name here: {name} was {account.owner}, this is"
            f" {account.number}",
        )  # fmt: skip
    if account.number and not account.owner and account.former:
        return Decision(
            False, False, "renamed",
            f"known here as {account.former[0]}: an administrator moves the files first",
        )  # fmt: skip
    return None


def show_time(when: datetime) -> str:
    """A time as people read it, with its zone."""
    return when.strftime("%Y-%m-%d %H:%M %Z")
