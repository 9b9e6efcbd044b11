"""Proofs of the certificate that is served: asked from outside, as a browser and a clock see it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from cryptography import x509

from .check import Check
from .front_door import http_port
from .loopback import localhost_names
from .own_certificate import Pair
from .report import Row
from .served import refusal, shown, trust
from .shell import sh
from .site import Site
from .site_types import CHECK_USER
from .transport import Result
from .x509_facts import called, covers, fingerprint, left, names

ROOT = "/data/caddy/pki/authorities/local/root.crt"  # of Caddy's own authority, in its container
MARK = "-----BEGIN CERTIFICATE-----"

# the front door, if it runs: the root of its own authority, and what it said last about a failure
QUESTION = """
c=$(docker ps -q --filter {} --filter label=com.docker.compose.service=caddy 2>/dev/null)
[ -n "$c" ] || exit 0
echo runs
docker exec "$c" cat {} 2>/dev/null
docker logs --tail 300 "$c" 2>&1 | grep '"level":"error"' | grep '"logger":"tls' | tail -n 1
"""


def question(site: Site) -> str:
    """Shell text; what it prints is for `Door.of`."""
    return sh(QUESTION, f"label=com.docker.compose.project={site.project}", ROOT)


@dataclass(frozen=True)
class Door:
    """The front door: whether it runs, its own root (PEM), and its last error about certificates."""

    runs: bool
    root: str
    error: str

    @staticmethod
    def of(answer: Result) -> Door:
        """From what the question printed."""
        first, _, rest = answer.out.strip().partition("\n")
        lines = rest.splitlines()
        root = "\n".join(line for line in lines if not line.startswith("{"))
        said = [line for line in lines if line.startswith("{")]
        return Door(first == "runs", root if MARK in root else "", _error(said[-1]) if said else "")


def _error(line: str) -> str:
    """The authority's own words (RFC 8555), if it said any, without Caddy's prefix and suffix."""
    try:
        said = str(json.loads(line).get("error", ""))
    except ValueError:
        return ""
    begin = max(said.find("urn:ietf:params:acme"), 0)
    return said[begin:].partition(" (ca=")[0][:300]


class Served(Check):
    """A question to the front door from outside; while it does not run there is nothing to ask."""

    def row(self, answer: Result) -> Row:
        """Skipped if the front door does not run."""
        if not Door.of(answer).runs:
            todo = "09_launch_hub starts the front door; run this again after it, or `drift`"
            return Row(self.label, "not served yet", self.wanted, "skipped", todo)
        return super().row(answer)


FIRST = "issued by"  # says why there is none; the others need not repeat it
Look = Callable[[Door], tuple[bool, str]]


def served_checks(site: Site, pair: Pair | None) -> list[Check]:
    """`pair`: the site's own certificate, if it has one; then that is the one to be served."""
    name, port = site.public_name, site.port
    asked = question(site)

    def check(label: str, look: Look, wanted: str, todo: str) -> Served:
        def expect(answer: Result) -> tuple[bool, str]:
            door = Door.of(answer)
            try:
                return look(door)
            except (OSError, httpx.HTTPError) as error:
                why = f": {door.error or error}" if label == FIRST else ""
                return False, f"no certificate is served{why}"

        return Served(label, asked, expect, wanted, todo)

    def of(say: Callable[[x509.Certificate], tuple[bool, str]]) -> Look:
        return lambda door: say(shown(name, port))

    def trusted(door: Door) -> tuple[bool, str]:
        why = refusal(name, port, trust_of(site, door.root))
        return not why, why or "trusted"

    def trusted_below(door: Door) -> tuple[bool, str]:
        why = refusal(site.name_below(CHECK_USER), port, trust_of(site, door.root))
        return not why, why or "trusted"

    @localhost_names()
    def redirects(door: Door) -> tuple[bool, str]:
        reply = httpx.get(f"http://{_host(name)}:{http_port(site)}/hub/", timeout=10)
        to = reply.headers.get("location", "")
        return to == f"{site.public_url}/hub/", f"HTTP {reply.status_code}"

    logs = f"`./cyberhubs hub logs --site {site.name}` shows what the front door says"
    mine = pair.chain[0] if pair else None
    checks = [
        check(FIRST, of(lambda c: (True, called(c.issuer))), "any authority", logs),
        check("served names", of(lambda c: (covers(c, name), ", ".join(names(c)))), name, logs),
        check("a browser says of it", trusted, "trusted", _todo_trust(site)),
        check("its time", of(left), "more than a quarter left", _todo_time(site)),
        check("http leads to https", redirects, "HTTP 308", logs),
    ]
    if site.subdomains:
        label = f"a browser says of *.{name}"
        checks.append(check(label, trusted_below, "trusted", _todo_trust(site)))
    if mine:
        checks.append(check("the one of the site file",
                            of(lambda c: (c == mine, "yes" if c == mine else "another one")),
                            "yes", "run 06_configure_hub and 09_launch_hub"))  # fmt: skip
    if site.certificate_mode == "internal":
        checks.append(check("root to be trusted, SHA-256", _root, "as people see it", logs))
    return list(checks)


def _root(door: Door) -> tuple[bool, str]:
    if not door.root:
        return False, "not made yet"
    return True, fingerprint(x509.load_pem_x509_certificate(door.root.encode()))


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _todo_trust(site: Site) -> str:
    if site.certificate_mode == "own":
        return "put the missing certificates into chain_file; name your own root in ca_certificates"
    return "does another server answer? If your authority is your own: name it in ca_certificates"


def _todo_time(site: Site) -> str:
    if site.certificate_mode == "own":
        return "get a new one, put it into chain_file and key_file, run this runbook again"
    logs = f"`./cyberhubs hub logs --site {site.name}`"
    return f"it should have been renewed long ago: {logs} shows why it was not"


def trust_of(site: Site, root: str = "") -> ssl.SSLContext:
    """What people of this site trust: the usual, ca_certificates, and `root` in mode internal."""
    return trust(site.certificates(), root if site.certificate_mode == "internal" else "")
