"""Logins as people type them: the hub's spelling of each, or what is wrong and what to write."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from .errors import SettingsError

LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # server/hub/access.py has it, too
FORM = "a login: letters a to z, digits, - and _, at most 64 of them, such as ben or ada-lovelace"
SHOWN = 5  # of many lines that hold no login


def of_list(text: str, name: str = "") -> list[str]:
    """The logins of a parameter called `name`, with commas between. Raises SettingsError."""
    return read((f"{name}: " if name else "", word) for word in text.split(",") if word.strip())


def read(words: Iterable[tuple[str, str]]) -> list[str]:
    """One login from each (place, text), each login once; a leading @ does no harm.

    Raises SettingsError that says for each place what stands there and what to write.
    """
    names, odd = [], []
    for place, text in words:
        name = text.strip().lstrip("@")
        if LOGIN.fullmatch(name):
            names.append(name.lower())
        else:
            odd.append((place, repr(text.strip()[:60]), *_fault(name)))
    if odd:
        more = [f"{len(odd) - SHOWN} more"] if len(odd) > SHOWN else []
        shown = odd[:SHOWN]
        advice = [f"for {text} write {instead}" for _, text, _, instead in shown]
        raise SettingsError(
            "; ".join([f"{place}{text} {fault}" for place, text, fault, _ in shown] + more),
            expected=FORM,
            todo="; ".join(dict.fromkeys(advice)) + "; nothing was changed",
        )
    return list(dict.fromkeys(names))


def _fault(name: str) -> tuple[str, str]:
    """What is wrong with it, and what to write instead."""
    words = re.split(r"[\s,;]+", name)
    guess = name.strip(string.punctuation)
    if "/" in name:
        fault, guess = "is an address, not a login", name.rstrip("/").rpartition("/")[2]
    elif len(words) > 1:
        two = "," in name and all(map(LOGIN.fullmatch, words))
        instead = " and ".join(words) if two else "the login of this person, not the full name"
        return "is more than one word", instead + ", each login by itself" * two
    elif "@" in name:
        fault, guess = "is an e-mail address, not a login", name.partition("@")[0]
    elif odd := re.sub(r"[A-Za-z0-9_-]", "", name):
        fault = f"has {odd[0]!r} in it"
    elif name and not name[0].isalnum():
        fault = f"begins with {name[0]!r}"
    else:
        fault = f"has {len(name)} characters" if name else "is empty"
    dotted = guess.replace(".", "_")
    if LOGIN.fullmatch(guess):
        return fault, guess
    if LOGIN.fullmatch(dotted):
        return (
            fault,
            f"{dotted} if the site has login.username_dots, else the login of this account",
        )
    return fault, "the login of this person's account, as the login service spells it"
