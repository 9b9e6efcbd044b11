"""The keys of a site file that say what a user's server is kept from."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from .site_host import Memory, Part
from .site_types import OptionalWebAddress


def _plain_proxy(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme != "http" or not parts.port):
        raise ValueError("write it as http://NAME:PORT")
    return url


class Isolation(Part):
    """Users' servers: the way to the Internet, and what they may write besides the home."""

    internet: Literal["open", "closed", "proxy"] = "open"
    proxy: Annotated[OptionalWebAddress, AfterValidator(_plain_proxy)] = ""
    read_only: bool = True  # the system in a server's container; then /tmp is in memory
    tmp: Memory = "512M"  # the size of that /tmp

    @model_validator(mode="after")
    def _proxy_is_named(self) -> Isolation:
        if (self.internet == "proxy") != bool(self.proxy):
            raise ValueError("internet: proxy goes with the address of one in proxy, and only then")
        return self

    @property
    def internal(self) -> bool:
        """Whether users' networks have no way out."""
        return self.internet != "open"

    @property
    def proxy_place(self) -> str:
        """NAME:PORT of the proxy."""
        return urlsplit(self.proxy).netloc
