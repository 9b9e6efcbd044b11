"""The parameters of a runbook: checked before anything is touched.

papermill only logs an unknown parameter and passes `false` as a string, which Python takes for true.
So a runbook's first cell hands its values to a model, and the cell that papermill injected is
compared with the same model.
"""

from __future__ import annotations

import ast
from datetime import datetime, timezone
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

from . import logins
from .errors import SettingsError
from .site_host import DEVICE
from .site_types import like


class Params(BaseModel):
    """What every runbook takes."""

    model_config = ConfigDict(extra="forbid")

    host: str = ""
    site: str = ""
    dry_run: bool = False


class SystemParams(Params):
    """Runbook 02: whether it may restart the host."""

    allow_reboot: bool = False


class ProofParams(Params):
    """Runbooks 08 and 09: whether to prove what was proven before and has not changed since."""

    prove: bool = False


class HubParams(Params):
    """Runbook 06: after how many days a secret made on the host is made anew; 0 is never."""

    rotate_days: Annotated[int, Field(ge=0)] = 0


class StorageParams(Params):
    """Runbook 03: the disk, its name once more to format it, and whether containers may stop."""

    device: Annotated[
        str,
        like(DEVICE, "a disk such as /dev/vdb or /dev/disk/by-id/NAME, or UUID=... of a volume"),
    ] = ""
    confirm: str = ""
    stop_containers: bool = False


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
            f"a time with its zone, as 2026-12-01T18:00+01:00, or {CLOSED} to end an open window"
        )
    if when <= datetime.now(timezone.utc):
        raise ValueError("a time that is still to come")
    return text


def _logins(text: str, info: ValidationInfo) -> str:
    logins.of_list(text, info.field_name or "")
    return text


def _renamed(text: str) -> str:
    if not text:
        return text
    if text.count(":") != 1:
        raise ValueError("the old login and the new one, as ben:benjamin")
    return ":".join(logins.read((f"rename = {text!r}: ", name) for name in text.split(":")))


LOGINS = AfterValidator(_logins)
Logins = Annotated[str, LOGINS]  # with commas between


class AccessParams(Params):
    """Runbook 10: who may log in and who may not."""

    allow: Logins = ""
    block: Logins = ""
    unblock: Logins = ""
    remove: Logins = ""
    admin: Logins = ""
    unadmin: Logins = ""
    open_until: Annotated[str, AfterValidator(_time)] = ""
    on_close: Annotated[str, like("allow|review", "allow or review")] = "allow"
    stop_servers: bool = False
    files: Annotated[str, like("keep|archive|delete", "keep, archive or delete")] = "keep"
    rename: Annotated[str, AfterValidator(_renamed)] = ""
    explain: Logins = ""
    confirm: str = ""


P = TypeVar("P", bound=Params)


def check(model: type[P], given: dict[str, object]) -> P:
    """The parameters as a model. Raises SettingsError naming each unknown or ill-typed one."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problems = [_problem(problem, model) for problem in error.errors()]
        raise SettingsError(
            "; ".join(found for found, _ in problems),
            expected="; ".join(dict.fromkeys(wanted for _, wanted in problems)),
            todo="correct the -p arguments, or the cell tagged `parameters`; nothing was touched",
        ) from None


KINDS = {"bool": "True or False", "int": "a whole number, 0 or more", "str": "a text"}


def _problem(problem: Any, model: type[Params]) -> tuple[str, str]:
    """What was found, and what was expected, in our words instead of pydantic's."""
    name = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return f"{name!r} is not a parameter of this runbook", f"parameters {describe(model)}"
    kind = KINDS.get(getattr(model.model_fields[name].annotation, "__name__", ""), "")
    wanted = problem["ctx"]["error"] if problem["type"] == "value_error" else kind
    return f"{name} = {problem['input']!r}", f"{name}: {wanted}"


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
