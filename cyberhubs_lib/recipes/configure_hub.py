"""06: the hub's settings and secrets on the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..check import Check
from ..edition import built
from ..facts import Facts
from ..hub_settings import data_root
from ..params import Params
from ..rendered import files
from ..resources.files import Directory, File, Token
from ..resources.kept import StartingFile
from ..resources.tree import Tree
from ..shell import sh
from ..site import Site
from ..state import Resource
from ..transport import Result
from .login_secrets import login_requirements, of_the_login, secrets_of
from .recipe import Recipe, account_exists, docker_answers


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """Files only; nothing is started."""
    home = site.directory(facts.home)
    owner = facts.owner
    rendered = files(site, facts)
    folders = ["", "broker", "hub", "hub/templates", "proxy", "standin", "docs", "certificate",
               "homes"]  # fmt: skip
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
            Check("secrets are private", _private(home),
                  _none("{} of {} readable by others", secrets_of(site)),
                  f"none of at least {secrets_of(site)}", "run this runbook again"),
            Check("no secret in the settings", _leaks(home),
                  _none("{} files hold one of {}", secrets_of(site)),
                  f"none of at least {secrets_of(site)}", "run this runbook again"),
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
    first = [docker_answers(facts), account_exists(facts), *login_requirements(site)]
    if site.in_volume:
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
        Token(
            path("crypt_key"),
            owner,
            "of the stored logins; the one before still reads them",
            days,
            earlier=True,
        ),
    ]
    return [*made, *of_the_login(site, f"{home}/secrets", owner, days)]


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


def _none(words: str, least: int) -> Callable[[Result], tuple[bool, str]]:
    """Nothing bad counts only where there was something to look at."""

    def expect(answer: Result) -> tuple[bool, str]:
        line = answer.out.strip().rpartition("\n")[2]
        made, _, bad = line.partition(" ")
        if answer.code or not made.isdigit():
            return False, "nothing there to look at"
        return int(made) >= least and bad == "0", words.format(bad, made)

    return expect
