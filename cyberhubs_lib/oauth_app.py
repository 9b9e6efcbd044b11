"""The OAuth application at the provider: what goes into its form, whether its secret is right."""

from __future__ import annotations

from typing import Any

import httpx

from .site import Site

SECONDS = 5
DOCUMENT = "/.well-known/openid-configuration"

# what is wrong with a request -> (id and secret are good, what it means); GitHub's words from
# docs.github.com, "Troubleshooting OAuth app access token request errors", the others' from RFC 6749
ANSWERS = {
    "bad_verification_code": (True, "accepts id and secret"),  # only the code, which we made up
    "invalid_grant": (True, "accepts id and secret"),
    "incorrect_client_credentials": (False, "refuses the client secret"),
    "invalid_client": (False, "refuses id or secret"),
    "unauthorized_client": (False, "refuses id or secret"),
    "Not Found": (False, "knows no application with this client_id"),
}
TOKEN = {"github": "/login/oauth/access_token", "gitlab": "/oauth/token"}


def form(site: Site) -> dict[str, str]:
    """The fields of the provider's form -> what goes in.

    GitHub: Settings, Developer settings, OAuth Apps. GitLab: Preferences, Applications. An OpenID
    issuer: whoever runs it registers a confidential client, or a page of theirs does.
    """
    callback = f"{site.public_url}/hub/oauth_callback"
    if site.login.provider == "github":
        return {"Homepage URL": site.public_url, "Authorization callback URL": callback}
    fields = {
        "Redirect URI": callback,
        "Confidential": "yes",
        "Scopes": " ".join(site.login.scopes),
    }
    if site.login.provider == "oidc":
        fields["Grant type"] = "authorization code, with PKCE (S256)"
    return fields


def document(issuer: str, verify: Any = True) -> dict[str, Any]:
    """What an OpenID issuer tells of itself. Raises httpx.HTTPError, ValueError."""
    reply = httpx.get(issuer + DOCUMENT, timeout=SECONDS, verify=verify)
    found = reply.raise_for_status().json()
    if not isinstance(found, dict):
        raise ValueError(f"{DOCUMENT} is no JSON object")
    return found


def accepted(site: Site, secret: str) -> tuple[bool, str]:
    """Ask the provider to take a code that is none: it looks at id and secret first.

    Where it cannot be reached from here nothing is wrong for certain, and the words say so.
    """
    login = site.login
    fields = {
        "client_id": login.client_id,
        "client_secret": secret,
        "code": "check",
        "grant_type": "authorization_code",
        "redirect_uri": f"{site.public_url}/hub/oauth_callback",
    }
    basic = None
    try:
        if login.provider == "oidc":
            told = document(login.address)
            if told.get("issuer") not in (login.address, f"{login.address}/"):
                return False, f"calls itself {told.get('issuer')}"
            address = str(told["token_endpoint"])
            methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            if "client_secret_post" not in methods:  # as the hub does it
                basic = (fields.pop("client_id"), fields.pop("client_secret"))
            fields["code_verifier"] = "c" * 43
        else:
            address = login.address + TOKEN[login.provider]
        reply = httpx.post(
            address,
            data=fields,
            auth=basic,
            headers={"Accept": "application/json"},
            timeout=SECONDS,
        )
        error = str(reply.json().get("error", ""))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, AttributeError) as problem:
        return True, f"could not be asked from here ({type(problem).__name__})"
    return ANSWERS.get(error, (True, f"answers {error or reply.status_code}, which says nothing"))
