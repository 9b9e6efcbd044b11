"""The addresses of those who say who somebody is, as settings of the authenticator."""

from __future__ import annotations

from typing import Any

# provider -> where a login begins, where a code becomes a token, where the account is told
PATHS = {
    "github": ("/login/oauth/authorize", "/login/oauth/access_token", "/api/v3/user"),
    "gitlab": ("/oauth/authorize", "/oauth/token", "/api/v4/user"),
}
PUBLIC_API = {"https://github.com/api/v3/user": "https://api.github.com/user"}
DOCUMENT = "/.well-known/openid-configuration"  # where an OpenID issuer tells its addresses


def endpoints(login: dict[str, Any]) -> dict[str, Any]:
    """The OAuth addresses: the browser goes to the first, the hub itself to the others.

    An OpenID issuer tells them itself (oidc.py); what a name is there is a matter of settings.
    """
    internal = login.get("internal_url") or login["url"]
    if login["provider"] == "oidc":
        found = {"issuer": login["url"], "document_url": internal + DOCUMENT}
        return {**found, **login["username"]}
    authorize, token, user = PATHS[login["provider"]]
    return {
        "authorize_url": login["url"] + authorize,
        "token_url": internal + token,
        "userdata_url": PUBLIC_API.get(internal + user, internal + user),
    }


def github_api(login: dict[str, Any]) -> str:
    """Where GitHub is asked who its members are."""
    return str(endpoints(login)["userdata_url"]).removesuffix("/user")
