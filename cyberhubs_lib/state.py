"""Look, plan, apply, look again: what a host is compared with what it should be.

A Resource never talks to the host. It gives a question (shell text) with a pure parser of the answer,
and the shell text of a change. So many questions go in one round trip, and changes of one kind in one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from .errors import HostChanged, NotConfirmed, NotConverged, PreconditionFailed
from .host import Host, failed
from .report import Report, Row
from .transport import Result


class Unknown(Exception):
    """A parser's word that the state cannot be told yet; the text says what must come first."""


State = dict[str, str] | None  # None: the thing is absent
Actual = State | Unknown


class Resource:
    """One thing on a host. Subclasses are frozen dataclasses; equal ones are the same thing."""

    label: str
    wanted: State

    @property
    def irreversible(self) -> str:
        """The name that must be typed before this is changed; "" if it can be undone."""
        return ""

    def question(self) -> str:
        """Shell text that prints the actual state; it changes nothing."""
        raise NotImplementedError

    def parse(self, answer: Result) -> State:
        """The actual state from the answer. Raises Unknown."""
        raise NotImplementedError

    def change(self, was: State) -> str:
        """Shell text that brings it from `was` to `wanted`; exit code 0 if it did."""
        raise NotImplementedError

    def note(self, was: State) -> str:
        """Why the change is made, if the row needs it."""
        return ""

    @classmethod
    def change_all(cls, items: Sequence[tuple[Resource, State]]) -> str:
        """The changes of neighbours of one kind together; packages make one transaction of it."""
        return "\n".join(resource.change(was) for resource, was in items)

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
    """The state, or the word that it cannot be told yet."""
    try:
        return resource.parse(answer)
    except Unknown as unknown:
        return unknown


def _same(a: Actual, b: Actual) -> bool:
    return str(a) == str(b) if isinstance(a, Unknown) else a == b


@dataclass
class Plan:
    """What is, beside what is wanted; made by looking, and it changes nothing."""

    title: str
    host: Host
    resources: Sequence[Resource]
    actual: list[Actual]

    @property
    def pending(self) -> list[int]:
        """Positions of the resources that differ."""
        return [
            i
            for i, (r, a) in enumerate(zip(self.resources, self.actual, strict=True))
            if not isinstance(a, Unknown) and difference(a, r.wanted)
        ]

    @property
    def unknown(self) -> list[int]:
        """Positions of those that cannot be told yet."""
        return [i for i, a in enumerate(self.actual) if isinstance(a, Unknown)]

    def report(self, after: dict[int, Actual] | None = None) -> Report:
        """The table: before an apply, and with `after` (position -> state read again) behind it."""
        return Report(self.title, [self._row(i, after) for i in range(len(self.actual))])

    def _row(self, i: int, after: dict[int, Actual] | None) -> Row:
        resource, actual = self.resources[i], self.actual[i]
        if isinstance(actual, Unknown):
            wanted = show(resource.wanted, [])
            return Row(resource.label, "?", wanted, "unknown", str(actual))
        keys = difference(actual, resource.wanted)
        if not keys:
            every = list(resource.wanted or [])
            return Row(resource.label, show(actual, every, len(every) == 1), "", "ok")
        bare = len(resource.wanted or []) == 1
        was, wanted = show(actual, keys, bare), show(resource.wanted, keys, bare)
        status = "would change" if after is None or i not in after else "changed"
        return Row(resource.label, was, wanted, status, resource.note(actual))

    def apply(
        self, confirm: str = "", progress: Callable[[Report], None] = lambda report: None
    ) -> Report:
        """Change what differs, read again, and tell. Nothing to do costs no round trip.

        Raises NotConfirmed if something irreversible is to be changed and `confirm` is not its
        name, HostChanged if the host is not what the plan showed, CommandFailed if a change fails,
        NotConverged if the host, read again, is not as wanted.
        """
        after: dict[int, Actual] = {}
        while True:
            pending = [i for i in self.pending if i not in after]
            if pending:
                self._apply(pending, after, confirm, progress)
            if not self.unknown:
                return self.report(after)
            self._look_at_unknown()  # perhaps what came before has made them known

    def _apply(
        self,
        pending: list[int],
        after: dict[int, Actual],
        confirm: str,
        progress: Callable[[Report], None],
    ) -> None:
        def tell(text: str) -> None:
            report = self.report(after)
            report.title += f" ({text})"
            progress(report)

        self._stop_without_name(pending, confirm)
        self._stop_if_changed(pending)
        for _kind, group in groupby(pending, key=lambda i: type(self.resources[i])):
            positions = list(group)
            states = [(self.resources[i], self.actual[i]) for i in positions]
            items = [(r, a) for r, a in states if not isinstance(a, Unknown)]
            type(items[0][0]).perform(self.host, items, tell)
            after.update({i: None for i in positions})
            progress(self.report(after))
        self._look_again(pending)

    def _look_at_unknown(self) -> None:
        unknown = self.unknown
        now = look(self.host, [self.resources[i] for i in unknown])
        for i, actual in zip(unknown, now, strict=True):
            self.actual[i] = actual
        still = self.unknown
        if still and len(still) == len(unknown):
            raise PreconditionFailed(
                f"{self.title}: {self.resources[still[0]].label} cannot be told:"
                f" {self.actual[still[0]]}",
                expected="the earlier steps applied",
                todo="run the cells above (or the runbooks before this one) and plan again",
            )

    def _stop_without_name(self, pending: list[int], confirm: str) -> None:
        for i in pending:
            name = self.resources[i].irreversible
            if name and confirm != name:
                raise NotConfirmed(
                    f"{self.resources[i].label}: this cannot be undone, and confirm is {confirm!r}",
                    expected=f"confirm = {name!r}",
                    todo=f"look at the plan; if it is right, run again with -p confirm {name}",
                )

    def _stop_if_changed(self, pending: list[int]) -> None:
        now = look(self.host, [self.resources[i] for i in pending])
        for i, actual in zip(pending, now, strict=True):
            if not _same(actual, self.actual[i]):
                raise HostChanged(
                    f"{self.resources[i].label} is {_text(actual)} now; the plan was made for"
                    f" {_text(self.actual[i])}",
                    expected="the host as the plan showed it; nothing was changed",
                    todo="run the plan's cell again and look at what it shows",
                )

    def _look_again(self, pending: list[int]) -> None:
        now = look(self.host, [self.resources[i] for i in pending])
        for i, actual in zip(pending, now, strict=True):
            wanted = self.resources[i].wanted
            if isinstance(actual, Unknown) or difference(actual, wanted):
                raise NotConverged(
                    f"{self.resources[i].label} is {_text(actual)} after the change",
                    expected=_text(wanted),
                    todo="something on the host puts it back or refuses it; find out what, then"
                    " run this runbook again",
                )


def _text(actual: Actual) -> str:
    return str(actual) if isinstance(actual, Unknown) else show(actual, [])
