"""Who may come in: the hub's own module, the same file that runs on the server."""

from datetime import datetime, timedelta, timezone

import pytest
from access import CHECK_USER, Account, Lists, Member, Window, decide, listed, parse

from cyberhubs_lib import site_types

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=timezone.utc)
OPEN = Window(NOW + timedelta(hours=1))
OVER = Window(NOW - timedelta(seconds=1))
REVIEW = Window(NOW - timedelta(seconds=1), "review")
LISTS = {
    "admins": ["Ada", "eve"],
    "allowed": [" ben ", "carl", "", "@Dora"],
    "blocked": ["EVE", "carl"],
    "recorded": ["rita"],
}


def lists(window=None, everybody=False, problems=(), members=None, **other):
    """LISTS, or others; `members`: login -> hours since they were seen, each as github:1."""
    chosen = {**LISTS, **other}
    seen = {login: Member("github:1", "institute", NOW - timedelta(hours=hours))
            for login, hours in (members or {}).items()}  # fmt: skip
    return Lists(**{k: listed(v, k) for k, v in chosen.items()}, window=window, open=everybody,
                 problems=problems, members=seen)  # fmt: skip


def other(owner="", number="github:1", *former):
    return Account(number, owner, former)


# number, login, lists, account, allowed, admin, rule
MATRIX = [
    # the three lists
    (1, "ada", lists(), None, True, True, "admin"),  # admins need not be listed
    (2, "ADA", lists(), None, True, True, "admin"),
    (3, "ben", lists(), None, True, False, "allowed"),
    (4, "Ben", lists(), None, True, False, "allowed"),
    (5, "@dora", lists(), None, True, False, "allowed"),
    (6, "carl", lists(), None, False, False, "blocked"),  # block wins over allow
    (7, "eve", lists(), None, False, False, "blocked"),  # and over admin
    (8, "mallory", lists(), None, False, False, "unlisted"),
    (9, "ben", lists(allowed=[]), None, False, False, "unlisted"),
    (10, "ada", lists(allowed=[]), None, True, True, "admin"),
    (11, "ada", lists(admins=[], allowed=["ada"]), None, True, False, "allowed"),
    (12, "ben", lists(admins=[], allowed=[], blocked=[]), None, False, False, "unlisted"),
    # names that are no person's
    (13, "", lists(), None, False, False, "nobody"),
    (14, CHECK_USER, lists(everybody=True), None, False, False, "nobody"),
    (15, "../ada", lists(everybody=True), None, False, False, "nobody"),
    (16, "a b", lists(everybody=True), None, False, False, "nobody"),
    # access: open
    (17, "mallory", lists(everybody=True), None, True, False, "open"),
    (18, "carl", lists(everybody=True), None, False, False, "blocked"),
    (19, "ada", lists(everybody=True), None, True, True, "admin"),
    # the open window
    (20, "mallory", lists(OPEN), None, True, False, "window"),
    (21, "carl", lists(OPEN), None, False, False, "blocked"),
    (22, "ben", lists(OPEN), None, True, False, "allowed"),
    (23, "ada", lists(OPEN), None, True, True, "admin"),
    (24, "mallory", lists(OVER), None, False, False, "unlisted"),
    (25, "rita", lists(OVER), None, True, False, "recorded"),
    (26, "rita", lists(REVIEW), None, False, False, "closed"),
    (27, "rita", lists(), None, False, False, "closed"),
    (28, "rita", lists(OVER, blocked=["rita"]), None, False, False, "blocked"),
    (29, "rita", lists(OVER, allowed=["rita"]), None, True, False, "allowed"),
    # lists that cannot be read let nobody in, whoever it is
    (30, "ada", lists(problems=("x",)), None, False, False, "unsure"),
    (31, "ben", lists(OPEN, problems=("x",)), None, False, False, "unsure"),
    (32, "mallory", lists(everybody=True, problems=("x",)), None, False, False, "unsure"),
    # accounts: the number counts, not the name
    (33, "ben", lists(), other(), True, False, "allowed"),
    (34, "ben", lists(), other("github:1"), True, False, "allowed"),
    (35, "ben", lists(), other("github:2"), False, False, "recycled"),
    (36, "ada", lists(), other("github:2"), False, False, "recycled"),  # not even an admin
    (37, "mallory", lists(everybody=True), other("github:2"), False, False, "recycled"),
    (38, "ben", lists(), other("", "github:1", "benny"), False, False, "renamed"),
    (39, "ben", lists(), other("github:1", "github:1", "benny"), True, False, "allowed"),
    (40, "newcarl", lists(OPEN), other("", "github:1", "carl"), False, False, "blocked"),
    (41, "newcarl", lists(everybody=True), other("", "github:1", "carl"), False, False, "blocked"),
    (42, "ben", lists(), other("github:2", ""), True, False, "allowed"),  # number not known now
    # members of an organisation
    (43, "mia", lists(members={"mia": 0}), other(), True, False, "member"),
    (44, "MIA", lists(members={"mia": 24}), other(), True, False, "member"),
    (45, "mia", lists(members={"mia": 24.01}), other(), False, False, "stale"),
    (46, "mia", lists(members={"mia": 0}, blocked=["mia"]), other(), False, False, "blocked"),
    (47, "mia", lists(members={"mia": 0}, admins=["mia"]), other(), True, True, "admin"),
    (48, "mia", lists(members={"mia": 99}, allowed=["mia"]), other(), True, False, "allowed"),
    (49, "mia", lists(OPEN, members={"mia": 99}), other(), True, False, "window"),
    (50, "mia", lists(OPEN, members={"mia": 0}), other(), True, False, "member"),
    (51, "mia", lists(members={"mia": 0}), other("", "github:2"), False, False, "unlisted"),
    (52, "mia", lists(members={"mia": 0}), other("github:1", ""), True, False, "member"),
    (53, "mia", lists(members={"mia": 0}), other("github:1", "github:2"), False, False, "unlisted"),
    (54, "mia", lists(members={"mia": 0}), None, False, False, "unlisted"),  # no account known
    (55, "mia", lists(members={"mia": 0}, problems=("x",)), other(), False, False, "unsure"),
    (56, "new", lists(members={"new": 0}), other("", "github:1", "mia"), False, False, "renamed"),
    (57, "mia", lists(everybody=True, members={"mia": 99}), other(), True, False, "open"),
    (58, "max", lists(members={"mia": 0}), other(), False, False, "unlisted"),
    # nor do they keep anybody in who is blocked: that could be read
    (59, "carl", lists(problems=("x",)), None, False, False, "blocked"),
    (60, "newcarl", lists(problems=("x",)), other("", "github:1", "carl"), False, False, "blocked"),
]


