"""What a certificate says of itself: names, who signed it, how much of its time is left."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtensionOID, NameOID

from .site_types import is_address

ALARM = 1 / 4  # of its lifetime left; Caddy renews at 1/3, so then something does not work


def names(certificate: x509.Certificate) -> list[str]:
    """The names and addresses that it is for. The subject does not count: no browser reads it."""
    try:
        found = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        ).value
    except x509.ExtensionNotFound:
        return []
    assert isinstance(found, x509.SubjectAlternativeName)
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def covers(certificate: x509.Certificate, name: str) -> bool:
    """Whether it is for `name`; `*.example.org` is for one label in place of the star."""
    wanted = {name.lower(), "*." + name.lower().partition(".")[2]}
    if is_address(name):
        wanted = {str(ipaddress.ip_address(name))}
    return any(given.lower() in wanted for given in names(certificate))


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it is a CA, which browsers do not take as a site's certificate."""
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return basic.value.ca


def called(name: x509.Name) -> str:
    """A subject or issuer in short: its common name, or organisation."""
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in name.get_attributes_for_oid(oid):
            return str(attribute.value)
    return name.rfc4514_string() or "nobody"


def left(certificate: x509.Certificate, now: datetime | None = None) -> tuple[bool, str]:
    """Whether more than a quarter of its lifetime is left, and how much in words."""
    now = now or datetime.now(timezone.utc)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        return False, f"valid only from {begin:%Y-%m-%d %H:%M} UTC on"
    if now >= end:
        return False, f"expired on {end:%Y-%m-%d %H:%M} UTC"
    rest, whole = (end - now).total_seconds(), (end - begin).total_seconds()
    return rest > ALARM * whole, f"{_span(rest)} of {_span(whole)} left"


def _span(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256, as browsers show it."""
    return certificate.fingerprint(SHA256()).hex(":").upper()
