"""How somebody is called on this hub, from what a login service says of them.

A name here names a directory and a container, so it is plain: small letters, digits, - and _. What is
not plain is changed in ways that cannot make one name of two, or refused. Upper and lower case are one
name, as in the lists and at GitHub.
"""

from __future__ import annotations

from typing import Any

from access import LOGIN, fold


def as_sent(said: str) -> str:
    """What a login service sends, if folding it makes no other name of it. Raises ValueError.

    Lists may write `@ada`, and people type as they like; here it would be the name of another
    account. Outside ASCII several signs become one small letter: the Kelvin sign a k, \xdf two s.
    """
    if said != said.strip() or said.startswith("@") or not said.isascii():
        raise ValueError(f"{said} cannot be a name here: letters a to z, digits, - and _.")
    return said


def login_of(user: dict[str, Any], claim: str, domain: str = "", dots: bool = False) -> str:
    """The login. Raises ValueError with a sentence for that person and their administrator.

    `domain`: ada@DOMAIN is ada, and nobody of another domain comes in. `dots`: ada.lovelace is
    ada_lovelace; then a _ of somebody's own is refused, as it could be that of another.
    """
    said = user.get(claim)
    if not isinstance(said, str) or not said.strip():
        raise ValueError(f"The login service names nobody: it sends no {claim}.")
    if claim == "email" and user.get("email_verified") is not True:
        raise ValueError(f"The login service has not verified that {said} is your address.")
    as_sent(said)
    name, _, at = fold(said).rpartition("@") if "@" in fold(said) else (fold(said), "", "")
    if domain and at != domain.casefold():
        raise ValueError(f"{said} is no account of {domain}.")
    if at and not domain:
        raise ValueError(f"{said} has a domain, and this hub has not been told whose names it takes"
                         " without it (login.username_domain).")  # fmt: skip
    if dots:
        if "_" in name:
            raise ValueError(f"{said} has a _, which on this hub stands for a dot.")
        name = name.replace(".", "_")
    if not LOGIN.fullmatch(name):
        more = " Dots can be allowed (login.username_dots)." if "." in name and not dots else ""
        raise ValueError(f"{said} cannot be a name here: small letters, digits, - and _.{more}")
    return name
