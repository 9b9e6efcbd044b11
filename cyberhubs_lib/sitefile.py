"""Read a site file, and say of every mistake in it where it is and how to put it right."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML, YAMLError

from .errors import SettingsError
from .site import REPOSITORY, Site

SITES = REPOSITORY / "sites"


def load_site(name: str) -> Site:
    """The site called `name` (sites/NAME.yaml), or in the file `name`; "" is all defaults.

    Keys of NAME.local.yaml beside it, which is not in git, replace those of the file.

    Raises SettingsError with file, line, key and the way to put it right.
    """
    if not name:
        return Site()
    path = Path(name).expanduser() if "/" in name or name.endswith((".yaml", ".yml")) else None
    path = path or SITES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in SITES.glob("*.yaml")))
        raise SettingsError(
            f"there is no site file {path}",
            expected=f"a path, or one of: {known}",
            todo="copy sites/example.yaml and change what is different with you",
        )
    data = _read(path)
    try:
        return Site.model_validate({"name": path.stem, **data})
    except ValidationError as error:
        raise SettingsError(
            f"{path} cannot be used:\n" + "\n".join(_lines(error, data)),
            expected="what sites/example.yaml explains",
            todo="correct these lines; nothing was touched",
        ) from None


def _read(path: Path) -> dict[str, object]:
    """The file as a tree that knows its lines, with the keys of its .local.yaml in place."""
    local = path.with_suffix(".local.yaml")
    try:
        data = YAML(typ="rt").load(path.read_text()) or {}
        if local.is_file():
            data.update(YAML(typ="safe").load(local) or {})
    except (YAMLError, ValueError, AttributeError) as error:
        said = re.sub(r"\s+", " ", str(error))[:300]
        raise SettingsError(
            f"{path} is not YAML: {said}",
            expected="lines of the form `key: value`, indented with spaces",
            todo="look at the line named above; a missing space after `:` is the usual cause",
        ) from None
    if not isinstance(data, dict):
        raise SettingsError(
            f"{path} cannot be used: it holds a list or a word",
            expected="lines of the form `key: value`",
            todo="start from sites/example.yaml",
        )
    return data


def _lines(error: ValidationError, data: object) -> list[str]:
    lines = []
    for problem in error.errors():
        place = problem["loc"]
        key = ".".join(str(p) for p in place) or "the whole file"
        said = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            said = f"this key is not known; known here are {', '.join(_known(place))}"
        elif not isinstance(problem["input"], dict):
            said += f" (found {str(problem['input'])!r})"
        lines.append(f"    line {_line(data, place)}: {key}: {said}")
    return lines


def _known(place: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Site
    for part in place[:-1]:
        kind = model.model_fields[part].annotation if isinstance(part, str) else model
        inner = getattr(kind, "__args__", (kind,))[0]
        model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else model
    return sorted(model.model_fields)


def _line(data: object, place: tuple[int | str, ...]) -> int:
    """The line of a key in a round-trip YAML tree; of its nearest parent if it is missing."""
    line = 0
    for part in place:
        try:
            line = data.lc.key(part)[0] if isinstance(part, str) else data.lc.item(part)[0]  # type: ignore[attr-defined]
            data = data[part]  # type: ignore[index]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line + 1
