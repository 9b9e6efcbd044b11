"""The OAuth application at GitHub: what to type into its form, and whether its secret is right."""

from __future__ import annotations

import httpx

from .site import Site

SECONDS = 5

# GitHub's word for what is wrong with a request -> (id and secret are good, what it means); from
# docs.github.com, "Troubleshooting OAuth app access token request errors"
ANSWERS = {
    "bad_verification_code": (True, "accepts id and secret"),  # only the code, which we made up
    "incorrect_client_credentials": (False, "refuses the client secret"),
    "Not Found": (False, "knows no application with this client_id"),
}


def form(site: Site) -> dict[str, str]:
    """The fields of GitHub's form (Settings, Developer settings, OAuth Apps) -> what goes in."""
    return {
        "Homepage URL": site.public_url,
        "Authorization callback URL": f"{site.public_url}/hub/oauth_callback",
    }


def accepted(site: Site, secret: str) -> tuple[bool, str]:
    """Ask GitHub to take a code that is none: it looks at id and secret first.

    Where GitHub cannot be reached from here nothing is wrong for certain, and the words say so.
    """
    address = f"{site.login.url}/login/oauth/access_token"
    form = {"client_id": site.login.client_id, "client_secret": secret, "code": "check"}
    try:
        reply = httpx.post(
            address, data=form, headers={"Accept": "application/json"}, timeout=SECONDS
        )
        error = str(reply.json().get("error", ""))
    except (httpx.HTTPError, ValueError, AttributeError) as problem:
        return True, f"could not be asked from here ({type(problem).__name__})"
    return ANSWERS.get(error, (True, f"answers {error or reply.status_code}, which says nothing"))
