"""The parameters of a runbook: checked before anything is touched.

papermill only logs an unknown parameter and passes `false` as a string, which Python takes for true.
So a runbook's first cell hands its values to a model, and the cell that papermill injected is
compared with the same model.
"""

from __future__ import annotations

import ast
from datetime import datetime, timezone
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from .errors import SettingsError
from .site_host import DEVICE


class Params(BaseModel):
    """What every runbook takes."""

    model_config = ConfigDict(extra="forbid")

    host: str = ""
    site: str = ""
    dry_run: bool = False


class SystemParams(Params):
    """Runbook 02: whether it may restart the host."""

    allow_reboot: bool = False


class HubParams(Params):
    """Runbook 06: after how many days a secret made on the host is made anew; 0 is never."""

    rotate_days: Annotated[int, Field(ge=0)] = 0


class StorageParams(Params):
    """Runbook 03: the disk, its name once more to format it, and whether containers may stop."""

    device: Annotated[str, Field(pattern=DEVICE)] = ""
    confirm: str = ""
    stop_containers: bool = False


LOGINS = r"^[A-Za-z0-9_@, -]*$"  # logins with commas between


CLOSED = "closed"


def _time(text: str) -> str:
    if text in ("", CLOSED):
        return text
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise ValueError(
            f"write it with its zone, as 2026-12-01T18:00+01:00; {CLOSED} closes an open window"
        )
    if when <= datetime.now(timezone.utc):
        raise ValueError("that time is over")
    return text


class AccessParams(Params):
    """Runbook 10: who is let in and who is not, logins with commas between."""

    allow: Annotated[str, Field(pattern=LOGINS)] = ""
    block: Annotated[str, Field(pattern=LOGINS)] = ""
    unblock: Annotated[str, Field(pattern=LOGINS)] = ""
    remove: Annotated[str, Field(pattern=LOGINS)] = ""
    admin: Annotated[str, Field(pattern=LOGINS)] = ""
    unadmin: Annotated[str, Field(pattern=LOGINS)] = ""
    open_until: Annotated[str, AfterValidator(_time)] = ""
    on_close: Annotated[str, Field(pattern="^(allow|review)$")] = "allow"
    stop_servers: bool = False
    files: Annotated[str, Field(pattern="^(keep|archive|delete)$")] = "keep"
    rename: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+:[A-Za-z0-9_-]+)?$")] = ""
    explain: Annotated[str, Field(pattern=LOGINS)] = ""
    confirm: str = ""


P = TypeVar("P", bound=Params)


def check(model: type[P], given: dict[str, object]) -> P:
    """The parameters as a model. Raises SettingsError naming each unknown or ill-typed one."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise SettingsError(
            "; ".join(_problem(problem) for problem in error.errors()),
            expected="parameters " + describe(model),
            todo="correct the -p arguments, or the cell tagged `parameters`; nothing was touched",
        ) from None


def _problem(problem: object) -> str:
    name = ".".join(str(p) for p in problem["loc"])  # type: ignore[index]
    if problem["type"] == "extra_forbidden":  # type: ignore[index]
        return f"{name!r} is not a parameter of this runbook"
    return f"{name} = {problem['input']!r}: {problem['msg']}"  # type: ignore[index]


def describe(model: type[Params]) -> str:
    """Names and types: "host (str), dry_run (bool)"."""
    fields = model.model_fields.items()
    return ", ".join(f"{name} ({getattr(f.annotation, '__name__', '?')})" for name, f in fields)


def injected(cells: list[str]) -> set[str]:
    """The names that papermill assigned: its cell begins with the line `# Parameters`."""
    names: set[str] = set()
    for source in cells:
        if source.startswith("# Parameters\n"):
            targets = [n.targets for n in ast.parse(source).body if isinstance(n, ast.Assign)]
            names |= {t.id for group in targets for t in group if isinstance(t, ast.Name)}
    return names
