"""The two passwords of a workshop (`login.provider: password`): where from, and what they must be."""

from __future__ import annotations

import os
from dataclasses import dataclass

from .errors import PreconditionFailed
from .private_file import read_private
from .shell import keep_secret
from .site import Site


@dataclass(frozen=True)
class Password:
    """One of them: its name on the server, where the operator may put it, how long it must be.

    `letters`: how many the server takes if it makes the password itself; 0 is a long token.
    """

    name: str
    variable: str
    key: str
    least: int  # JupyterHub's SharedPasswordAuthenticator demands them
    letters: int
    why: str


PASSWORDS = (
    Password("user_password", "CYBERHUBS_PASSWORD", "password_file", 8, 12,
             "everybody's who is no administrator"),
    Password("admin_password", "CYBERHUBS_ADMIN_PASSWORD", "admin_password_file", 32, 0,
             "the administrators'"),
)  # fmt: skip


def given(site: Site, password: Password) -> str:
    """What the operator has given, "" if the server shall make one. Raises PreconditionFailed."""
    file = str(getattr(site.login, password.key))
    text = os.environ.get(password.variable, "").strip()
    if not text and file:
        text = read_private(file, f"login.{password.key}")
    if not text:
        return ""
    keep_secret(text)
    if len(text) < password.least or not (text.isascii() and text.isprintable()):
        raise PreconditionFailed(
            f"the password in {file or password.variable} is too short or holds"
            f" characters that not every keyboard has ({len(text)} characters)",
            expected=f"at least {password.least} letters, digits and signs on one line",
            todo=f"choose another, or give none: leave login.{password.key} out, and the server"
            " makes one",
        )
    return text


def all_given(site: Site) -> dict[str, str]:
    """Name -> what the operator has given. Raises PreconditionFailed, also if both are the same."""
    found = {password.name: given(site, password) for password in PASSWORDS}
    if found["user_password"] and found["user_password"] == found["admin_password"]:
        raise PreconditionFailed(
            "both passwords are the same",
            expected="another one for administrators",
            todo="leave login.admin_password_file out, and the server makes one",
        )
    return found
