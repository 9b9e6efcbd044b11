"""What has to happen to people who are in already, when the lists no longer say what they said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from access import CHECK_USER, Account, Decision, Lists, decide

FEW, SHARE = 3, 0.2  # more servers than both stop only when an administrator confirms


@dataclass(frozen=True)
class Person:
    """A user of the hub's database."""

    name: str
    admin: bool = False
    running: bool = False  # has a server, or one is starting or stopping


@dataclass(frozen=True)
class Verdict:
    """Who goes, who would go but waits for a confirmation, whose admin flag is to be set.

    `refused` are all whom the lists refuse now. The next look begins from this one.
    """

    end: dict[str, Decision] = field(default_factory=dict)
    held: dict[str, Decision] = field(default_factory=dict)
    admin: dict[str, bool] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()


NOBODY = Verdict()


def judge(
    people: Iterable[Person],
    lists: Lists,
    now: datetime,
    account: Callable[[str], Account],
    before: Verdict = NOBODY,
    confirmed: Collection[str] = (),
    real: datetime | None = None,
) -> Verdict:
    """Compare the people with the lists; `confirmed` are names whose servers may stop.

    Who goes must have been refused at the look before as well: an editor empties a file before it
    writes it. Who is held stays so until confirmed, allowed again, or blocked by name. `now` and
    `real` are those of `decide`.
    """
    people = [person for person in people if person.name != CHECK_USER]
    found = {p.name: decide(p.name, lists, now, account(p.name), real) for p in people}
    refused = {n: d for n, d in found.items() if not d.allowed and d.rule != "unsure"}
    sure = {name: decision for name, decision in refused.items() if name in before.refused}
    running = {person.name for person in people if person.running}
    held = {
        name: was if found[name].rule == "unsure" else found[name]
        for name, was in before.held.items()
        if name in running - set(confirmed) and _as_before(was, found[name])
    }
    # only what is new: who waits already must not make the next edit look small, or large
    new = running & set(sure) - set(held) - set(before.end) - set(confirmed)
    if len(new) > max(FEW, SHARE * len(running)):
        held |= {name: sure[name] for name in new}
    return Verdict(
        end={n: d for n, d in sure.items() if n not in held},
        held=held,
        admin={
            p.name: found[p.name].admin
            for p in people
            if found[p.name].rule != "unsure" and found[p.name].admin != p.admin
        },
        refused=frozenset(refused),
    )


def _as_before(was: Decision, now: Decision) -> bool:
    """Still refused and not for a better reason: to be blocked by name is another edit."""
    return not now.allowed and (now.rule != "blocked" or was.rule == "blocked")
