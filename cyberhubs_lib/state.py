"""What a host is compared with what it should be: one Resource is one thing on it.

A Resource never talks to the host. It gives a question (shell text) with a pure parser of the answer,
and the shell text of a change. So many questions go in one round trip, and changes of one kind in one.
plan.py looks, plans, applies and looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from .answers import unreadable
from .host import Host, failed
from .transport import Result


class Unknown(Exception):
    """A parser's word that the state cannot be told yet; the text says what must come first."""


State = dict[str, str] | None  # None: the thing is absent
Actual = State | Unknown


class Resource:
    """One thing on a host. Subclasses are frozen dataclasses; equal ones are the same thing."""

    label: str
    wanted: State
    after: str = ""  # shell text to run after a change; once for neighbours that need the same

    @property
    def irreversible(self) -> str:
        """The name that must be typed before this is changed; "" if it can be undone."""
        return ""

    def question(self) -> str:
        """Shell text that prints the actual state; it changes nothing."""
        raise NotImplementedError

    def parse(self, answer: Result) -> State:
        """The actual state from the answer. Raises Unknown; ValueError if it cannot be read."""
        raise NotImplementedError

    def change(self, was: State) -> str:
        """Shell text that brings it from `was` to `wanted`; exit code 0 if it did."""
        raise NotImplementedError

    def note(self, was: State) -> str:
        """Why the change is made, if the row needs it."""
        return ""

    @classmethod
    def change_all(cls, items: Sequence[tuple[Resource, State]]) -> str:
        """The changes of neighbours together; packages make one transaction of it."""
        texts = []
        for after, group in groupby(items, key=lambda item: item[0].after):
            texts += [resource.change(was) for resource, was in group]
            texts += [after] if after else []
        # each in a shell of its own: a umask or a variable of one must not reach the next
        return "\n".join(f"(\n{text}\n)" for text in texts)

    @classmethod
    def perform(
        cls, host: Host, items: Sequence[tuple[Resource, State]], tell: Callable[[str], None]
    ) -> None:
        """Make the changes; images go another way than by shell text.

        Raises CommandFailed, HostBusy.
        """
        result = host.change(f"set -e\n{cls.change_all(items)}")
        if result.code:
            raise failed(", ".join(resource.label for resource, _ in items), result)


def difference(was: State, wanted: State) -> list[str]:
    """The keys that decide: in `wanted` and not equal in `was`. ["*"] if it is all or nothing."""
    if wanted is None or was is None:
        return [] if was == wanted else ["*"]
    return [key for key, value in wanted.items() if was.get(key) != value]


def show(state: State, keys: list[str], bare: bool = False) -> str:
    """A state as a cell of the table: the chosen keys (all if none); `bare` leaves out their names."""
    if state is None:
        return "absent"
    chosen = {k: v for k, v in state.items() if k in keys} or state
    if bare or len(state) == 1:
        return ", ".join(chosen.values())
    return ", ".join(f"{k} {v}" for k, v in chosen.items())


def look(host: Host, resources: Sequence[Resource]) -> list[Actual]:
    """The actual state of each, in one round trip."""
    answers = host.batch([r.question() for r in resources])
    return [parse(r, a) for r, a in zip(resources, answers, strict=True)]


def parse(resource: Resource, answer: Result) -> Actual:
    """The state, or the word that it is not known yet. Raises NoAnswer if it cannot be read."""
    try:
        return resource.parse(answer)
    except Unknown as unknown:
        return unknown
    except (ValueError, LookupError):
        raise unreadable(resource.label, answer) from None
