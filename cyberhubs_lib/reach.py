"""Does the public name lead to the host, and can its ports be reached: asked from this machine."""

from __future__ import annotations

import ipaddress
import socket

from fabric import Connection

from .check import Check
from .host import LOCAL
from .loopback import localhost_names
from .report import Row
from .site import Site
from .site_types import CHECK_USER
from .transport import Result

SECONDS = 5
# shell text: the host's own addresses, one a line
OWN = "ip -o addr show scope global 2>/dev/null | tr -s ' ' | cut -d' ' -f4 | cut -d/ -f1"


@localhost_names()
def addresses(name: str) -> set[str]:
    """What the name leads to, as this machine sees it; nothing if there is no such name."""
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, None)}
    except (OSError, UnicodeError):
        return set()


def by_ssh(target: str) -> set[str]:
    """The addresses at which ssh finds the host; ~/.ssh/config counts."""
    return {"127.0.0.1", "::1"} if target in LOCAL else addresses(Connection(target).host)


def verdict(found: set[str], own: set[str], ssh: set[str]) -> tuple[str, str]:
    """Whether a name that leads to `found` leads to the host: status of a row, and why.

    In a cloud the host may only know a private address while a public one is translated to it (NAT).
    Then the address that ssh uses counts, and if that is another one it cannot be told: a warning.
    """
    if not found:
        return "failed", "no such name"
    where = ", ".join(sorted(found))
    stray = found - own - ssh
    if not stray:
        return "ok", f"{where}, {'the host' if found <= own else 'where ssh finds it'}"
    known = f"the host has {', '.join(sorted(own)) or 'none'}; ssh goes to {', '.join(sorted(ssh))}"
    behind_nat = found == stray and not any(map(_public, own)) and all(map(_public, stray))
    return "warning" if behind_nat else "failed", f"{', '.join(sorted(stray))}, but {known}"


def _loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _public(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_global


class LeadsToHost(Check):
    """The requirement that the public name leads to the host."""

    def row(self, answer: Result) -> Row:
        """With a warning where it cannot be told."""
        found = self.expect(answer)[1]
        status, _, words = found.partition(" ")
        if status == "failed" and not self.hard:
            status = "warning"
        return Row(self.label, words, self.wanted, status, "" if status == "ok" else self.todo)


def leads_to_host(site: Site, target: str, hard: bool) -> Check:
    """`target`: as ssh knows the host."""

    def expect(answer: Result) -> tuple[bool, str]:
        own, found = set(answer.out.split()), addresses(site.public_name)
        if target in LOCAL:
            own |= {address for address in found if _loopback(address)}
        status, words = verdict(found, own, by_ssh(target))
        return status == "ok", f"{status} {words}"

    return LeadsToHost(
        f"{site.public_name} leads to", OWN, expect, "this host, and nowhere else",
        "correct the name's A record (and AAAA, which authorities prefer) where your domain is looked"
        " after; a change may take an hour to be seen. Behind NAT: it must be the public address",
        hard,
    )  # fmt: skip


def names_below_lead_there(site: Site) -> Check:
    """With subdomains: whatever is put before the name leads where the name leads."""
    name = site.public_name

    def expect(answer: Result) -> tuple[bool, str]:
        found = addresses(site.name_below(CHECK_USER))
        return found == addresses(name) != set(), ", ".join(sorted(found)) or "no such name"

    return Check(
        f"*.{name} leads to", "true", expect, f"where {name} leads",
        f"your domain needs a record for *.{name}, too, of the same address",
    )  # fmt: skip


@localhost_names()
def knock(name: str, port: int) -> tuple[bool, str]:
    """Whether packets reach a port: "refused" came back from the host, "no answer" did not."""
    try:
        socket.create_connection((name, port), timeout=SECONDS).close()
    except ConnectionRefusedError:
        return True, "reached; nobody listens yet"
    except socket.gaierror:
        return False, "no such name"
    except OSError as error:
        silent = isinstance(error, TimeoutError)
        return False, "no answer" if silent else str(error.strerror or error)
    return True, "answers"


def can_be_reached(site: Site, port: int, hard: bool) -> Check:
    """The requirement that people and authorities reach a port, seen from this machine."""
    return Check(
        f"port {port} from here", "true", lambda a: knock(site.public_name, port), "can be reached",
        "open it in your provider's firewall (security group); on the host runbook 02 does",
        hard,
    )  # fmt: skip
