"""The keys of a site file under `login`: who says who somebody is."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from .site_host import Part
from .site_types import Issuer, Login, is_private, like

NAMES = {"github": "GitHub", "gitlab": "GitLab", "password": "the password of all"}
CLAIM = "preferred_username"
KEYS = {  # keys of one provider alone, which without it would be silently without effect
    "oidc": ("title", "username_claim", "username_domain", "username_dots"),
    "github": ("organizations", "organizations_hours"),
    "password": ("password_file", "admin_password_file"),
}
NOT_WITH_PASSWORD = ("url", "client_id", "client_secret_file", "standin")


Organization = Annotated[
    str,
    like(
        r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(:[A-Za-z0-9_.-]{1,100})?",
        "an organisation at GitHub, or ORGANISATION:TEAM, as in its address there",
    ),
    AfterValidator(str.lower),  # GitHub does not tell cases apart
]


class Account(Part):
    """A person of the stand-in for GitHub and the others."""

    login: Login
    name: str = ""
    id: int = Field(default=1, ge=1)
    organizations: list[Organization] = []


class Provider(Part):
    """Who says who somebody is. The application's secret is in a file or the environment, not here."""

    provider: Literal["github", "gitlab", "oidc", "password"] = "github"
    url: Issuer = ""
    title: str = Field(default="", max_length=60)
    client_id: str = ""
    client_secret_file: str = ""
    password_file: str = ""
    admin_password_file: str = ""
    username_claim: Annotated[str, Field(pattern=r"^[A-Za-z0-9_:./-]{1,80}$")] = CLAIM
    username_domain: Annotated[str, Field(pattern=r"^([A-Za-z0-9.-]{1,253})?$")] = ""
    username_dots: bool = False
    organizations: list[Organization] = []
    organizations_hours: int = Field(default=24, ge=1, le=24 * 31)
    standin: list[Account] = []

    @model_validator(mode="after")
    def _keys_of_its_provider(self) -> Provider:
        fields = type(self).model_fields
        for provider, keys in KEYS.items():
            given = [key for key in keys if getattr(self, key) != fields[key].default]
            if given and self.provider != provider:
                raise ValueError(
                    f"{given[0]} goes with provider: {provider}; add that, or remove the key"
                )
        given = [key for key in NOT_WITH_PASSWORD if getattr(self, key)]
        if given and self.provider == "password":
            raise ValueError(f"{given[0]} does not go with provider: password; remove one of them")
        return self

    @model_validator(mode="after")
    def _has_its_address(self) -> Provider:
        parts = urlsplit(self.url)
        if self.provider != "oidc":
            if parts.path:
                raise ValueError(f"url of {self.name}: write it as https://NAME, without a path")
            return self
        if not self.url and not self.standin:
            raise ValueError(
                "provider oidc needs url, the issuer: the address below which"
                " /.well-known/openid-configuration can be read"
            )
        if parts.scheme == "http" and not is_private(parts.hostname or ""):
            raise ValueError(f"url: an issuer is asked by https, so https://{parts.netloc}")
        return self

    @property
    def name(self) -> str:
        """As people call it."""
        return self.title or NAMES.get(self.provider) or urlsplit(self.url).hostname or "OpenID"

    @property
    def address(self) -> str:
        """Of the provider: its public one, or the group's own server."""
        public = self.provider in ("github", "gitlab")
        return self.url or (f"https://{self.provider}.com" if public else "")

    @property
    def scopes(self) -> list[str]:
        """What the hub asks the provider for: no more than who somebody is."""
        more = {"email": ["email"], "sub": []}.get(self.username_claim, ["profile"])
        members = ["read:org"] if self.organizations else []
        asked = {"github": members, "gitlab": ["read_user"], "oidc": ["openid", *more]}
        return asked.get(self.provider, [])
