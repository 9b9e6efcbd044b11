"""Small JSON files in the volume of the hub's state, which outlive the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def keep(path: Path, content: Any) -> None:
    """Replace the file at once."""
    path.with_suffix(".new").write_text(json.dumps(content))
    path.with_suffix(".new").replace(path)


def kept(path: Path) -> Any:
    """What was kept; None if nothing was, or it cannot be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
