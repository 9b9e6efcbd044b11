"""What GitHub's OAuth knows and decides: codes for logins, tokens for codes, accounts for tokens.

The errors are GitHub's (docs.github.com, "Authorizing OAuth apps"), so that the hub needs no other code
than for GitHub itself. Nothing here knows of HTTP.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from typing import Any

CODE_SECONDS = 600  # how long GitHub's own codes live


class Standin:
    """What is known: accounts, codes given out and not yet used, tokens given out."""

    def __init__(self, client_id: str, client_secret: str, accounts: list[dict[str, Any]]) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.accounts = {account["login"]: account for account in accounts}
        self.codes: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, str] = {}
        self.asked: dict[str, dict[str, str]] = {}  # token -> with what it was asked for
        self.lock = threading.Lock()

    def give_code(self, login: str, asked: dict[str, str]) -> str:
        """A code for one exchange, bound to everything that was asked with it."""
        code = secrets.token_hex(10)
        with self.lock:
            self.codes[code] = {"login": login, "asked": asked, "until": time.time() + CODE_SECONDS}
        return code

    def exchange(self, form: dict[str, str]) -> dict[str, str]:
        """Give a token for a code, or GitHub's error for what is wrong with the request."""
        same_secret = hmac.compare_digest(
            form.get("client_secret", "").encode(), self.client_secret.encode()
        )
        if form.get("client_id") != self.client_id or not same_secret:
            return error(
                "incorrect_client_credentials",
                "The client_id and/or client_secret passed are incorrect.",
            )
        with self.lock:  # taken out whatever follows: a code works once
            kept = self.codes.pop(form.get("code", ""), None)
        if kept is None or kept["until"] < time.time():
            return error("bad_verification_code", "The code passed is incorrect or expired.")
        asked = kept["asked"]
        if form.get("redirect_uri", asked["redirect_uri"]) != asked["redirect_uri"]:
            return error(
                "redirect_uri_mismatch",
                "The redirect_uri MUST match the registered callback URL for this application.",
            )
        challenge = asked.get("code_challenge")
        if challenge and challenge_of(form.get("code_verifier", "")) != challenge:
            return error("bad_verification_code", "The code_verifier does not match.")
        token = "gho_" + secrets.token_urlsafe(27)
        with self.lock:
            self.tokens[token], self.asked[token] = kept["login"], asked
        return {"access_token": token, "scope": asked.get("scope", ""), "token_type": "bearer"}

    def asked_with(self, authorization: str) -> dict[str, str]:
        """The request to authorize from which a token of ours came: its scope, its nonce."""
        return self.asked.get(authorization.partition(" ")[2].strip(), {})

    def user(self, authorization: str) -> dict[str, Any] | None:
        """The account that a token of ours belongs to, in GitHub's form."""
        kind, _, token = authorization.partition(" ")
        login = self.tokens.get(token.strip()) if kind.lower() in ("token", "bearer") else None
        if login is None:
            return None
        account = self.accounts[login]
        return {
            "login": login,
            "id": account["id"],
            "type": "User",
            "name": account.get("name"),
            "email": account.get("email"),
            "avatar_url": account.get("avatar_url", ""),
        }


def error(name: str, description: str) -> dict[str, str]:
    """An error as GitHub writes it: with status 200, in place of the token."""
    uri = "https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps"
    return {"error": name, "error_description": description, "error_uri": uri}


def challenge_of(verifier: str) -> str:
    """The PKCE challenge (S256) that belongs to a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
