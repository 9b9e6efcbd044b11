"""One list as people wrote it: names put in or taken out, everything else left as it is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from access import parse


def write(path: Path, text: str) -> None:
    """Replace a file at once, with the owner and mode of the old one or of its directory."""
    partial = path.with_name(f".{path.name}.new")
    partial.write_text(text)
    try:
        like = path.stat()
    except FileNotFoundError:
        like = path.parent.stat()
    os.chown(partial, like.st_uid, like.st_gid)
    partial.chmod(like.st_mode & 0o666)
    partial.replace(path)


def with_names(text: str, names: Iterable[str]) -> str:
    """A list with more names at its end; those that it has stay where they are."""
    new = [name for name in names if name not in parse(text, "")[0]]
    body = text if not new or not text or text.endswith("\n") else text + "\n"
    return body + "".join(f"{name}\n" for name in new)


def without_names(text: str, names: Iterable[str]) -> str:
    """A list without the lines of these names; all other lines stay as they are."""
    gone, lines = set(names), text.splitlines(keepends=True)
    kept = "".join(line for line in lines if not gone & set(parse(line, "")[0]))
    return kept if kept in (text, "") or kept.endswith("\n") else kept + "\n"  # it is whole


def with_other_name(text: str, old: str, new: str) -> str:
    """A list with another name in the place of one."""
    lines = text.splitlines(keepends=True)
    return "".join(f"{new}\n" if old in parse(line, "")[0] else line for line in lines)
