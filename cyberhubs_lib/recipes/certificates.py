"""07: the certificate of the public address: what must hold before, its files, and what is served."""

from __future__ import annotations

from ..acme_account import account, root
from ..certificate_checks import served_checks
from ..check import Check
from ..errors import PreconditionFailed
from ..facts import Facts
from ..front_door import ports
from ..own_certificate import Pair, findings, read_pair
from ..params import Params
from ..reach import can_be_reached, leads_to_host, names_below_lead_there
from ..resources.files import Directory, File
from ..shell import sh
from ..site import Site
from ..state import Resource
from .recipe import Recipe, account_exists

MODES = {
    "none": "none: plain http, there is nothing to do",
    "elsewhere": "another server's: there is nothing to do",
    "automatic": "got and renewed by the front door",
    "own": "your own",
    "internal": "by the front door's own authority",
}


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """Files only: Caddy itself asks for certificates, and takes a new one of yours at once."""
    mode = site.certificate_mode
    said = Check("certificate", "true", lambda a: (True, MODES[mode]), "as the site says")
    below = [names_below_lead_there(site)] if site.subdomains else []
    if not site.speaks_https:
        return Recipe(requirements=[said, *below], steps={"certificate": []})
    folder = f"{site.directory(facts.home)}/certificate"
    files: list[Resource] = []
    pair, found = None, []
    try:
        if mode == "own":
            pair = read_pair(site.certificate)
            found = _findings(pair, site)
            files = [_own(pair, folder, facts.owner)]
        elif mode == "automatic":
            files = _acme(site, folder, facts.owner)
            found = [_account(site)]
    except PreconditionFailed as error:  # it stops all but a dry run
        found = [_failed(error)]
    hard = mode == "automatic"  # an authority looks from outside, and counts failed attempts
    return Recipe(
        requirements=[
            said,
            account_exists(facts),
            Check("settings of the hub", sh("ls -d {}", folder),
                  lambda a: (a.code == 0, "there" if a.code == 0 else "missing"), "there",
                  "run 06_configure_hub first"),
            *found,
            leads_to_host(site, params.host or site.host, hard),
            *below,
            *[can_be_reached(site, port, hard) for port in ports(site)],
        ],
        steps={"certificate": files},
        checks=served_checks(site, pair),
    )  # fmt: skip


def _failed(error: PreconditionFailed) -> Check:
    return Check("files of the certificate", "true", lambda a: (False, error.found),
                 error.expected, error.todo)  # fmt: skip


def _findings(pair: Pair, site: Site) -> list[Check]:
    def check(label: str, good: bool, was: str, wanted: str, todo: str) -> Check:
        return Check(label, "true", lambda a: (good, was), wanted, todo)

    found = findings(pair, site.public_name, site.certificates(), site.subdomains)
    return [check(f.label, f.good, f.found, f.wanted, f.todo) for f in found]


def _own(pair: Pair, folder: str, owner: str) -> File:
    why = "certificate and key; the front door takes it at the next connection"
    return File(f"{folder}/own.pem", pair.pem, "600", owner, why, secret=True)


def _acme(site: Site, folder: str, owner: str) -> list[Resource]:
    """Raises PreconditionFailed."""
    wanted, why = site.certificate, "who we are to the authority; counts after 09_launch_hub"
    made: list[Resource] = [
        Directory(f"{folder}/acme", owner),
        File(
            f"{folder}/acme/account.caddy",
            account(wanted, site.public_name),
            "600",
            owner,
            why,
            secret=True,
        ),
    ]
    if wanted.ca_root:
        made.append(File(f"{folder}/acme/root.pem", root(wanted), "644", owner, "the authority's"))
    return made


def _account(site: Site) -> Check:
    wanted = site.certificate
    key = f"key {wanted.eab_key_id}" if wanted.eab_key_id else ""
    words = ", ".join(filter(None, (wanted.email, key))) or "no e-mail address"
    label = f"account at {wanted.directory.split('/')[2]}"
    return Check(label, "true", lambda a: (True, words), "made when first asked")
