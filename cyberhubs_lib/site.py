"""What the operator wants: one YAML file a site, checked before anything is touched.

`sites/example.yaml` explains every key. Unknown keys are refused: a misspelt one would be silently
without effect.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML, YAMLError

from .errors import SettingsError

REPOSITORY = Path(__file__).resolve().parent.parent
SITES = REPOSITORY / "sites"
VERSION = "0.1.0"  # of the images that this release makes and expects

Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9](-?[A-Za-z0-9])*$", max_length=39)]
# plain names only: they go into fstab, unit files and shell text
AbsolutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")]
Memory = Annotated[str, Field(pattern=r"^[1-9][0-9]*[KMGT]$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Volume(_Part):
    """A disk that runbook 03 may format, and where it is mounted."""

    device: Annotated[str, Field(pattern=r"^/dev/[^\s]+$")]
    mount: AbsolutePath = "/mnt"


class Storage(_Part):
    """The data volumes; the first is the one for users' files and Docker."""

    volumes: list[Volume] = []


class Account(_Part):
    """A person of the stand-in for GitHub."""

    login: Login
    name: str = ""
    id: int = Field(default=1, ge=1)


class GitHub(_Part):
    """GitHub login: the OAuth application. The secret is in a file or the environment, not here."""

    provider: Literal["github"] = "github"
    url: str = "https://github.com"
    client_id: str = ""
    client_secret_file: str = ""
    standin: list[Account] = []


class Limits(_Part):
    """What one user's server may use."""

    memory: Memory = "2G"
    cpus: float = Field(default=2.0, gt=0)
    processes: int = Field(default=512, ge=64)


class Culling(_Part):
    """When an idle server is stopped; 0 is never."""

    idle_minutes: int = Field(default=60, ge=0)
    max_age_hours: int = Field(default=0, ge=0)


class Choice(_Part):
    """One line of the menu that a user sees before a server starts."""

    title: str
    image: str = f"cyberhubs/corehub:{VERSION}"
    interface: Literal["lab", "notebook"] = "lab"


class Images(_Part):
    """Where images come from: built on the host, pulled by it, or copied from here."""

    source: Literal["build", "pull", "copy"] = "build"
    base: str = ""


class Docs(_Part):
    """The book on the hub itself, under /docs."""

    readers: Literal["nobody", "users", "everyone"] = "nobody"
    hide: list[Literal["logins", "addresses", "hosts"]] = []


class Site(_Part):
    """Everything that makes this hub different from another; defaults are the documented ones."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")] = "default"
    host: str = ""
    identity_file: str = ""
    accept_new_host_key: bool = False
    service_user: Annotated[str, Field(pattern=r"^([a-z_][a-z0-9_-]{0,31})?$")] = ""
    public_url: str = "http://127.0.0.1:8000"
    bind_address: str = ""
    server_dir: Annotated[str, Field(pattern=r"^([~]?/[A-Za-z0-9._/-]+)?$")] = ""
    data_root: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._/-]+|[a-z0-9][a-z0-9_.-]*)$")] = "/mnt"
    uid: int = Field(default=1000, ge=1)
    gid: int = Field(default=1000, ge=1)
    extra_packages: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]] = []
    ca_certificates: list[str] = []
    storage: Storage = Storage()
    images: Images = Images()
    login: GitHub = GitHub()
    admins: list[Login] = []
    allowed_users: list[Login] = []
    blocked_users: list[Login] = []
    limits: Limits = Limits()
    culling: Culling = Culling()
    menu: list[Choice] = Field(
        default=[
            Choice(title="JupyterLab"),
            Choice(title="Notebook", interface="notebook"),
        ],
        min_length=1,
    )
    docs: Docs = Docs()

    @field_validator("public_url")
    @classmethod
    def _url(cls, url: str) -> str:
        parts = urlsplit(url)
        try:
            good = parts.port is None or 0 < parts.port < 65536
        except ValueError:
            good = False
        if not good:
            raise ValueError("the port is a number from 1 to 65535")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError("write it as http://NAME, https://NAME or http://NAME:PORT")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _standin_stays_inside(self) -> Site:
        if self.login.standin and not is_private(urlsplit(self.public_url).hostname or ""):
            raise ValueError(
                "login.standin lets everybody in who can reach the hub, so it goes only with a"
                f" private public_url, not {self.public_url}; remove login.standin"
            )
        if self.login.standin and self.bind_address and not is_private(self.bind_address):
            raise ValueError(
                f"login.standin goes only with a private bind_address, not {self.bind_address}"
            )
        return self

    @field_validator("bind_address")
    @classmethod
    def _address(cls, address: str) -> str:
        if address:
            ipaddress.ip_address(address)
        return address

    @property
    def port(self) -> int:
        """The port that the hub answers on."""
        parts = urlsplit(self.public_url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def project(self) -> str:
        """The name of the compose project."""
        return f"cyberhubs-{self.name}"

    def directory(self, home: str) -> str:
        """Where the hub's settings live on the host; `home` is the login user's."""
        return (self.server_dir or f"/opt/cyberhubs/{self.name}").replace("~", home, 1)

    def certificates(self) -> list[Path]:
        """The certificate authorities that hosts and images must trust besides the usual ones."""
        found: list[Path] = []
        for pattern in self.ca_certificates:
            path = Path(pattern).expanduser()
            matches = sorted(path.parent.glob(path.name))
            if not matches and "*" not in pattern:
                raise SettingsError(
                    f"ca_certificates: {pattern} is not there",
                    expected="PEM files ending in .crt on this machine",
                    todo="correct the path in the site file",
                )
            found += matches
        return found


# as server/hub/login.py has them, which refuses to start with the stand-in anywhere else
PRIVATE_NETWORKS = [
    ipaddress.ip_network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]


def is_private(name: str) -> bool:
    """Whether a host name or address can only be reached from inside (loopback, RFC 1918, .test)."""
    if name == "localhost" or name.endswith((".localhost", ".test", ".internal")):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or any(
        address.version == net.version and address in net for net in PRIVATE_NETWORKS
    )


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
