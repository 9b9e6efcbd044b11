"""The stand-in's answers in GitLab's words (docs.gitlab.com, "OAuth 2.0 identity provider API")."""

from __future__ import annotations

from typing import Any

# GitHub's error -> GitLab's status, error and description
ERRORS = {
    "incorrect_client_credentials": (
        401, "invalid_client",
        "Client authentication failed due to unknown client, no client authentication included, or"
        " unsupported authentication method.",
    ),
    "bad_verification_code": (400, "invalid_grant", "The provided authorization grant is invalid."),
    "redirect_uri_mismatch": (400, "invalid_grant", "The redirect URI does not match."),
}  # fmt: skip


def answer(result: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """The answer to a code: a token, or the error with its status."""
    if "error" in result:
        status, name, words = ERRORS[result["error"]]
        return status, {"error": name, "error_description": words}
    return 200, {**result, "token_type": "Bearer", "expires_in": 7200}


def user(account: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
    """The account behind a token."""
    if account is None:
        return 401, {"message": "401 Unauthorized"}
    known = {"id": account["id"], "username": account["login"], "name": account["name"]}
    return 200, {**known, "state": "active", "email": account["email"]}
