"""What has to happen to people who are in already, when the lists no longer say what they said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from access import CHECK_USER, Account, Decision, Lists, decide
from lists import fingerprint

FEW, SHARE = 3, 0.2  # more servers than both stop only when an administrator confirms


@dataclass(frozen=True)
class Person:
    """A user of the hub's database."""

    name: str
    admin: bool = False
    running: bool = False  # has a server, or one is starting or stopping


@dataclass(frozen=True)
class Verdict:
    """Who goes, who would go but waits for a confirmation, whose admin flag is to be set."""

    end: dict[str, Decision] = field(default_factory=dict)
    held: dict[str, Decision] = field(default_factory=dict)
    admin: dict[str, bool] = field(default_factory=dict)
    refused: frozenset[str] = (
        frozenset()
    )  # all whom the lists refuse now: `before` of the next look


def judge(
    people: Iterable[Person],
    lists: Lists,
    now: datetime,
    account: Callable[[str], Account],
    before: Collection[str] = (),
    confirmed: str = "",
) -> Verdict:
    """Compare the people with the lists.

    Who goes must have been refused at the look before as well: an editor empties a file before it
    writes it. `confirmed` is the fingerprint of lists that may stop any number of servers.
    """
    people = [person for person in people if person.name != CHECK_USER]
    found = {p.name: decide(p.name, lists, now, account(p.name)) for p in people}
    refused = {n: d for n, d in found.items() if not d.allowed and d.rule != "unsure"}
    sure = {name: decision for name, decision in refused.items() if name in before}
    running = {person.name for person in people if person.running}
    # the end of an open window was announced to everybody; it is no slip of the hand
    stopped = {name for name in sure if name in running and sure[name].rule != "closed"}
    many = len(stopped) > max(FEW, SHARE * len(running)) and confirmed != fingerprint(lists)
    return Verdict(
        end={n: d for n, d in sure.items() if not (many and n in stopped)},
        held={n: d for n, d in sure.items() if many and n in stopped},
        admin={
            p.name: found[p.name].admin
            for p in people
            if found[p.name].rule != "unsure" and found[p.name].admin != p.admin
        },
        refused=frozenset(refused),
    )
