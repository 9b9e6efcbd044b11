"""Who may come in: the hub's own module, the same file that runs on the server."""

import importlib.util
import sys

import pytest

from cyberhubs_lib.rendered import CHECK_USER, SERVER

spec = importlib.util.spec_from_file_location("access", SERVER / "hub" / "access.py")
access = importlib.util.module_from_spec(spec)
sys.modules["access"] = access
spec.loader.exec_module(access)

LISTS = access.Lists.of(["Ada", "eve"], [" ben ", "carl", ""], ["EVE", "carl"])

# number, login, allowed, admin, why
MATRIX = [
    (1, "ada", True, True, "administrator"),  # admins need not be listed
    (2, "ADA", True, True, "administrator"),
    (3, "ben", True, False, "on the list"),
    (4, "Ben", True, False, "on the list"),
    (5, "carl", False, False, "blocked"),  # block wins over allow
    (6, "eve", False, False, "blocked"),  # and over admin
    (7, "mallory", False, False, "not on the list"),
    (8, "", False, False, "not a person"),
    (9, "cyberhubs-check", False, False, "not a person"),
]


@pytest.mark.parametrize(("number", "login", "allowed", "admin", "why"), MATRIX)
def test_matrix(number, login, allowed, admin, why):
    decision = access.decide(login, LISTS)
    assert (decision.allowed, decision.admin) == (allowed, admin)
    assert why in decision.why


def test_empty_lists_let_nobody_in():
    assert not access.decide("ada", access.Lists.of()).allowed


def test_the_check_user_has_one_name_on_both_sides():
    assert access.CHECK_USER == CHECK_USER
