"""The record of every change of the access lists: one line each, chained by hashes.

    SHA256 {"when": ..., "who": ..., "what": ..., "logins": [...], "lists": ..., "run": ...}

Each hash is over the hash before it and its own text, so a line that was altered, removed or put in
shows. Whoever may write the file could make the whole chain anew; the executed runbooks keep its head.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

NAME = "ledger"
START = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One change: what was done to which logins, by whom, from which run.

    `lists` is the fingerprint of all lists after it, so that an edit by hand is noticed.
    """

    when: str
    who: str
    what: str
    logins: tuple[str, ...]
    lists: str = ""
    run: str = ""


def chained(before: str, text: str) -> str:
    """The hash of a line."""
    return hashlib.sha256(f"{before} {text}".encode()).hexdigest()


def append(
    folder: Path, who: str, what: str, logins: Iterable[str], lists: str = "", run: str = ""
) -> None:
    """Add a line. The caller holds the lock of the directory (changes.py)."""
    path = folder / NAME
    lines = path.read_text().splitlines() if path.exists() else []
    before = lines[-1].partition(" ")[0] if lines else START
    when = datetime.now(timezone.utc).isoformat(timespec="seconds")
    text = json.dumps(asdict(Entry(when, who, what, tuple(logins), lists, run)))
    with path.open("a") as file:
        file.write(f"{chained(before, text)} {text}\n")


def entries(folder: Path) -> Iterator[Entry]:
    """All lines that can be read, oldest first."""
    path = folder / NAME
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found = json.loads(line.partition(" ")[2])
            yield Entry(**{**found, "logins": tuple(found["logins"])})
        except (ValueError, TypeError, KeyError):
            continue  # `verify` names it


def verify(folder: Path) -> tuple[int, str, str]:
    """Number of lines, the head of the chain, and what is wrong with it ("" if nothing is)."""
    path = folder / NAME
    lines = path.read_text().splitlines() if path.exists() else []
    before = START
    for number, line in enumerate(lines, 1):
        said, _, text = line.partition(" ")
        if said != chained(before, text):
            return (
                len(lines),
                before,
                f"line {number} is not the one that was written: {text[:200]}",
            )
        before = said
    return len(lines), before, ""
