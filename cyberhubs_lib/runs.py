"""Run runbooks headless: papermill executes, the executed notebook is the record.

Records lie in runs/SITE/ (or runs/HOST/), named by time and runbook; status, drift and the book read
them there.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import nbformat
from traitlets.config import Config

from .errors import CyberhubsError, RunFailed, SettingsError
from .params import check
from .report import MIME, STATUS
from .site import REPOSITORY
from .sitefile import load_site
from .table import RUNBOOKS, entry, path

RUNS = REPOSITORY / "runs"


@dataclass(frozen=True)
class Record:
    """One executed notebook."""

    path: Path

    @property
    def name(self) -> str:
        """The runbook's stem."""
        return self.path.stem.partition("_")[2]

    def read(self) -> nbformat.NotebookNode:
        """The notebook. Raises RunFailed for a file that a killed run left half-written."""
        try:
            return nbformat.read(self.path, as_version=4)
        except (ValueError, nbformat.reader.NotJSONError) as error:
            raise RunFailed(
                f"{self.path} is not a notebook: {str(error)[:100]}",
                expected="an executed runbook",
                todo="a run that was killed may leave such a file; remove it",
            ) from None

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

    @property
    def is_dry(self) -> bool:
        """Whether nothing was to be changed."""
        return any(report.get("dry_run") for report in self.reports())

    def summary(self) -> str:
        """How many rows have which status: applied steps, requirements and proof."""
        count = dict.fromkeys(STATUS, 0)
        last: dict[str, dict[str, object]] = {str(r["title"]): r for r in self.reports()}
        for report in last.values():
            for row in report["rows"]:  # type: ignore[attr-defined]
                count[row["status"]] += 1
        return ", ".join(f"{n} {status}" for status, n in count.items() if n and status)


def place(site: str, host: str) -> Path:
    """The folder of a site's runs; without a site, of the host's."""
    label = load_site(site).name if site else host or "no-host"
    return RUNS / re.sub(r"[^A-Za-z0-9.@_-]", "-", label)


def stamp() -> str:
    """The time at which a record begins, as its name tells it."""
    return datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def run(name: str, parameters: dict[str, object], out: Path | None = None) -> Record:
    """Execute one runbook and keep the result. Raises SettingsError, RunFailed."""
    name, found = entry(name)
    params = check(found.params, parameters)
    if out is None:
        out = place(params.site, params.host) / f"{stamp()}_{name}.ipynb"
    out.parent.mkdir(parents=True, exist_ok=True)
    given = {key: value for key, value in params.model_dump().items() if key in parameters}
    _execute(path(name), out, given)
    return Record(out)


def _execute(source: Path, out: Path, parameters: dict[str, object]) -> None:
    import papermill  # takes seconds to import: only when it is needed
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.ERROR)
    # after Ctrl-C asyncio tells, with a traceback, of the tasks that nobody waited for any more
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    # socket files instead of TCP: nobody else on this machine can listen to the kernel
    ipc = Config({"KernelManager": {"transport": "ipc", "ip": f"{_private_folder()}/kernel"}})
    log = Path(_private_folder()) / "kernel.log"
    try:
        with _errors_to(log):
            papermill.execute_notebook(
                source, out, parameters, kernel_name="python3", progress_bar=False, config=ipc
            )
    except DeadKernelError:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
        raise RunFailed(
            f"{source.stem} stopped: its Python process ended",
            expected="a process that lasts to the end of the runbook",
            todo="run it again; if it happens again, is this machine out of memory?",
            evidence=end,
        ) from None
    except PapermillExecutionError as error:
        said = str(error.evalue)
        first = said if said.startswith(str(error.ename)) else f"{error.ename}: {said}"
        raise RunFailed(
            f"{source.stem} stopped; run again it goes on from there. Record: {out}\n{first}",
        ) from None


@contextlib.contextmanager
def _errors_to(log: Path) -> Iterator[None]:
    """Standard error of this process and of the kernel goes to a file, not into the terminal."""
    sys.stderr.flush()
    keep = os.dup(2)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 2)
            yield
    finally:
        sys.stderr.flush()
        os.dup2(keep, 2)
        os.close(keep)


@functools.cache
def _private_folder() -> str:
    """For this process's sockets; removed at its end, after the kernels that use them."""
    folder = tempfile.mkdtemp(prefix="cyberhubs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def run_and_tell(names: list[str], parameters: dict[str, object]) -> list[Record]:
    """Run several in order, one line each. Raises as `run` does, after telling which failed."""
    records = []
    for name in names:
        name = entry(name)[0]
        print(f"{name:20} ", end="", flush=True)
        began = time.monotonic()
        try:
            record = run(name, parameters)
        except (CyberhubsError, OSError):
            print("failed", flush=True)
            raise
        seconds = time.monotonic() - began
        print(f"{seconds:5.0f} s   {record.summary()}", flush=True)
        records.append(record)
    return records


def latest(site: str) -> dict[str, Record]:
    """The newest record of each runbook of this site; a dry run only where there is nothing else."""
    every = map(Record, sorted(place(site, "").glob("*.ipynb")))
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
