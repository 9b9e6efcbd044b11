"""Run runbooks headless; the executed notebook is the record.

Records lie in runs/SITE/ (or runs/HOST/), named by time and runbook; status, drift and the book read
them there.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CyberhubsError, RunFailed, SettingsError
from .execute import Kernel
from .params import check
from .report import MIME, STATUS, Row
from .site import REPOSITORY
from .sitefile import load_site
from .table import RUNBOOKS, entry, path

if TYPE_CHECKING:
    import nbformat

RUNS = REPOSITORY / "runs"
WRITING_SECONDS = 2  # in which a notebook is written


@dataclass(frozen=True)
class Record:
    """One executed notebook."""

    path: Path

    @property
    def name(self) -> str:
        """The runbook's stem."""
        return self.path.stem.partition("_")[2]

    def read(self) -> nbformat.NotebookNode:
        """The notebook. Raises RunFailed for a file that a killed run left half-written.

        JupyterLab and papermill write over the old file: one that is no notebook may be one soon.
        """
        import nbformat  # takes a second to import: not for commands that run nothing

        end = time.monotonic() + WRITING_SECONDS
        while True:
            try:
                return nbformat.read(self.path, as_version=4)
            except (ValueError, nbformat.reader.NotJSONError) as error:
                if time.monotonic() > end:
                    raise RunFailed(
                        f"{self.path} is not a notebook: {str(error)[:100]}",
                        expected="an executed runbook",
                        todo="a run that was killed may leave such a file; remove it",
                    ) from None
            time.sleep(0.1)

    def reports(self) -> Iterator[dict[str, object]]:
        """The reports that its cells published, first to last."""
        for cell in self.read().cells:
            for output in cell.get("outputs", []):
                if MIME in output.get("metadata", {}):
                    yield output["metadata"][MIME]

    @property
    def was_run(self) -> bool:
        """Whether any cell was."""
        return any(cell.get("execution_count") for cell in self.read().cells)

    def shown(self) -> set[str]:
        """Its reports and errors, each as one text: no two runs have the same."""
        errors = [
            f"{output['ename']}: {output['evalue']}"
            for cell in self.read().cells
            for output in cell.get("outputs", [])
            if output["output_type"] == "error"
        ]
        return {json.dumps(report, sort_keys=True) for report in self.reports()} | set(errors)

    @property
    def is_dry(self) -> bool:
        """Whether nothing was to be changed."""
        return any(report.get("dry_run") for report in self.reports())

    def steps(self) -> dict[str, list[Row]]:
        """Title -> rows, of each step the last report: it is planned, then applied."""
        return {str(r["title"]): [Row(**row) for row in r["rows"]] for r in self.reports()}  # type: ignore[attr-defined]

    def summary(self) -> str:
        """How many rows have which status: applied steps, requirements and proof."""
        count = dict.fromkeys(STATUS, 0)
        for row in (row for rows in self.steps().values() for row in rows):
            count[row.status] += 1
        return ", ".join(f"{n} {status}" for status, n in count.items() if n and status)


def place(site: str, host: str) -> Path:
    """The folder of a site's runs; without a site, of the host's."""
    label = load_site(site).name if site else host or "no-host"
    return RUNS / re.sub(r"[^A-Za-z0-9.@_-]", "-", label)


def beside(page: Path) -> Path:
    """Where the run itself keeps a record while JupyterLab has its page open."""
    return page.with_name(f".{page.name}")


def fuller(page: Path) -> Path:
    """A page as JupyterLab saved it, or what its run kept beside it if that tells of more."""
    kept = beside(page)
    if not kept.is_file() or (page.is_file() and Record(kept).shown() <= Record(page).shown()):
        return page
    return kept


def settle(page: Path) -> None:
    """When JupyterLab has ended: one record, the fuller one; none if nothing was run."""
    fuller(page).replace(page)
    beside(page).unlink(missing_ok=True)
    if not Record(page).was_run:
        page.unlink()


def stamp() -> str:
    """The time at which a record begins, as its name tells it."""
    return datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def run(name: str, parameters: dict[str, object], kernel: Kernel) -> Record:
    """Execute one runbook and keep the result. Raises SettingsError, RunFailed."""
    name, found = entry(name)
    params = check(found.params, parameters)
    out = place(params.site, params.host) / f"{stamp()}_{name}.ipynb"
    out.parent.mkdir(parents=True, exist_ok=True)
    given = {key: value for key, value in params.model_dump().items() if key in parameters}
    kernel.execute(path(name), out, given)
    return Record(out)


def of_each(names: list[str], parameters: dict[str, object]) -> list[tuple[str, dict]]:
    """Each runbook with those of the parameters that it takes.

    Raises SettingsError for one that none of them takes, or that is of the wrong type.
    """
    models = [(name, found.params) for name, found in map(entry, names)]
    taken = {key for _, model in models for key in model.model_fields}
    each = []
    for name, model in models:
        others = taken - set(model.model_fields)
        own = {key: value for key, value in parameters.items() if key not in others}
        check(model, own)
        each.append((name, own))
    return each


def run_and_tell(names: list[str], parameters: dict[str, object]) -> Iterator[Record]:
    """Run several in order in one Python process, one line each; all parameters are checked first.

    Raises as `run` does, after telling which failed.
    """
    with Kernel() as kernel:
        for name, own in of_each(names, parameters):
            print(f"{name:20} ", end="", flush=True)
            began = time.monotonic()
            try:
                record = run(name, own, kernel)
            except (CyberhubsError, OSError):
                print("failed", flush=True)
                raise
            print(f"{time.monotonic() - began:5.0f} s   {record.summary()}", flush=True)
            yield record


def latest(site: str) -> dict[str, Record]:
    """The newest record of each runbook of this site; a dry run only where there is nothing else."""
    pages = (p for p in sorted(place(site, "").glob("*.ipynb")) if not p.name.startswith("."))
    every = [Record(fuller(page)) for page in pages]
    found = [record for record in every if record.name in RUNBOOKS and record.was_run]
    rehearsed = {record.name: record for record in found if record.is_dry}
    return rehearsed | {record.name: record for record in found if not record.is_dry}


def parse_parameters(pairs: list[list[str]]) -> dict[str, object]:
    """-p NAME VALUE pairs as a dict. Raises SettingsError if a name comes twice."""
    names = [name for name, _ in pairs]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SettingsError(
            f"parameter {', '.join(sorted(twice))} is given twice",
            expected="each once",
            todo="leave one of them out",
        )
    return {name: value for name, value in pairs}
