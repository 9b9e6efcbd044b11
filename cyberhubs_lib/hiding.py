"""What a page of the book must not show: what the site hides, and secrets."""

from __future__ import annotations

import html
import ipaddress
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nbformat import NotebookNode

from .errors import BookFailed
from .host import PASSWORD_VARIABLE
from .params import LOGINS, AccessParams
from .passwords import PASSWORDS
from .recipes.login_secrets import SECRET_VARIABLE
from .report import MIME
from .shell import keep_secret, mask
from .site import Site

# Accounts that providers make on every machine: they name nobody, and "debian" is a word.
EVERYWHERE = {"root", "debian", "ubuntu", "admin", "centos", "docker", "ec2-user", "localhost"}
# Secrets whoever they belong to: private keys, GitHub's tokens.
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bgh[oprsu]_[A-Za-z0-9]{36}")
IPV4 = re.compile(r"(?<![A-Za-z0-9.])\d{1,3}(\.\d{1,3}){3}(?![A-Za-z0-9]|\.\d)")
IPV6 = re.compile(r"(?<![A-Za-z0-9.:])[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?![A-Za-z0-9])")
# user@machine: who made a change, where data come from; not the digest of an image
AT = re.compile(r"([A-Za-z0-9._-]+)@(?!sha256)([A-Za-z0-9._-]+)")
LISTS = (
    "admins",
    "allowed_users",
    "blocked_users",
    "recorded_users",
    "members",
)  # runbook 10's rows
ACCOUNT = re.compile(r"\baccount ([^;\s]+)")  # of the login's provider, as runbook 10 explains it
Change = Callable[[str], str]


def hider(site: Site, nb: NotebookNode) -> Change:
    """A function that leaves out of a text what `docs.hide` names."""
    hide = site.docs.hide
    words: dict[str, str] = {}
    public = urlsplit(site.public_url).hostname or ""
    for kind, word, names in (
        ("logins", "login", _logins(site, nb)),
        ("addresses", "address", [public]),
        ("hosts", "host", [*_hosts(site, nb), public]),
    ):
        if kind in hide:
            words |= {n.lower(): word for n in names if n and n.lower() not in EVERYWHERE}
    either = "|".join(re.escape(name) for name in sorted(words, key=len, reverse=True))
    known = re.compile(rf"(?<![A-Za-z0-9])({either})(?![A-Za-z0-9])", re.I) if either else None

    def change(text: str) -> str:
        if known:
            text = known.sub(lambda found: words[found[0].lower()], text)
        if "addresses" in hide:
            text = IPV4.sub("address", IPV6.sub(_address, text))
        return text

    return change


def _logins(site: Site, nb: NotebookNode) -> list[str]:
    people = site.login.standin
    found = [*site.admins, *site.allowed_users, *site.blocked_users, site.service_user]
    found += [account.login for account in people] + [account.name for account in people]
    found += [target.rpartition("@")[0] for target in _targets(site, nb)]
    given = _given(nb)
    for name, field in AccessParams.model_fields.items():
        if name == "rename" or LOGINS in field.metadata:
            found += re.split(r"[\s,:@]+", str(given.get(name, "")))
    for row in _rows(nb):
        if row["label"] == "login":  # the account behind an alias of ~/.ssh/config
            found.append(row["was"].split(" ")[0])
        if row["label"] in LISTS and row["was"] != "nobody":
            found += row["was"].partition(" and ")[0].split(", ")
        found += ACCOUNT.findall(row["was"])
    return found + [user for text in _said(nb) for user, _ in AT.findall(text)]


def _hosts(site: Site, nb: NotebookNode) -> list[str]:
    targets = _targets(site, nb)
    found = targets + [re.sub(r":\d+$", "", t.rpartition("@")[2]).strip("[]") for t in targets]
    found += [m.source.rpartition("@")[2].partition(":")[0] for m in site.mounts if ":" in m.source]
    return found + [machine for text in _said(nb) for _, machine in AT.findall(text)]


def _targets(site: Site, nb: NotebookNode) -> list[str]:
    return [site.host, str(_given(nb).get("host", ""))]


def _given(nb: NotebookNode) -> dict[str, Any]:
    return dict(nb.metadata.get("papermill", {}).get("parameters", {}))


def _rows(nb: NotebookNode) -> Iterator[dict[str, str]]:
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            yield from output.get("metadata", {}).get(MIME, {}).get("rows", [])


def _said(nb: NotebookNode) -> Iterator[str]:
    """What its cells printed: tables, errors, text."""
    for row in _rows(nb):
        yield from row.values()
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            yield str(output.get("evalue", "")) + str(output.get("text", ""))


def _address(found: re.Match[str]) -> str:
    text = found[0].rstrip(":.")
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return found[0]
    return found[0] if not text.strip(":") else "address" + found[0][len(text) :]


def refuse_secrets(source: Path, site: Site) -> None:
    """Raise BookFailed if a page holds a secret that this machine knows; without showing it."""
    of_all = [password.variable for password in PASSWORDS]
    for variable in (SECRET_VARIABLE, PASSWORD_VARIABLE, *of_all):
        keep_secret(os.environ.get(variable, "").strip())
    login = site.login
    for named in (login.client_secret_file, login.password_file, login.admin_password_file):
        file = Path(named).expanduser()
        if named and file.is_file():
            keep_secret(file.read_text().strip())
    for shown in sorted(p for p in source.rglob("*") if p.is_file()):
        for text in _texts(shown):
            if any(
                SECRET.search(form) or mask(form) != form for form in (text, html.unescape(text))
            ):
                raise BookFailed(
                    f"a secret is on the page {shown.relative_to(source)}",
                    expected="no page that shows a secret",
                    todo="remove that record from runs/, give the secret anew where it came from"
                    " (a secret that was written down is one no more), and run the runbook again",
                )


def _texts(file: Path) -> Iterator[str]:
    """All strings of a file; of a notebook as they were before JSON escaped them."""
    if file.suffix != ".ipynb":
        yield file.read_text()
        return
    waiting: list[Any] = [json.loads(file.read_text())]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield "".join(item for item in value if isinstance(item, str))
            waiting += value
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]
