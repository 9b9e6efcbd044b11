"""Drift: is a server still as wanted? Its runbooks in dry run, and one table of them."""

from __future__ import annotations

from .errors import CyberhubsError
from .execute import Kernel
from .host import LOCAL
from .report import Report, Row
from .runs import Record, run
from .site import Site
from .table import RUNBOOKS

AS_WANTED, COULD_NOT_TELL, DRIFT = 0, 1, 2  # exit codes
DEVIATES = ("would change", "unknown", "failed")


def host_runbooks(site: Site) -> list[str]:
    """Those that prepare the machine: none where the demo runs, which leaves it as it is.

    Data in a Docker volume need no disk.
    """
    if site.host in LOCAL and site.in_volume:
        return []
    names = [name for name, entry in RUNBOOKS.items() if entry.root == "always"]
    return [n for n in names if not (site.in_volume and n == "03_prepare_storage")]


def site_runbooks(site: Site) -> list[str]:
    """Those of the machine, and those of the hub on it: in order, all that a site is made of."""
    host = host_runbooks(site)
    return [name for name, entry in RUNBOOKS.items() if name in host or entry.root == "remote"]


def drift(names: list[str], parameters: dict[str, object]) -> tuple[Report, int]:
    """Run `names` dry, keep the notebooks, and tell what deviates: the table and the exit code.

    What deviates for certain counts more than what could not be told.
    """
    rows, told = [], True
    with Kernel() as kernel:
        for name in names:
            try:
                rows += _rows(name, run(name, {**parameters, "dry_run": True}, kernel))
            except CyberhubsError as error:
                told = False
                rows.append(Row(name, error.found, "an answer", "unknown", error.todo))
    report = Report("Drift", rows)
    if any(row.status in ("would change", "failed") for row in rows):
        return report, DRIFT
    return report, AS_WANTED if told and not report.count("unknown") else COULD_NOT_TELL


def _rows(name: str, record: Record) -> list[Row]:
    """What deviates, each once; or one row that all is well."""
    last = {str(report["title"]): report for report in record.reports()}
    every = [Row(**row) for report in last.values() for row in report["rows"]]  # type: ignore[attr-defined]
    found = {row.label: row for row in every if row.status in DEVIATES}
    if not found:
        return [Row(name, f"{sum(row.status == 'ok' for row in every)} rows as wanted")]
    return [Row(f"{name[:2]} {r.label}", r.was, r.wanted, r.status, r.note) for r in found.values()]
