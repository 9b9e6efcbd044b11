"""The file `members` of the access directory: who was seen as a member of an organisation, and when.

    ada github:1001 my-institute:cosmology 2026-11-26T18:00:00+00:00

The hub writes it, under the lock of the directory, from what the provider answers (organizations.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import ledger
from access import LOGIN, Member
from listfile import write
from lists import MEMBERS, fingerprint, members_in, read

FORGET = 2  # times the age up to which a line counts; then it goes


@dataclass(frozen=True)
class Answer:
    """What the provider said of one account: of what it is a member, of what it surely is not.

    `doubts` are the sentences for an administrator where it said neither.
    """

    member: str = ""
    denied: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()


def remember(
    folder: Path,
    answers: Mapping[str, tuple[str, Answer]],
    now: datetime,
    keep: timedelta,
) -> None:
    """Write down answers: login -> number of the account, answer. The caller holds the lock.

    An answer that was none changes nothing: who cannot be asked about has not left. Who was seen in
    the future, by a clock that was wrong, counts as seen now. Raises OSError, ValueError if the file
    is damaged.
    """
    path = folder / MEMBERS
    known = members_in(path.read_text()) if path.exists() else {}
    found = {name: replace(one, seen=min(one.seen, now)) for name, one in known.items()
             if now - one.seen <= FORGET * keep}  # fmt: skip
    came, left = [], []
    for name, (number, answer) in answers.items():
        before = found.get(name)
        if answer.member and LOGIN.fullmatch(name):
            found[name] = Member(number, answer.member, now)
            if before is None or (before.number, before.organization) != (number, answer.member):
                came.append(name)
        elif before and before.number == number and before.organization in answer.denied:
            del found[name]
            left.append(name)
    if found == known:
        return
    write(path, "# Written by the hub: who was seen as a member, and when.\n" + _text(found))
    mark = fingerprint(read(folder)) if came or left else ""
    for name in came:
        ledger.append(folder, "hub", f"member of {found[name].organization}", [name], mark)
    for name in left:
        ledger.append(folder, "hub", f"no member of {known[name].organization}", [name], mark)


def _text(members: Mapping[str, Member]) -> str:
    return "".join(
        f"{name} {one.number} {one.organization} {one.seen.isoformat(timespec='seconds')}\n"
        for name, one in sorted(members.items())
    )


def old(members: Mapping[str, Member], now: datetime, age: timedelta) -> list[str]:
    """Those who were not seen for a time, or in the future, and are to be asked about again."""
    return [n for n, one in members.items() if not timedelta(0) <= now - one.seen < age]
