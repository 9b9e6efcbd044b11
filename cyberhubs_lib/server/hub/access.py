"""Who may come in: one pure decision, asked at login and again while somebody is logged in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# The name under which the service `check` proves that the hub works. It owns an account on GitHub's
# side or not; either way nobody logs in with it.
CHECK_USER = "cyberhubs-check"


@dataclass(frozen=True)
class Lists:
    """The three lists of a site, names folded so that GitHub's spelling does not matter."""

    admins: frozenset[str]
    allowed: frozenset[str]
    blocked: frozenset[str]

    @classmethod
    def of(
        cls,
        admins: Iterable[str] = (),
        allowed: Iterable[str] = (),
        blocked: Iterable[str] = (),
    ) -> Lists:
        """Make lists from names as somebody typed them; empty entries do not count."""
        return cls(folded(admins), folded(allowed), folded(blocked))


@dataclass(frozen=True)
class Decision:
    """What was decided about a login, and why, in words for that person and the log."""

    allowed: bool
    admin: bool
    why: str


def fold(login: str) -> str:
    """One spelling for one GitHub login: GitHub itself does not tell cases apart."""
    return login.strip().casefold()


def folded(names: Iterable[str]) -> frozenset[str]:
    """Fold many names and leave out what is empty."""
    return frozenset(name for name in map(fold, names) if name)


def decide(login: str, lists: Lists) -> Decision:
    """Decide about one login. Block wins over everything; an admin need not be listed."""
    name = fold(login)
    if not name or name == CHECK_USER:
        return Decision(False, False, "this name is not a person's")
    if name in lists.blocked:
        return Decision(False, False, "blocked on this hub")
    if name in lists.admins:
        return Decision(True, True, "administrator")
    if name in lists.allowed:
        return Decision(True, False, "on the list of allowed users")
    return Decision(False, False, "not on the list of allowed users")
