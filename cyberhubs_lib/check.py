"""Questions about fitness and behaviour: a requirement before the work, a proof after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .answers import unreadable
from .report import Row
from .transport import Result


@dataclass(frozen=True)
class Check:
    """A question about fitness or behaviour. `expect` gets the answer: (as expected?, found).

    It raises ValueError or LookupError for one that cannot be read; one of a question that failed
    (its exit code is not 0) is then not as expected.

    `hard` False: not as expected is a warning, not an error.
    """

    label: str
    question: str
    expect: Callable[[Result], tuple[bool, str]]
    wanted: str
    todo: str = ""
    hard: bool = True

    def row(self, answer: Result) -> Row:
        """The answer as a line of a report. Raises NoAnswer if it cannot be read."""
        try:
            good, found = self.expect(answer)
        except (ValueError, LookupError):
            if not answer.code:
                raise unreadable(self.label, answer) from None
            good, found = False, answer.out.strip()[-200:] or f"exit code {answer.code}"
        status = "ok" if good else "failed" if self.hard else "warning"
        return Row(self.label, found, self.wanted, status, "" if good else self.todo)
