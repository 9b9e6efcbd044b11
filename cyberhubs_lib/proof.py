"""Act as a user, through the public address: log in, start a server, run a cell.

At GitHub nobody can log in for somebody else; there the proof looks where the login page leads, and
starts the server as the check user, with a token that may do only that (server/hub/access.py).
"""

from __future__ import annotations

import re
import ssl
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from .access import ask
from .certificate_checks import Door, question, trust_of
from .facts import Facts
from .host import Host
from .hub_settings import STANDIN_PATH
from .loopback import localhost_names
from .oauth_app import document
from .report import Row
from .served import shown
from .server_proof import attempt, server_row
from .site import Site
from .site_login import Account
from .site_types import CHECK_USER

AUTHORIZE = {"github": "/login/oauth/authorize", "gitlab": "/oauth/authorize"}
CERTIFICATE_SECONDS = 60  # until an authority has given the first certificate; mostly it takes 5


@localhost_names()
def proof(host: Host, site: Site, facts: Facts, prove: bool = False) -> list[Row]:
    """Rows for the report; a row that failed says what was seen instead.

    `prove`: by a user server also if nothing has changed since the last proof.
    """
    tls = trust_of(site, _own_root(host, site))
    rows = [attempt(site, "the public address answers", "yes", lambda: _answers(site, tls))]
    if rows[0].status == "failed":
        return rows
    rows += _login(site, tls)
    if site.login.standin:
        rows += _mock_logins(host, site, tls)
    return [*rows, server_row(host, site, facts, tls, prove)]


def _mock_logins(host: Host, site: Site, tls: ssl.SSLContext) -> list[Row]:
    """One who may log in, and all who may not."""
    accounts = site.login.standin
    found = ask(host, site, "explain", *[hub_name(site, a.login) for a in accounts])["logins"]
    said = list(zip(accounts, found, strict=True))
    people = [a.login for a, one in said if one["allowed"]][:1]
    strangers = [
        a.login for a, one in said if not one["allowed"] and not _as_a_member(site, a, one)
    ]

    def row(login: str, does: str, wanted: str) -> Row:
        return attempt(site, f"{login} {does}", wanted, lambda: log_in(site, login, tls))

    return [row(login, "logs in", "welcome") for login in people] + [
        row(login, "is refused", "403") for login in strangers
    ]


def _login(site: Site, tls: ssl.SSLContext) -> list[Row]:
    if site.login.provider == "password":
        asked = ("the login page asks for", "name and password")
        return [
            attempt(site, *asked, lambda: _form(site, tls)),
            attempt(site, "a wrong password is refused", "403", lambda: wrong_password(site, tls)),
        ]
    wanted = _login_url(site, tls)
    return [attempt(site, "the login leads to", wanted, lambda: _leads_to(site, tls, wanted))]


def _form(site: Site, tls: ssl.SSLContext) -> str:
    page = httpx.get(f"{site.public_url}/hub/login", timeout=10, verify=tls)
    found = [name for name in ("username", "password") if f'name="{name}"' in page.text]
    return " and ".join(found).replace("username", "name") or f"HTTP {page.status_code}, nothing"


def wrong_password(site: Site, tls: ssl.SSLContext | bool = True) -> str:
    """Log in with a password that is none: the status of the answer."""
    with httpx.Client(timeout=20, verify=tls) as browser:
        page = browser.get(f"{site.public_url}/hub/login")
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        form = {"username": CHECK_USER, "password": "wrong", "_xsrf": xsrf[1] if xsrf else ""}
        return str(browser.post(f"{site.public_url}/hub/login", data=form).status_code)


def _as_a_member(site: Site, account: Account, one: dict[str, Any]) -> bool:
    """Whether a mock account may log in by its organisation, which its first login tells."""
    mine = account.organizations
    all_mine = {*mine, *(organization.partition(":")[0] for organization in mine)}
    return one["rule"] != "blocked" and bool(all_mine & set(site.login.organizations))


def _own_root(host: Host, site: Site) -> str:
    """Of the front door's own authority, in mode internal; it makes it at its first start."""
    end = time.monotonic() + 10
    while site.certificate_mode == "internal" and time.monotonic() < end:
        root = Door.of(host.run(question(site))).root
        if root:
            return root
        time.sleep(0.5)
    return ""


def _answers(site: Site, tls: ssl.SSLContext) -> str:
    _wait_for_certificate(site)
    url = f"{site.public_url}/hub/health"
    reply = httpx.get(url, timeout=10, follow_redirects=True, verify=tls)
    return "yes" if reply.status_code == 200 else f"HTTP {reply.status_code}"


def _login_url(site: Site, tls: ssl.SSLContext) -> str:
    """Where a login begins. Of an issuer whose document cannot be read from here only the server."""
    inside = f"{site.public_url}{STANDIN_PATH}"
    address = inside if site.login.standin else site.login.address
    if site.login.provider != "oidc":
        return address + AUTHORIZE[site.login.provider]
    try:
        return str(document(address, tls if site.login.standin else True)["authorization_endpoint"])
    except (httpx.HTTPError, ValueError, LookupError):
        return address


def _wait_for_certificate(site: Site) -> None:
    """The first one comes some seconds after the start."""
    end = time.monotonic() + CERTIFICATE_SECONDS
    while site.speaks_https:
        try:
            shown(site.public_name, site.port)
            return
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(0.5)


def _leads_to(site: Site, tls: ssl.SSLContext, wanted: str) -> str:
    reply = httpx.get(f"{site.public_url}/hub/oauth_login", timeout=10, verify=tls)
    target = urlsplit(reply.headers.get("location", ""))
    callback = parse_qs(target.query).get("redirect_uri", [""])[0]
    if callback != f"{site.public_url}/hub/oauth_callback":
        return f"callback {callback}"
    if wanted == site.login.url and target.netloc == urlsplit(wanted).netloc:
        return wanted
    return f"{target.scheme}://{target.netloc}{target.path}"


def hub_name(site: Site, login: str) -> str:
    """What the hub calls a mock account: it reads upper case as lower case, or takes another claim."""
    if site.login.provider == "oidc" and site.login.username_claim == "sub":
        number = next(account.id for account in site.login.standin if account.login == login)
        return f"person-{number}"  # server/standin/issuer.py
    return login.lower()


def log_in(site: Site, login: str, tls: ssl.SSLContext | bool = True) -> str:
    """Log in at the mock provider as a browser does: "welcome", or the status of the refusal.

    `login` is the account's name there, as the site file writes it.
    """
    with httpx.Client(timeout=20, follow_redirects=True, verify=tls) as browser:
        page = browser.get(f"{site.public_url}/hub/oauth_login")
        reply = browser.post(page.url, data={"login": login})  # the button of that account
        if reply.status_code != 200:
            return str(reply.status_code)
        home = browser.get(f"{site.public_url}/hub/home")
        # JupyterHub's pages tell their scripts who is logged in; the bare name may stand anywhere
        inside = home.url.path == "/hub/home" and f'user: "{hub_name(site, login)}"' in home.text
        return "welcome" if inside else f"HTTP {home.status_code} at {home.url}"
