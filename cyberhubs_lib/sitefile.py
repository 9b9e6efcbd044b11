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
    path = file_of(name)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in SITES.glob("*.yaml")))
        raise SettingsError(
            f"there is no site file {path}",
            expected=f"a path, or one of: {known}",
            todo="copy sites/example.yaml and change what is different with you",
        )
    local = local_of(path)
    trees = {file: _read(file) for file in (path, local) if file == path or file.is_file()}
    keys = {key: value for tree in trees.values() for key, value in tree.items()}
    try:
        return Site.model_validate({"name": path.stem, **keys})
    except ValidationError as error:
        raise SettingsError(
            f"{path} cannot be used:\n" + "\n".join(_lines(error, trees)),
            expected="what sites/example.yaml explains",
            todo="correct these lines; nothing was touched",
        ) from None


def file_of(name: str) -> Path:
    """sites/NAME.yaml, or the path that `name` is."""
    is_path = "/" in name or name.endswith((".yaml", ".yml"))
    return Path(name).expanduser() if is_path else SITES / f"{name}.yaml"


def local_of(path: Path) -> Path:
    """The file beside a site file whose keys replace its own on this machine; not in git."""
    return path.with_suffix(".local.yaml")


def _read(path: Path) -> dict[str, object]:
    """One file as a tree that knows its lines; an empty one has no keys."""
    try:
        data = YAML(typ="rt").load(path.read_text())
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}",
            expected="a file that this account may read",
            todo="look at its owner and mode",
        ) from None
    except (YAMLError, ValueError) as error:
        said = re.sub(r"\s+", " ", str(error))[:300]
        raise SettingsError(
            f"{path} is not YAML: {said}",
            expected="lines of the form `key: value`, indented with spaces",
            todo="look at the line named above; a missing space after `:` is the usual cause",
        ) from None
    if data is not None and not isinstance(data, dict):
        raise SettingsError(
            f"{path} cannot be used: it holds a list or a word",
            expected="lines of the form `key: value`",
            todo="start from sites/example.yaml",
        )
    return data or {}


def _lines(error: ValidationError, trees: dict[Path, dict[str, object]]) -> list[str]:
    """One line for each mistake: key, line, and the file if it is .local.yaml that has the key."""
    main, *local = trees
    lines = []
    for problem in error.errors():
        place = problem["loc"]
        file = next((f for f in local if place and place[0] in trees[f]), main)
        where = f"{'' if file == main else f'{file.name}, '}line {_line(trees[file], place)}"
        key = ".".join(str(p) for p in place) or "the whole file"
        said = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            said = f"this key is not known; known here are {', '.join(_known(place))}"
        elif not isinstance(problem["input"], dict):
            said += f" (found {str(problem['input'])!r})"
        lines.append(f"    {where}: {key}: {said}")
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
