"""The addresses of those who say who somebody is."""

from __future__ import annotations

from typing import Any

# provider -> where a login begins, where a code becomes a token, where the account is told
PATHS = {
    "github": ("/login/oauth/authorize", "/login/oauth/access_token", "/api/v3/user"),
    "gitlab": ("/oauth/authorize", "/oauth/token", "/api/v4/user"),
}
SCOPES = {"github": [], "gitlab": ["read_user"]}  # no more than who somebody is
PUBLIC_API = {"https://github.com/api/v3/user": "https://api.github.com/user"}


def endpoints(login: dict[str, Any]) -> dict[str, str]:
    """The three OAuth addresses: the browser goes to the first, the hub itself to the others."""
    authorize, token, user = PATHS[login["provider"]]
    internal = login.get("internal_url") or login["url"]
    return {
        "authorize_url": login["url"] + authorize,
        "token_url": internal + token,
        "userdata_url": PUBLIC_API.get(internal + user, internal + user),
    }
