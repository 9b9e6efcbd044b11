"""What an OpenID issuer says, believed only after it was checked: its document and its tokens.

OpenID Connect Core 1.0, section 3.1.3.7, and Discovery 1.0, section 4.3. The cryptography is PyJWT's.
OAuthenticator reads an id_token without its signature and nonce, so it is not asked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import jwt

# only signatures that the issuer alone can make: no HS256, whose key is the client secret, no "none"
ALGORITHMS = [f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)] + [
    "EdDSA"
]
LEEWAY = 60  # seconds between the issuer's clock and ours
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]
ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def checked_document(document: Any, issuer: str) -> dict[str, Any]:
    """The issuer's own description of itself. Raises ValueError that says what is wrong with it.

    `issuer` is the site's login.url; some end theirs with a slash, which people leave out.
    """
    if not isinstance(document, dict):
        raise ValueError("its document is no JSON object")
    said = document.get("issuer")
    if said not in (issuer, issuer + "/"):
        raise ValueError(f"its document is that of the issuer {said}, and login.url is {issuer}")
    wanted = [*ADDRESSES, *(["userinfo_endpoint"] if "userinfo_endpoint" in document else [])]
    for name in wanted:
        address = str(document.get(name, ""))
        if not address.startswith(("https://", "http://")):
            raise ValueError(f"its document names no {name}")
        if issuer.startswith("https://") and not address.startswith("https://"):
            raise ValueError(f"its {name} is {address}, without https")
    return document


def by_form(document: dict[str, Any]) -> bool:
    """Whether the client secret goes into the form of a request, and not into its header."""
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return "client_secret_post" in methods


def nonce_of(verifier: str) -> str:
    """The nonce of a login: the hash of the PKCE secret, which only that browser's cookie has."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def verified(
    token: str, keys: jwt.PyJWKClient, issuer: str, client_id: str, nonce: str
) -> dict[str, Any]:
    """The claims of an id_token. Raises jwt.PyJWTError, which says what is wrong with it.

    `keys` asks the issuer for its keys, once more if it has new ones; that blocks.
    """
    key = keys.get_signing_key_from_jwt(token)
    claims = jwt.decode(
        token, key.key, algorithms=ALGORITHMS, audience=client_id, issuer=issuer, leeway=LEEWAY,
        options={"require": REQUIRED},
    )  # fmt: skip
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise jwt.InvalidTokenError("It answers another login: the nonce is another one")
    if claims.get("azp", client_id) != client_id:
        raise jwt.InvalidTokenError(f"It was made for another application: {claims['azp']}")
    return claims