@pytest.mark.parametrize(
    ("number", "login", "given", "account", "allowed", "admin", "rule"), MATRIX
)
def test_matrix(number, login, given, account, allowed, admin, rule):
    decision = decide(login, given, NOW, account)
    assert (decision.allowed, decision.admin, decision.rule) == (allowed, admin, rule)
    assert decision.why


def test_the_cases_are_numbered():
    assert [case[0] for case in MATRIX] == list(range(1, len(MATRIX) + 1))


def test_a_list_as_people_write_it():
    text = "\ufeff# who\r\nAda\r\n\r\n  ben  # since May\n@Carl\n\tdora\n#eve\nno such name\nada\n"
    found, odd = parse(text, "allowed_users")
    assert found == {
        "ada": "allowed_users line 2",
        "ben": "allowed_users line 4",
        "carl": "allowed_users line 5",
        "dora": "allowed_users line 6",
    }
    assert odd == ["allowed_users line 8 is not a login: 'no such name'"]


def test_the_place_that_decides_is_told():
    assert decide("ben", lists(), NOW).place == "allowed line 1"
    assert decide("carl", lists(), NOW).place == "blocked line 2"


def test_the_last_second_of_a_window():
    window = Window(NOW)
    assert not decide("mallory", lists(window), NOW).allowed
    assert decide("mallory", lists(window), NOW - timedelta(microseconds=1)).allowed


def test_the_check_user_has_one_name_on_both_sides():
    assert site_types.CHECK_USER == CHECK_USER
