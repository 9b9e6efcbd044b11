"""The OAuth application at GitHub or GitLab: what goes into its form, whether its secret is right."""

from __future__ import annotations

import httpx

from .site import Site

SECONDS = 5

# what is wrong with a request -> (id and secret are good, what it means); GitHub's words from
# docs.github.com, "Troubleshooting OAuth app access token request errors", GitLab's from RFC 6749
ANSWERS = {
    "bad_verification_code": (True, "accepts id and secret"),  # only the code, which we made up
    "invalid_grant": (True, "accepts id and secret"),
    "incorrect_client_credentials": (False, "refuses the client secret"),
    "invalid_client": (False, "refuses id or secret"),
    "Not Found": (False, "knows no application with this client_id"),
}
TOKEN = {"github": "/login/oauth/access_token", "gitlab": "/oauth/token"}


def form(site: Site) -> dict[str, str]:
    """The fields of the provider's form -> what goes in.

    GitHub: Settings, Developer settings, OAuth Apps. GitLab: Preferences, Applications.
    """
    callback = f"{site.public_url}/hub/oauth_callback"
    if site.login.provider == "gitlab":
        return {"Redirect URI": callback, "Confidential": "yes", "Scopes": "read_user"}
    return {"Homepage URL": site.public_url, "Authorization callback URL": callback}


def accepted(site: Site, secret: str) -> tuple[bool, str]:
    """Ask the provider to take a code that is none: it looks at id and secret first.

    Where it cannot be reached from here nothing is wrong for certain, and the words say so.
    """
    fields = {
        "client_id": site.login.client_id,
        "client_secret": secret,
        "code": "check",
        "grant_type": "authorization_code",
        "redirect_uri": f"{site.public_url}/hub/oauth_callback",
    }
    try:
        reply = httpx.post(
            site.login.address + TOKEN[site.login.provider],
            data=fields,
            headers={"Accept": "application/json"},
            timeout=SECONDS,
        )
        error = str(reply.json().get("error", ""))
    except (httpx.HTTPError, ValueError, AttributeError) as problem:
        return True, f"could not be asked from here ({type(problem).__name__})"
    return ANSWERS.get(error, (True, f"answers {error or reply.status_code}, which says nothing"))
