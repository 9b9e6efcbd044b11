"""06: the hub's settings and secrets on the server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..check import Check
from ..edition import built
from ..errors import PreconditionFailed
from ..facts import Facts
from ..oauth_app import accepted, form
from ..params import Params
from ..private_file import read_private
from ..rendered import data_root, files
from ..resources.files import Directory, File, Token
from ..resources.kept import StartingFile
from ..resources.tree import Tree
from ..shell import keep_secret, sh
from ..site import Site
from ..state import Resource
from ..transport import Result
from .recipe import Recipe, account_exists, docker_answers

SECRET_VARIABLE = "CYBERHUBS_CLIENT_SECRET"
SECRETS = 4  # of the proxy, the proof and the cookies, and the client secret


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """Files only; nothing is started."""
    home = site.directory(facts.home)
    owner = facts.owner
    rendered = files(site, facts)
    folders = ["", "broker", "hub", "hub/templates", "standin", "docs", "certificate", "homes"]
    html = built(site) if site.docs.readers != "nobody" else None
    return Recipe(
        requirements=[*_requirements(site, facts), *_book(site, html)],
        steps={
            "directories": [Directory(f"{home}/{f}".rstrip("/"), owner) for f in folders],
            "secrets": _secrets(site, home, owner, getattr(params, "rotate_days", 0)),
            "lists": _lists(site, home, owner),
            "settings": [
                File(f"{home}/{path}", content, "644", owner)
                for path, content in sorted(rendered.items())
            ],
            "book": [Tree(f"{home}/docs", html, owner)] if html else [],
        },
        checks=[
            Check("secrets are private", _private(home), _none("{} of {} readable by others"),
                  f"none of at least {SECRETS}", "run this runbook again"),
            Check("no secret in the settings", _leaks(home), _none("{} files hold one of {}"),
                  f"none of at least {SECRETS}", "run this runbook again"),
        ],
    )  # fmt: skip


# of the access lists: the word in the site file -> what it is for
LISTS = {
    "admins": "administrators: may come in, and may open and stop other people's servers",
    "allowed_users": "may come in",
    "blocked_users": "never come in, whatever the other lists say",
}


def _lists(site: Site, home: str, owner: str) -> list[Resource]:
    """Begun with the site file's names; from then on the files on the host count."""
    made: list[Resource] = [Directory(f"{home}/access", owner, "750")]
    for name, why in LISTS.items():
        head = f"# {why}. One login a line; a change counts within seconds.\n"
        text = head + "".join(f"{login}\n" for login in getattr(site, name))
        made.append(StartingFile(f"{home}/access/{name}", text.encode(), "640", owner, why))
    return made


def _requirements(site: Site, facts: Facts) -> list[Check]:
    first = [docker_answers(facts), account_exists(facts), _client_secret(site), *_at_github(site)]
    if not site.data_root.startswith("/"):
        return first
    root = data_root(site, facts)
    there = sh("ls -d {}/data {}/user {}/jupyterhub_users", root, root, root)
    return [
        *first,
        Check(f"directories in {root}", there,
              lambda a: (a.code == 0, "there" if a.code == 0 else "missing"), "there",
              "run 03_prepare_storage first"),
    ]  # fmt: skip


def _book(site: Site, html: Path | None) -> list[Check]:
    """The hub can go without its book; then /docs is an empty page."""
    if site.docs.readers == "nobody":
        return []
    return [
        Check("the book of this site", "true", lambda a: (html is not None,
              "built" if html else "not built"), "built",
              f"./cyberhubs book --site {site.name}, then this runbook again", hard=False),
    ]  # fmt: skip


def _secrets(site: Site, home: str, owner: str, days: int) -> list[Resource]:
    def path(name: str) -> str:
        return f"{home}/secrets/{name}"

    made: list[Resource] = [
        Token(path("proxy_token"), owner, "between hub and proxy", days),
        Token(path("check_token"), owner, "with it runbook 09 proves that the hub works", days),
        Token(
            path("cookie_secret"), owner, "signs the cookies: a new one logs everybody out", days
        ),
    ]
    if site.login.standin:
        return [*made, Token(path("oauth_client_secret"), owner, "between hub and stand-in", days)]
    try:
        secret = client_secret(site)
    except PreconditionFailed:  # a requirement says so, and stops all but a dry run
        return made
    why = f"of the OAuth application at {site.login.name}"
    return [
        *made,
        File(path("oauth_client_secret"), secret.encode(), "600", owner, why, secret=True),
    ]


def _client_secret(site: Site) -> Check:
    """The requirement: the secret can be read, wherever the site keeps it."""

    def expect(answer: Result) -> tuple[bool, str]:
        try:
            return bool(site.login.standin or client_secret(site)), "named"
        except PreconditionFailed as error:
            advice.append(error.todo)
            return False, error.found

    advice: list[str] = []
    good, _ = expect(Result(0))
    todo = "" if good else advice[0]
    return Check("OAuth application", "true", expect, "login.client_id and its secret", todo)


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


def _private(home: str) -> str:
    """How many secrets there are, and how many of them others may read."""
    return sh(
        "cd {}/secrets && echo $(find . -type f | wc -l) $(find . -type f -perm /077 | wc -l)", home
    )


def _leaks(home: str) -> str:
    """How many secrets there are, and how many settings hold one: the files are the patterns."""
    return sh(
        "cd {} && [ -f .env ] && echo $(find secrets -type f | wc -l) $(for s in secrets/*; do"
        " grep -rlFf \"$s\" .env *.json hub standin; done | wc -l)",
        home,
    )  # fmt: skip


def _none(words: str) -> Callable[[Result], tuple[bool, str]]:
    """Nothing bad counts only where there was something to look at."""

    def expect(answer: Result) -> tuple[bool, str]:
        line = answer.out.strip().rpartition("\n")[2]
        made, _, bad = line.partition(" ")
        if answer.code or not made.isdigit():
            return False, "nothing there to look at"
        return int(made) >= SECRETS and bad == "0", words.format(bad, made)

    return expect
