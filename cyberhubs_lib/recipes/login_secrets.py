"""For runbook 06: the secrets of the login, and whether the operator's part of them can be used."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..check import Check
from ..errors import PreconditionFailed
from ..oauth_app import accepted, form
from ..passwords import PASSWORDS, all_given
from ..private_file import read_private
from ..rendered import login_secret
from ..resources.files import File, Token
from ..shell import keep_secret
from ..site import Site
from ..state import Resource
from ..transport import Result

SECRET_VARIABLE = "CYBERHUBS_CLIENT_SECRET"


def secrets_of(site: Site) -> int:
    """How many there are: of proxy, proof, cookies, stored logins; client secret or two passwords."""
    return 6 if site.login.provider == "password" else 5


def login_requirements(site: Site) -> list[Check]:
    """What has to be right before: the application and its secret, or the passwords."""
    if site.login.provider == "password":
        return [_passwords(site)]
    return [_client_secret(site), *_at_github(site)]


def of_the_login(site: Site, folder: str, owner: str, days: int) -> list[Resource]:
    """The secrets that a login needs, in that folder of the host."""
    if site.login.provider == "password":
        return _of_all(site, folder, owner, days)
    file = f"{folder}/{login_secret(site)}"
    if site.login.standin:
        return [Token(file, owner, "between hub and stand-in", days)]
    try:
        secret = client_secret(site)
    except PreconditionFailed:  # a requirement says so, and stops all but a dry run
        return []
    why = f"of the OAuth application at {site.login.name}"
    return [File(file, secret.encode(), "600", owner, why, secret=True)]


def _of_all(site: Site, folder: str, owner: str, days: int) -> list[Resource]:
    """The two passwords: the operator's, or made on the host."""
    made: list[Resource] = []
    try:
        known = all_given(site)
    except PreconditionFailed:  # a requirement says so
        return made
    for one in PASSWORDS:
        file, text = f"{folder}/{one.name}", known[one.name]
        if text:
            made.append(File(file, text.encode(), "600", owner, one.why, secret=True))
        else:
            why = f"{one.why}; to read it, on the server: sudo cat {file}"
            made.append(Token(file, owner, why, days, one.letters))
    return made


def _passwords(site: Site) -> Check:
    """The requirement: what the operator has given can be used."""

    def named() -> str:
        ours = [name for name, text in all_given(site).items() if text]
        return ", ".join(ours) or "made on the server"

    return _read("passwords", named, "good ones, or none")


def _client_secret(site: Site) -> Check:
    """The requirement: the secret can be read, wherever the site keeps it."""

    def named() -> str:
        return "named" if site.login.standin or client_secret(site) else "empty"

    return _read("OAuth application", named, "login.client_id and its secret")


def _read(label: str, look: Callable[[], str], wanted: str) -> Check:
    """A requirement that is looked up on this machine: `look` raises PreconditionFailed."""
    try:
        found, good, todo = look(), True, ""
    except PreconditionFailed as error:
        found, good, todo = error.found, False, error.todo
    return Check(label, "true", lambda answer: (good, found), wanted, todo)


def _at_github(site: Site) -> list[Check]:
    """What stands in GitHub's form, to compare, and whether GitHub takes the secret."""
    if site.login.standin:
        return []

    def shown(text: str) -> Callable[[Result], tuple[bool, str]]:
        return lambda answer: (True, text)

    def asked(answer: Result) -> tuple[bool, str]:
        try:
            return accepted(site, client_secret(site))
        except PreconditionFailed:  # the row above says so
            return True, "not asked"

    return [
        *[Check(f"in {site.login.name}'s form: {field}", "true", shown(text), "")
          for field, text in form(site).items()],
        Check(site.login.name, "true", asked, "accepts id and secret",
              f"copy login.client_id from the application's page at {site.login.name}, and make a new"
              " client secret there"),
    ]  # fmt: skip


def client_secret(site: Site) -> str:
    """The OAuth client secret, from the environment or the site's private file.

    Raises PreconditionFailed saying where it was looked for; the value itself is never shown.
    """
    given = os.environ.get(SECRET_VARIABLE, "").strip()
    file = site.login.client_secret_file
    if not given and file:
        given = read_private(file, "login.client_secret_file")
    if not given or not site.login.client_id:
        raise PreconditionFailed(
            f"the OAuth application at {site.login.name} is not named: "
            + ("login.client_id is empty" if given else "there is no client secret"),
            expected=f"login.client_id in the site file, and the secret in {SECRET_VARIABLE} or in"
            " the file that login.client_secret_file names",
            todo=f"register an application at {site.login.name} (GitHub: Settings, Developer settings,"
            " OAuth Apps; GitLab: Preferences, Applications; else ask whoever runs it) with "
            + ", ".join(f"{field}: {text}" for field, text in form(site).items()),
        )
    return keep_secret(given)
