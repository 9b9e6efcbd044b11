"""A certificate of the site's own: two files of the operator's, looked at before they go anywhere."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from .errors import PreconditionFailed
from .private_file import read_private
from .served import trust
from .shell import keep_secret
from .site_certificate import Certificate
from .x509_facts import called, covers, is_authority, left, names


@dataclass(frozen=True)
class Pair:
    """The chain, the site's certificate first, and its key."""

    chain: tuple[x509.Certificate, ...]
    key: bytes  # PEM
    files: tuple[Path, Path]  # they come from

    @property
    def pem(self) -> bytes:
        """Both in one file, so that a new key never meets an old certificate. A secret."""
        found = b"".join(c.public_bytes(Encoding.PEM) for c in self.chain) + self.key
        keep_secret(found.decode())
        return found


@dataclass(frozen=True)
class Finding:
    """One thing about a pair: whether it is as a browser wants it."""

    label: str
    good: bool
    found: str
    wanted: str
    todo: str


def read_pair(wanted: Certificate) -> Pair:
    """The two files. Raises PreconditionFailed if one is not what it should be."""
    key = keep_secret(read_private(wanted.key_file, "certificate.key_file"))
    path = Path(wanted.chain_file).expanduser()
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PreconditionFailed(
            f"certificate.chain_file: {path} cannot be read: {error}",
            expected="PEM: your certificate, then those between it and the root",
            todo="ask your authority for the `full chain` in PEM form",
        ) from None
    try:
        private = load_pem_private_key(key.encode(), None)
    except (TypeError, ValueError) as error:
        locked = isinstance(error, TypeError)  # it wants a password, and nobody is there to type it
        raise PreconditionFailed(
            f"certificate.key_file: {wanted.key_file} "
            + ("is locked with a password" if locked else "holds no private key in PEM form"),
            expected="a private key in PEM form, without a password",
            todo=f"openssl pkey -in {wanted.key_file} -out NEW (asks for the password), chmod 600 NEW",
        ) from None
    plain = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(tuple(chain), plain, (path, Path(wanted.key_file).expanduser()))


def findings(
    pair: Pair, name: str, roots: Iterable[Path], subdomains: bool = False
) -> list[Finding]:
    """All that must hold, in the order in which one would put it right."""
    first = pair.chain[0]
    needed = [name, *([f"any.{name}"] if subdomains else [])]
    wanted = f"{name} and *.{name}" if subdomains else name
    covered = all(covers(first, each) for each in needed)
    key_fits, time_is_left = _fits(pair), left(first)
    said = _refusal(pair, name, roots) if key_fits else "not asked: the key is another's"
    return [
        Finding("the key", key_fits, "the certificate's" if key_fits else "another's",
                "the certificate's", "take the key from which this certificate was asked for"),
        Finding("names", covered, ", ".join(names(first)) or "none", wanted,
                f"ask your authority for a certificate for {wanted}"),
        Finding("time left", *time_is_left, "more than a quarter",
                "get a new one, put it into the two files, run this runbook again"),
        Finding("kind", not is_authority(first), "an authority's" if is_authority(first)
                else "a server's", "a server's", "the site's own certificate comes first in the file;"
                " one that was made with `openssl req -x509` needs -addext basicConstraints=CA:FALSE"),
        Finding("order of the chain", not _break(pair), _break(pair) or "each signed by the next",
                "each signed by the next", "the site's own first, then the one that signed it"),
        Finding("a browser says", not said, said or "trusted", "trusted",
                "put the missing ones between it and the root into chain_file; if the root is your"
                " institution's own, name it in ca_certificates; if a key is too small, get"
                " a certificate with a larger one (RSA of 2048 bits, or P-256)"),
    ]  # fmt: skip


def _fits(pair: Pair) -> bool:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    mine = load_pem_private_key(pair.key, None).public_key().public_bytes(*form)
    return pair.chain[0].public_key().public_bytes(*form) == mine


def _break(pair: Pair) -> str:
    """Where the chain is not in order."""
    for one, following in pairwise(pair.chain):
        try:
            one.verify_directly_issued_by(following)
        except (ValueError, TypeError, InvalidSignature):
            return f"{called(one.subject)} is not signed by {called(following.subject)}"
    return ""


def _refusal(pair: Pair, name: str, roots: Iterable[Path]) -> str:
    """Why a client would refuse it; "" if it would not. Asked with a real handshake, in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server_side.load_cert_chain(*pair.files)
    except ssl.SSLError as error:  # it would not even be served
        return _words(error)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = trust(roots).wrap_bio(to_client, to_server, server_hostname=name)
    try:
        for _ in range(3):  # hello, the server's answer, the client's last word
            for side in (client, server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except ssl.SSLError as error:
        return _words(error)
    return ""


def _words(error: ssl.SSLError) -> str:
    """EE_KEY_TOO_SMALL, for one, is written for programs."""
    return (error.reason or str(error)).lower().replace("_", " ")
