"""Look, plan, apply, look again: the difference decides, and *changed* means read again and equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile

from .errors import HostChanged, NotConfirmed, NotConverged, PreconditionFailed
from .host import Host
from .report import Report, Row
from .state import Actual, Resource, Unknown, difference, look, show


def _same(a: Actual, b: Actual) -> bool:
    return str(a) == str(b) if isinstance(a, Unknown) else a == b


@dataclass
class Plan:
    """What is, beside what is wanted; made by looking, and it changes nothing."""

    title: str
    host: Host
    resources: Sequence[Resource]
    actual: list[Actual]
    later: Sequence[Resource] = ()  # of the next steps: looked at along with the last look
    later_actual: list[Actual] = field(default_factory=list)

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

        The order is that of the list: what follows something unknown waits until it can be told. Then
        it is read again and applied as it is then: HostChanged covers what the plan could show.

        Raises NotConfirmed if something irreversible is to be changed and its name is not in
        `confirm` (names with commas between), HostChanged if the host is not what the plan showed,
        CommandFailed if a change fails, NotConverged if the host, read again, is not as wanted.
        """
        after: dict[int, Actual] = {}
        while rest := self._left(after):
            self._stop_without_name(rest, confirm)
            if not after:
                self._stop_if_changed()
            now = list(takewhile(lambda i: not isinstance(self.actual[i], Unknown), rest))
            self._change(now, after, progress)
            self._look_again(now, rest[len(now) :], after)
            if not now and isinstance(self.actual[rest[0]], Unknown):
                raise PreconditionFailed(
                    f"{self.title}: {self.resources[rest[0]].label} cannot be told:"
                    f" {self.actual[rest[0]]}",
                    expected="the earlier steps applied",
                    todo="run the cells above (or the runbooks before this one) and plan again",
                )
        return self.report(after)

    def _left(self, after: dict[int, Actual]) -> list[int]:
        """What is still to be changed or to be told, in the order of the list."""
        return sorted(set(self.pending + self.unknown) - set(after))

    def _change(
        self, now: list[int], after: dict[int, Actual], progress: Callable[[Report], None]
    ) -> None:
        def tell(text: str) -> None:
            report = self.report(after)
            report.aside = text
            progress(report)

        for _, group in groupby(now, key=lambda i: _way(self.resources[i])):
            positions = list(group)
            states = [(self.resources[i], self.actual[i]) for i in positions]
            items = [(r, a) for r, a in states if not isinstance(a, Unknown)]
            type(items[0][0]).perform(self.host, items, tell)
            after.update({i: None for i in positions})
            progress(self.report(after))

    def _stop_without_name(self, rest: list[int], confirm: str) -> None:
        typed = confirm.split(",")
        named = [i for i in self.pending if i in rest and self.resources[i].irreversible]
        for i in named:
            if self.resources[i].irreversible not in typed:
                names = ",".join(self.resources[i].irreversible for i in named)
                raise NotConfirmed(
                    f"{self.resources[i].label}: this cannot be undone, and confirm is {confirm!r}",
                    expected=f"confirm = {names!r}",
                    todo=f"look at the plan; if it is right, run again with -p confirm {names}",
                )

    def _stop_if_changed(self) -> None:
        pending = self.pending
        now = look(self.host, [self.resources[i] for i in pending])
        for i, actual in zip(pending, now, strict=True):
            if not _same(actual, self.actual[i]):
                raise HostChanged(
                    f"{self.resources[i].label} is {_text(actual)} now; the plan was made for"
                    f" {_text(self.actual[i])}",
                    expected="the host as the plan showed it; nothing was changed",
                    todo="run the plan's cell again and look at what it shows",
                )

    def _look_again(self, changed: list[int], waiting: list[int], after: dict[int, Actual]) -> None:
        """Prove what was changed, and see what waited for it as it is now."""
        read = [self.resources[i] for i in changed + waiting]
        now = look(self.host, [*read, *self.later])
        self.later_actual = now[len(read) :]
        for i, actual in zip(waiting, now[len(changed) :], strict=False):
            if i in self.pending and _as_wanted(self.resources[i], actual):
                after[i] = None  # what came before it has changed it, too
            else:
                self.actual[i] = actual
        for i, actual in zip(changed, now, strict=False):
            if not _as_wanted(self.resources[i], actual):
                raise NotConverged(
                    f"{self.resources[i].label} is {_text(actual)} after the change",
                    expected=_text(self.resources[i].wanted),
                    todo="something on the host puts it back or refuses it; find out what, then"
                    " run this runbook again",
                )


def _way(resource: Resource) -> tuple[object, object]:
    """How it is changed: neighbours that go the same way go together."""
    kind = type(resource)
    return kind.perform.__func__, kind.change_all.__func__  # type: ignore[attr-defined]


def _as_wanted(resource: Resource, actual: Actual) -> bool:
    return not isinstance(actual, Unknown) and not difference(actual, resource.wanted)


def _text(actual: Actual) -> str:
    return str(actual) if isinstance(actual, Unknown) else show(actual, [])
