"""What the operator wants of one hub: the keys of a site file, with their types and defaults.

`sites/example.yaml` explains every key; site_host.py has those of the machine, site_login.py of the
login, site_limits.py and site_isolation.py of users' servers; site_types.py has the forms of single
values, sitefile.py reads the file.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from .errors import SettingsError
from .site_certificate import OURS, Certificate, check_address, check_subdomains
from .site_host import Docker, Part, Storage, System
from .site_images import Choice, Images
from .site_isolation import Isolation
from .site_limits import Culling, Limits
from .site_login import Provider
from .site_mounts import Mount, check_places
from .site_types import (
    Login,
    Uid,
    WebAddress,
    is_loopback,
    is_private,
)

REPOSITORY = Path(__file__).resolve().parent.parent


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
    certificate: Certificate = Certificate()  # before public_url, which is checked against it
    public_url: Annotated[WebAddress, Field(validate_default=True)] = "http://127.0.0.1:8000"
    subdomains: bool = False
    bind_address: str = ""
    server_dir: Annotated[str, Field(pattern=r"^([~]?/[A-Za-z0-9._/-]+)?$")] = ""
    data_root: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._/-]+|[a-z0-9][a-z0-9_.-]*)$")] = "/mnt"
    uid: Uid = 1000
    gid: Uid = 1000
    extra_packages: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]] = []
    ca_certificates: list[str] = []
    system: System = System()
    storage: Storage = Storage()
    docker: Docker = Docker()
    mounts: list[Mount] = []
    images: Images = Images()
    login: Provider = Provider()
    access: Literal["listed", "open"] = "listed"
    admins: list[Login] = []
    allowed_users: list[Login] = []
    blocked_users: list[Login] = []
    limits: Limits = Limits()
    isolation: Isolation = Isolation()
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
    def _fits_its_certificate(cls, url: str, info: ValidationInfo) -> str:
        if "certificate" in info.data:
            check_address(info.data["certificate"], url)
        return url

    @field_validator("storage")
    @classmethod
    def _holds_the_data(cls, storage: Storage, info: ValidationInfo) -> Storage:
        root = info.data.get("data_root", "")
        mount = storage.volumes[0].mount if storage.volumes else ""
        if mount and root.startswith("/") and not f"{root}/".startswith(f"{mount}/"):
            raise ValueError(
                f"users' files belong on the first volume, which is mounted at {mount}, but"
                f" data_root is {root}; set data_root: {mount}"
            )
        return storage

    @field_validator("menu")
    @classmethod
    def _can_be_told_apart(cls, menu: list[Choice]) -> list[Choice]:
        titles = [choice.title for choice in menu]
        twice = next((title for title in titles if titles.count(title) > 1), None)
        if twice:
            raise ValueError(f"give each entry a title of its own, not twice {twice!r}")
        return menu

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

    @model_validator(mode="after")
    def _subdomains_are_possible(self) -> Site:
        if self.subdomains:
            check_subdomains(self.certificate, self.public_url)
        return self

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Site:
        plain = self.public_url.startswith("http:")
        if self.login.provider == "password" and plain and not is_loopback(self.public_name):
            raise ValueError(
                "login.provider password sends the password, so it needs https: write"
                f" public_url: https://{self.public_name} (certificate.mode: internal is one way)"
            )
        return self

    @model_validator(mode="after")
    def _members_are_fewer_than_everybody(self) -> Site:
        if self.login.organizations and self.access == "open":
            raise ValueError(
                "login.organizations lets members in, and access: open everybody; remove one of them"
            )
        return self

    @model_validator(mode="after")
    def _limits_have_a_disk(self) -> Site:
        if self.limits.disk and self.in_volume:
            raise ValueError("limits.disk needs a data_root that is a path, like /mnt")
        return self

    @model_validator(mode="after")
    def _mounts_have_places(self) -> Site:
        check_places(self.mounts, self.data_root)
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
    def public_name(self) -> str:
        """The name in the public address."""
        return urlsplit(self.public_url).hostname or ""

    def name_below(self, label: str) -> str:
        """Where a user's server or a service is: a name of its own with subdomains, else the one."""
        return f"{label}.{self.public_name}" if self.subdomains else self.public_name

    def _below(self, label: str) -> str:
        parts = urlsplit(self.public_url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{self.name_below(label)}{port}" if self.subdomains else ""

    def server_url(self, user: str) -> str:
        """The address of a user's server. `user` is letters, digits and -: a label of a name."""
        return f"{self._below(user) or self.public_url}/user/{user}"

    def service_url(self, service: str) -> str:
        """The address of a service of the hub; without subdomains a path."""
        return f"{self._below(f'{service}--service')}/services/{service}/"

    @property
    def certificate_mode(self) -> str:
        """none, automatic, own, internal or elsewhere."""
        return self.certificate.of(self.public_url)

    @property
    def speaks_https(self) -> bool:
        """Whether the hub's own front door does, and not another server before it."""
        return self.certificate_mode in OURS

    @property
    def in_volume(self) -> bool:
        """Whether users' files are in a Docker volume (a name without a slash), as the demo's are."""
        return not self.data_root.startswith("/")

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
