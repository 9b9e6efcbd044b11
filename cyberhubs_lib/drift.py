"""Drift: is a server still as wanted? Its runbooks in dry run, and one table of them."""

from __future__ import annotations

from collections.abc import Callable

from .errors import CyberhubsError
from .execute import Kernel
from .findings import AS_WANTED, DIFFERS, FAILED, Finding, exit_code, findings
from .host import LOCAL
from .report import DOCKER_WAITS, Report, Row
from .runs import Record, run
from .site import Site
from .table import RUNBOOKS


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


def drift(
    names: list[str], parameters: dict[str, object], say: Callable[[str], object]
) -> tuple[Report, int]:
    """Run `names` dry, keep the notebooks, and tell what deviates: the table and the exit code.

    A check that fails is a difference, and what differs for certain counts more than what is unknown.
    What Docker waits for goes to `say` at once: with it the table comes late.
    """
    records, errors, said = [], [], ""
    with Kernel() as kernel:
        for name in names:
            try:
                records.append(record := run(name, {**parameters, "dry_run": True}, kernel))
                if not said and (said := _docker_waits(record)):
                    say(f"Docker: {said}")
            except CyberhubsError as error:
                errors.append(Row(name, error.found, "an answer", "unknown", error.todo))
    found = findings(records)
    rows = [row for finding in found for row in _rows(finding)] + errors
    code = exit_code(found, failed=DIFFERS)
    return Report("Drift", rows), code or (FAILED if errors else AS_WANTED)


def _docker_waits(record: Record) -> str:
    return next((str(r[DOCKER_WAITS]) for r in record.reports() if DOCKER_WAITS in r), "")


def _rows(finding: Finding) -> list[Row]:
    """What deviates, each once; or one row that all is well."""
    name, found = finding.record.name, [*finding.deviating, *finding.expected]
    if not found:
        return [Row(name, f"{finding.as_wanted} rows as wanted")]
    return [Row(f"{name[:2]} {r.label}", r.was, r.wanted, r.status, r.note) for r in found]
