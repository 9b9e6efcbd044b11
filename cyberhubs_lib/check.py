"""Questions about fitness and behaviour: a requirement before the work, a proof after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .report import Row
from .transport import Result


@dataclass(frozen=True)
class Check:
    """A question about fitness or behaviour. `expect` gets the answer: (as expected?, found).

    `hard` False: not as expected is a warning, not an error.
    """

    label: str
    question: str
    expect: Callable[[Result], tuple[bool, str]]
    wanted: str
    todo: str = ""
    hard: bool = True

    def row(self, answer: Result) -> Row:
        """The answer as a line of a report."""
        good, found = self.expect(answer)
        status = "ok" if good else "failed" if self.hard else "warning"
        return Row(self.label, found, self.wanted, status, "" if good else self.todo)
