"""Kinds of values in a site file for which a plain type is too little; each says what is wanted."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field


def like(pattern: str, wanted: str) -> AfterValidator:
    """A text of this form; `wanted` says it in words."""
    form = re.compile(pattern)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(wanted)
        return text

    return AfterValidator(check)


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    try:
        good = parts.port is None or 0 < parts.port < 65536
    except ValueError:
        good = False
    if not good:
        raise ValueError("the port is a number from 1 to 65535")
    more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or more or not _host_name(parts.hostname or ""):
        raise ValueError("write it as http://NAME, https://NAME or http://NAME:PORT")
    return url.rstrip("/")


def _issuer(url: str) -> str:
    """The address of a server; that of an OpenID issuer may have a path."""
    parts = urlsplit(url)
    if (
        parts.netloc
        and parts.path.strip("/")
        and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+/?", parts.path)
    ):
        raise ValueError("write its path with letters, digits and . _ ~ - only")
    _web_address(parts._replace(path="").geturl() if parts.netloc else url)
    return url.rstrip("/")


def is_address(name: str) -> bool:
    """Whether this is an IP address and not a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_name(name: str) -> bool:
    if ":" in name or name.replace(".", "").isdigit():
        return is_address(name)
    return all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", p) for p in name.split("."))


# The name under which the hub checks itself (runbook 09); server/hub/access.py has it, too.
CHECK_USER = "cyberhubs-check"


def _of_a_person(login: str) -> str:
    if login.lower() == CHECK_USER:  # GitHub does not tell cases apart
        raise ValueError(
            f"{CHECK_USER} is the name under which the hub checks itself, and nobody is let in with"
            " it: this person needs another GitHub login"
        )
    return login


# with _ as in the logins that GitHub Enterprise manages (octocat_acme); its limit is 39
Login = Annotated[
    str,
    like(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}", "a GitHub login: up to 39 letters, digits, - or _"),
    AfterValidator(_of_a_person),
]
WebAddress = Annotated[str, AfterValidator(_web_address)]
OptionalWebAddress = Annotated[str, AfterValidator(lambda url: url and _web_address(url))]
Issuer = Annotated[str, AfterValidator(lambda url: url and _issuer(url))]
# registry:port/group/name:tag@digest
IMAGE = (
    r"([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9._-]+(/[a-z0-9._-]+)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[0-9a-f]{64})?"
)
WORDS = "the name of an image, as `docker pull` takes it: cyberhubs/corehub:0.1.0"
ImageName = Annotated[str, like(IMAGE, WORDS)]
OptionalImageName = Annotated[str, like(f"({IMAGE})?", WORDS)]
OptionalRegistry = Annotated[
    str,
    like(r"([a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*)?",
         "write a registry and the path in it, without https://, as ghcr.io/institute"),
]  # fmt: skip
Uid = Annotated[int, Field(ge=1, le=2**32 - 2)]

# as server/hub/login.py has them, which refuses to start with the stand-in anywhere else
PRIVATE_NETWORKS = [
    ipaddress.ip_network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]


def is_loopback(name: str) -> bool:
    """Whether a host name or address never leaves the machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return is_address(name) and ipaddress.ip_address(name).is_loopback


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
