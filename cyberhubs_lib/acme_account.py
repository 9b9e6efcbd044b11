"""Who we are to an ACME authority: lines for the Caddyfile, with a key that is a secret."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import PreconditionFailed
from .private_file import read_private
from .shell import keep_secret
from .site_certificate import Certificate

EAB_VARIABLE = "CYBERHUBS_EAB_KEY"
INSIDE = "/etc/caddy/certificate/acme"  # where compose.yaml shows them to Caddy


def head(name: str) -> str:
    """The first line: for which name runbook 07 has looked whether it leads here."""
    return f"# Written by runbook 07 for {name}"


def account(wanted: Certificate, name: str) -> bytes:
    """What the Caddyfile's issuer imports. Raises PreconditionFailed."""
    lines = [f"email {wanted.email}"] if wanted.email else []
    if wanted.ca_root:
        lines.append(f"trusted_roots {INSIDE}/root.pem")
    if wanted.eab_key_id:
        lines.append(f"eab {wanted.eab_key_id} {_eab_key(wanted)}")
    text = "".join(f"{line}\n" for line in [head(name), *lines])
    return (keep_secret(text) if wanted.eab_key_id else text).encode()


def root(wanted: Certificate) -> bytes:
    """The certificate that the authority's own server is trusted by. Raises PreconditionFailed."""
    path = Path(wanted.ca_root).expanduser()
    try:
        return path.read_bytes()
    except OSError as error:
        raise PreconditionFailed(
            f"certificate.ca_root: {path} cannot be read: {error.strerror}",
            expected="the root certificate of the authority, in PEM form",
            todo="correct the path in the site file",
        ) from None


def _eab_key(wanted: Certificate) -> str:
    """From the environment, or the private file that the site names."""
    given = os.environ.get(EAB_VARIABLE, "").strip()
    if not given and wanted.eab_key_file:
        given = read_private(wanted.eab_key_file, "certificate.eab_key_file")
    if not given or not given.replace("-", "").replace("_", "").rstrip("=").isalnum():
        raise PreconditionFailed(
            f"certificate.eab_key_id {wanted.eab_key_id} has no key"
            if not given
            else "the key of certificate.eab_key_id is not base64url: letters, digits, - and _",
            expected=f"the key that your authority gave with it, in {EAB_VARIABLE} or in the file"
            " that certificate.eab_key_file names",
            todo="ask your authority for `external account binding` credentials",
        )
    return keep_secret(given)
