"""The keys of a site file under `certificate`: how the public address comes to its https."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, IPvAnyNetwork, model_validator

from .site_host import Part
from .site_types import is_address, is_private

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
OURS = ("automatic", "own", "internal")  # the modes in which our front door itself speaks https
KEYS = {  # mode -> its keys, which without it would be silently without effect
    "automatic": ("directory", "email", "ca_root", "eab_key_id", "eab_key_file"),
    "own": ("chain_file", "key_file"),
    "elsewhere": ("other_server",),
}
# where another server may be, if nobody says: on this host or not far
NEAR = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")


class Certificate(Part):
    """Who vouches for the public address. Files are on the operator's machine; no key is in here."""

    mode: Literal["", "none", "automatic", "own", "internal", "elsewhere"] = ""
    hsts: Literal["auto", "always", "never"] = "auto"
    # these go into the Caddyfile's text: no blanks, quotes or braces
    directory: Annotated[str, Field(pattern=r"^https://[A-Za-z0-9._:/?=&%~\[\]-]+$")] = LETS_ENCRYPT
    email: Annotated[str, Field(pattern=r"^([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+)?$")] = ""
    ca_root: str = ""
    eab_key_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+/=:-]*$")] = ""
    eab_key_file: str = ""
    chain_file: str = ""
    key_file: str = ""
    other_server: list[IPvAnyNetwork] = []

    @model_validator(mode="after")
    def _keys_of_its_mode(self) -> Certificate:
        for mode, keys in KEYS.items():
            given = [key for key in keys if getattr(self, key) not in ("", [], LETS_ENCRYPT)]
            if given and self.mode != mode and (self.mode, mode) != ("", "automatic"):
                raise ValueError(f"{given[0]} goes with mode: {mode}; add that, or remove the key")
        if self.mode == "own" and not (self.chain_file and self.key_file):
            raise ValueError("mode: own needs chain_file and key_file, two files on this machine")
        if self.eab_key_file and not self.eab_key_id:
            raise ValueError("eab_key_file needs eab_key_id, which your authority gave with it")
        return self

    def of(self, public_url: str) -> str:
        """The mode that holds for this address."""
        return self.mode or ("automatic" if public_url.startswith("https:") else "none")

    def behind(self, public_url: str) -> list[str]:
        """Networks of a server before ours, whose word on a visitor's address counts."""
        if self.of(public_url) != "elsewhere":
            return []
        return [str(net) for net in self.other_server] or list(NEAR)


def check_address(certificate: Certificate, public_url: str) -> None:
    """Raises ValueError where address and certificate contradict each other."""
    mode = certificate.of(public_url)
    name = urlsplit(public_url).hostname or ""
    if public_url.startswith("https:") and mode == "none":
        raise ValueError(
            "https needs a certificate; leave certificate.mode out to get one by itself, or set it to"
            " own, internal, or elsewhere if another server does the https for this one"
        )
    if public_url.startswith("http:") and mode != "none":
        raise ValueError(f"certificate.mode {mode} is for https; write https://{name}")
    if mode != "automatic":
        return
    if name.endswith(".amazonaws.com"):
        raise ValueError(
            "no authority gives a certificate for a name of Amazon's (amazonaws.com), which is not"
            " yours; take a name of your own domain and let it lead to the server"
        )
    if is_address(name) or "." not in name:
        raise ValueError(
            f"a certificate is got for a name like hub.example.org, not for {name}; take a name, or"
            " certificate.mode own or internal"
        )
    if is_private(name) and certificate.directory == LETS_ENCRYPT:
        raise ValueError(
            f"{name} cannot be seen from outside, so Let's Encrypt gives it no certificate; set"
            " certificate.mode to internal or own, or certificate.directory to your own authority"
        )


def check_subdomains(certificate: Certificate, public_url: str) -> None:
    """Raises ValueError where users' servers can have no names below that of the address."""
    name = urlsplit(public_url).hostname or ""
    if is_address(name) or "." not in name:
        raise ValueError(
            f"subdomains needs a name below which others can be, like hub.example.org, not {name};"
            " for a trial on this machine take hub.localhost"
        )
    if certificate.of(public_url) == "automatic":
        raise ValueError(
            f"subdomains needs a certificate for *.{name}, and the front door can get none by itself:"
            " an authority gives it only to who can change the domain's DNS records, and one for each"
            " user soon meets its limits; get such a certificate and set certificate.mode to own (or"
            " internal, or elsewhere)"
        )
