"""The stand-in as an OpenID issuer (OpenID Connect Core 1.0): its document, its key, what it signs.

The key is made at the start and kept nowhere, so a hub that trusts a token has asked for this very key.
"""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

SECONDS = 300  # that a token lives
DOMAIN = "standin.test"  # of everybody's e-mail address


class Issuer:
    """Where it is: `url` for browsers, `inside` for the hub; and its key."""

    def __init__(self, url: str, inside: str, client_id: str) -> None:
        self.url, self.inside, self.client_id = url, inside, client_id
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = f"key-{time.time_ns()}"

    def document(self) -> dict[str, Any]:
        """What /.well-known/openid-configuration tells."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.inside}/token",
            "userinfo_endpoint": f"{self.inside}/userinfo",
            "jwks_uri": f"{self.inside}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "profile", "email"],
        }

    def keys(self) -> dict[str, Any]:
        """The public half of the key."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def id_token(self, account: dict[str, Any], nonce: str) -> str:
        """Who has logged in, signed for the one application."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": subject(account),
            "aud": self.client_id,
            "iat": now,
            "exp": now + SECONDS,
            "nonce": nonce,
        }
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.kid})


def subject(account: dict[str, Any]) -> str:
    """An account's name for ever."""
    return f"person-{account['id']}"


def user(account: dict[str, Any], scope: str) -> dict[str, Any]:
    """The account behind a token, as far as was asked."""
    found: dict[str, Any] = {"sub": subject(account)}
    if "profile" in scope.split():
        found |= {"preferred_username": account["login"], "name": account["name"]}
    if "email" in scope.split():
        found |= {"email": f"{account['login']}@{DOMAIN}", "email_verified": True}
    return found
