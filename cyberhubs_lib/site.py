"""What the operator wants of one hub: the keys of a site file, with their types and defaults.

`sites/example.yaml` explains every key; site_host.py has those of the machine, sitefile.py reads the
file.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from .errors import SettingsError
from .site_host import Docker, Memory, Part, Storage, System

REPOSITORY = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"  # of the images that this release makes and expects

Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9](-?[A-Za-z0-9])*$", max_length=39)]


class Account(Part):
    """A person of the stand-in for GitHub."""

    login: Login
    name: str = ""
    id: int = Field(default=1, ge=1)


class GitHub(Part):
    """GitHub login: the OAuth application. The secret is in a file or the environment, not here."""

    provider: Literal["github"] = "github"
    url: str = "https://github.com"
    client_id: str = ""
    client_secret_file: str = ""
    standin: list[Account] = []


class Limits(Part):
    """What one user's server may use."""

    memory: Memory = "2G"
    cpus: float = Field(default=2.0, gt=0)
    processes: int = Field(default=512, ge=64)


class Culling(Part):
    """When an idle server is stopped; 0 is never."""

    idle_minutes: int = Field(default=60, ge=0)
    max_age_hours: int = Field(default=0, ge=0)


class Choice(Part):
    """One line of the menu that a user sees before a server starts."""

    title: str
    image: str = f"cyberhubs/corehub:{VERSION}"
    interface: Literal["lab", "notebook"] = "lab"


class Images(Part):
    """Where images come from: built on the host, pulled by it, or copied from here."""

    source: Literal["build", "pull", "copy"] = "build"
    base: str = ""


class Docs(Part):
    """The book on the hub itself, under /docs."""

    readers: Literal["nobody", "users", "everyone"] = "nobody"
    hide: list[Literal["logins", "addresses", "hosts"]] = []


class Site(Part):
    """Everything that makes this hub different from another; defaults are the documented ones."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")] = "default"
    title: str = Field(default="", max_length=80)
    contact: str = Field(default="", max_length=200)
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
    system: System = System()
    storage: Storage = Storage()
    docker: Docker = Docker()
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
