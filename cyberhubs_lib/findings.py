"""What dry runs found: what would change, what is unknown, what fails, and which of that is expected.

Steps and checks need what earlier ones make. In a dry run nothing is made, so some checks cannot
succeed: they are expected to fail, and say nothing against the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .report import Report, Row
from .runs import Record

AS_WANTED, FAILED, DIFFERS = 0, 1, 2  # exit codes
DEVIATES = ("would change", "unknown", "failed")
NAME = re.compile(r"\b\d\d_[a-z_]+\b")  # a to-do names a runbook so: "run 04_install_docker first"
SHOWN, WIDTH = 15, 40  # rows, and letters of a cell, in the terminal; the record has all


@dataclass(frozen=True)
class Finding:
    """The dry run of one runbook: the rows that deviate, and the failures that are expected."""

    record: Record
    deviating: list[Row]
    expected: list[Row]
    as_wanted: int

    def count(self, status: str) -> int:
        """How many of the rows that deviate have this status."""
        return sum(row.status == status for row in self.deviating)


def findings(records: Iterable[Record]) -> list[Finding]:
    """Of runbooks in the order in which they would run."""
    pending: set[str] = set()  # runbooks that have something to do first
    found = []
    for record in records:
        found.append(_finding(record, pending))
        if found[-1].deviating or found[-1].expected:
            pending.add(record.name)
    return found


def _finding(record: Record, pending: set[str]) -> Finding:
    steps = record.steps()
    proof = steps.pop("Verify", [])
    before = [row for rows in steps.values() for row in rows]
    waits = [
        row for row in before if row.status == "failed" and pending & {*NAME.findall(row.note)}
    ]
    to_do = waits or any(row.status in DEVIATES[:2] for row in before)
    expected = waits + [row for row in proof if row.status == "failed" and to_do]
    every = {row.label: row for row in [*before, *proof] if row not in expected}  # each once
    return Finding(
        record,
        [row for row in every.values() if row.status in DEVIATES],
        list({row.label: row for row in expected}.values()),
        sum(row.status == "ok" for row in [*before, *proof]),
    )


def exit_code(found: Sequence[Finding], failed: int = FAILED) -> int:
    """DIFFERS if something would change; `failed` if a check fails that is not expected to.

    FAILED, too, if nothing is known to differ but something is unknown.
    """

    def any_is(status: str) -> bool:
        return any(finding.count(status) for finding in found)

    if any_is("failed"):
        return failed
    if any_is("would change") or any(finding.expected for finding in found):
        return DIFFERS
    return FAILED if any_is("unknown") else AS_WANTED


def told(found: Sequence[Finding]) -> str:
    """For a terminal: a table of each runbook that has something to tell, and a summary."""
    parts = [_of_one(finding) for finding in found if finding.deviating or finding.expected]
    return "\n\n".join([*parts, _summary(found)])


def _of_one(finding: Finding) -> str:
    rows = sorted(finding.deviating, key=lambda row: row.status != "failed")  # these first
    shown = Report("", [_short(row) for row in rows[:SHOWN]], ("now", "wanted"))
    lines = [Report(finding.record.name, rows).heading if rows else finding.record.name]
    lines += [f"  {line}" for line in str(shown).splitlines()[1:]]
    if len(rows) > SHOWN:
        lines.append(f"  ... and {len(rows) - SHOWN} more")
    if finding.expected:
        names = "; ".join(row.label for row in finding.expected)
        lines.append(f"  failed, as expected until the steps above have run: {names}")
    return "\n".join([*lines, f"  record: {finding.record.path}"])


def _short(row: Row) -> Row:
    def cut(text: str) -> str:
        return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."

    return replace(row, was=cut(row.was), wanted=cut(row.wanted))


def _summary(found: Sequence[Finding]) -> str:
    counts = [(sum(finding.count(status) for finding in found), status) for status in DEVIATES]
    expected = sum(len(finding.expected) for finding in found)
    counts.append((expected, "failed as expected"))
    text = ", ".join(f"{number} {what}" for number, what in counts if number) or "all as wanted"
    lines = [f"Dry run, nothing was changed: {text}."]
    if expected:
        lines.append(
            "Expected: these checks need steps that have not run. A real run takes the steps in order"
            " and checks again."
        )
    if failed := [f for f in found if f.count("failed")]:
        names = ", ".join(finding.record.name for finding in failed)
        lines.append(
            f"Put right what failed in {names}: no step does, and a real run would stop there."
        )
    return "\n".join(lines)
