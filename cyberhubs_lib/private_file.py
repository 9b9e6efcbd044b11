"""A file of the operator's that holds a secret: it must be there, and nobody else may read it."""

from __future__ import annotations

from pathlib import Path

from .errors import PreconditionFailed


def read_private(file: str, key: str) -> str:
    """Its text. `key` is the key of the site file that names it, for the message.

    Raises PreconditionFailed; the text itself is never shown.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise PreconditionFailed(
            f"{key}: {path} is not there",
            expected="a file that holds the secret and that only you can read",
            todo=f"make it: install -D -m 600 /dev/stdin {path}, paste, Ctrl-D",
        )
    if path.stat().st_mode & 0o077:
        raise PreconditionFailed(
            f"{path} can be read by others", expected="mode 600", todo=f"chmod 600 {path}"
        )
    return path.read_text().strip()
