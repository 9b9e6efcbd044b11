"""A certificate authority of a test's own: root, one between, and certificates with any mistake."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Signed:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key."""
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self.key.private_bytes(*form).decode()


def signed(
    name: str,
    by: Signed | None = None,
    *names: str,
    authority: bool = False,
    begin: timedelta = -HOUR,
    end: timedelta = 90 * 24 * HOUR,
    bits: int = 0,
) -> Signed:
    """A certificate called `name` for `names` (or addresses); it signs itself if `by` is None.

    With `bits` its key is one of RSA with so many.
    """
    curve = ec.SECP256R1()
    key = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(curve)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    issuer = by.certificate.subject if by else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin).not_valid_after(now + end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )  # fmt: skip
    if by:
        above = by.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        link = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above)
        builder = builder.add_extension(link, critical=False)
    if authority:  # Python 3.13 and later trust no other
        usage = x509.KeyUsage(
            True, False, False, False, False, key_cert_sign=True, crl_sign=True,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(n) for n in names]), False
        )
    return Signed(builder.sign(by.key if by else key, SHA256()), key)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True)
class Authority:
    """A root and one between it and the certificates."""

    root: Signed
    between: Signed
    file: Path  # the root, for whom shall trust it

    @classmethod
    def made(cls, folder: Path) -> Authority:
        """A new one; its root lies in `folder`."""
        root = signed("Test Root", authority=True, end=3650 * 24 * HOUR)
        between = signed("Test Intermediate", root, authority=True, end=365 * 24 * HOUR)
        file = folder / "root.crt"
        file.write_text(root.pem)
        return cls(root, between, file)


def write_pair(folder: Path, chain: str, key: str) -> dict[str, str]:
    """The two files, as the site file names them."""
    chain_file, key_file = folder / "chain.pem", folder / "key.pem"
    chain_file.write_text(chain)
    key_file.write_text(key)
    key_file.chmod(0o600)
    return {"mode": "own", "chain_file": str(chain_file), "key_file": str(key_file)}
