"""The one table of runbooks: validation, help, the page test and the drivers read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import SettingsError
from .params import AccessParams, HubParams, Params, ProofParams, StorageParams, SystemParams
from .recipes import (
    certificates,
    configure_hub,
    get_images,
    install_docker,
    launch_hub,
    manage_access,
    mount_data,
    prepare_os,
    prepare_storage,
    start_here,
)
from .recipes.recipe import Maker
from .site import REPOSITORY

RUNBOOKS_DIR = REPOSITORY / "runbooks"


@dataclass(frozen=True)
class Entry:
    """A runbook: the model of its parameters, and what it wants.

    `root`: its questions and changes need root; the hub's own runbooks do not on localhost, where
    the demo must not touch the operating system.
    """

    recipe: Maker
    params: type[Params] = Params
    root: str = "always"


RUNBOOKS: dict[str, Entry] = {
    "00_start_here": Entry(start_here.recipe, root="never"),
    "02_prepare_os": Entry(prepare_os.recipe, SystemParams),
    "03_prepare_storage": Entry(prepare_storage.recipe, StorageParams),
    "04_install_docker": Entry(install_docker.recipe),
    "05_mount_data": Entry(mount_data.recipe),
    "06_configure_hub": Entry(configure_hub.recipe, HubParams, root="remote"),
    "07_certificates": Entry(certificates.recipe, root="remote"),
    "08_get_images": Entry(get_images.recipe, ProofParams, root="remote"),
    "09_launch_hub": Entry(launch_hub.recipe, ProofParams, root="remote"),
    "10_manage_access": Entry(manage_access.recipe, AccessParams, root="remote"),
}


def entry(name: str) -> tuple[str, Entry]:
    """The runbook called `name`: its stem, its number, or a path. Raises SettingsError."""
    stem = Path(name).stem if name.endswith(".ipynb") else name
    for known, found in RUNBOOKS.items():
        if stem in (known, known[:2], known[3:]):
            return known, found
    raise SettingsError(
        f"there is no runbook {name!r}",
        expected="one of " + ", ".join(RUNBOOKS),
        todo="correct the name",
    )


def path(name: str) -> Path:
    """The notebook of a runbook."""
    return RUNBOOKS_DIR / f"{name}.ipynb"
