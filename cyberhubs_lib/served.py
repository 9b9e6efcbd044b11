"""The certificate that a server shows to somebody who comes from outside, and whether to trust it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from .loopback import localhost_names

SECONDS = 5


def trust(roots: Iterable[Path] = (), pem: str = "") -> ssl.SSLContext:
    """What this machine trusts, and besides it these authorities (files, and PEM text)."""
    context = ssl.create_default_context()
    for path in roots:
        context.load_verify_locations(path)
    if pem:
        context.load_verify_locations(cadata=pem)
    return context


def shown(name: str, port: int) -> x509.Certificate:
    """The certificate that `name` shows, whoever signed it. Raises OSError (ssl.SSLError is one)."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with _connected(name, port, anybody) as connection:
        der = connection.getpeercert(binary_form=True)
    assert der, "a server always shows one"
    return x509.load_der_x509_certificate(der)


def refusal(name: str, port: int, context: ssl.SSLContext) -> str:
    """Why a client would refuse it; "" if it would not. Raises OSError if there is no answer."""
    try:
        with _connected(name, port, context):
            return ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message


@localhost_names()
def _connected(name: str, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection((name, port), timeout=SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise
