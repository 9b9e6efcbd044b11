"""Changes in the access directory: edits, a window's end, confirmations, and the ledger of it all."""

import json
import os
from datetime import timedelta

import changes
import ledger
import pytest
from access import decide
from access_folder import LATER, NOW, access_folder
from clock import Clock
from lists import fingerprint, read, said


@pytest.fixture
def folder(tmp_path):
    return access_folder(tmp_path)


# what, logins, then: changed, allowed_users, admins, blocked_users
EDITS = [
    ("allow", ["dora"], ["dora"], "# people\nBen # since May\ncarl\ndora\n", "ada\n", ""),
    ("allow", ["ben"], [], "# people\nBen # since May\ncarl", "ada\n", ""),
    ("remove", ["ben", "ada"], ["ada", "ben"], "# people\ncarl\n", "", ""),
    ("block", ["ben"], ["ben"], "# people\nBen # since May\ncarl", "ada\n", "ben\n"),
    ("unblock", ["ben"], [], "# people\nBen # since May\ncarl", "ada\n", ""),
    ("admin", ["ben"], ["ben"], "# people\nBen # since May\ncarl", "ada\nben\n", ""),
    ("unadmin", ["ada"], ["ada"], "# people\nBen # since May\ncarl", "", ""),
]


@pytest.mark.parametrize(("what", "logins", "changed", "allowed", "admins", "blocked"), EDITS)
def test_edits(folder, what, logins, changed, allowed, admins, blocked):
    assert changes.edit(folder, what, logins, "joe@laptop", "run 7") == changed
    names = ("allowed_users", "admins", "blocked_users")
    assert [(folder / name).read_text() for name in names] == [allowed, admins, blocked]
    assert changes.edit(folder, what, logins, "joe@laptop") == []  # again: nothing to do
    entries = list(ledger.entries(folder))
    assert [(e.what, list(e.logins), e.who, e.run) for e in entries] == (
        [(what, changed, "joe@laptop", "run 7")] if changed else []
    )


def test_an_edit_keeps_owner_and_mode(folder):
    (folder / "allowed_users").chmod(0o640)
    changes.edit(folder, "allow", ["dora"], "joe")
    assert (folder / "allowed_users").stat().st_mode & 0o777 == 0o640


@pytest.fixture
def written(folder):
    for login in ("dora", "eve", "finn"):
        changes.edit(folder, "allow", [login], "joe@laptop")
    return folder


def test_the_ledger_is_unbroken(written):
    lines, head, bad = ledger.verify(written)
    assert (lines, bad) == (3, "")
    assert (written / "ledger").read_text().splitlines()[-1].startswith(head)


def test_the_ledger_is_plain_text(written):
    first = (written / "ledger").read_text().splitlines()[0]
    assert json.loads(first.partition(" ")[2])["logins"] == ["dora"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_altered_line_is_named(written, number):
    lines = (written / "ledger").read_text().splitlines()
    lines[number - 1] = lines[number - 1].replace("joe@laptop", "eve@laptop")
    (written / "ledger").write_text("\n".join(lines) + "\n")
    assert ledger.verify(written)[2].startswith(f"line {number} is not the one that was written")


def test_a_removed_line_is_noticed(written):
    lines = (written / "ledger").read_text().splitlines()
    (written / "ledger").write_text("\n".join([lines[0], lines[2]]) + "\n")
    assert ledger.verify(written)[2].startswith("line 2 is not the one that was written")


def test_an_edit_by_hand_gets_its_line(folder):
    before = read(folder)
    assert changes.note_edit(folder, None, before)
    (folder / "allowed_users").write_text("ben\ndora\n")
    (folder / "window").write_text("open_until: 2026-12-01T18:00+01:00\non_close: allow\n")
    assert not changes.note_edit(folder, said(before), before)  # changed since it was read
    for _ in range(2):  # noted once
        assert changes.note_edit(folder, said(before), read(folder))
    first, last = ledger.entries(folder)
    assert (first.what, first.logins) == ("begin", ("+ada admins", "+ben allowed", "+carl allowed"))
    assert (last.what, last.logins) == (
        "edited by hand",
        ("+dora allowed", "-carl allowed", "+2026-12-01T18:00:00+01:00 allow window"),
    )
    assert last.lists == fingerprint(read(folder))


def test_who_came_in_the_window_is_a_line_and_no_edit_by_hand(folder):
    changes.open_window(folder, LATER, "allow", "joe")
    before = said(read(folder))
    for _ in range(2):
        changes.record(folder, "rita", NOW)
    assert changes.note_edit(folder, before, read(folder))
    last = list(ledger.entries(folder))[1:]
    assert [(e.who, e.what, e.logins) for e in last] == [
        ("hub", "came in the open window", ("rita",))
    ]
    (folder / "recorded_users").unlink()
    assert changes.note_edit(folder, said(read(folder)) | {"recorded": ["rita"]}, read(folder))
    assert list(ledger.entries(folder))[-1].logins == ("-rita recorded",)


@pytest.mark.parametrize(("on_close", "then"), [("allow", "allowed"), ("review", "closed")])
def test_a_window_closes_once(folder, on_close, then):
    changes.open_window(folder, LATER, on_close, "joe")
    (folder / "recorded_users").write_text("rita # then\n")
    assert changes.close_window(folder, NOW, "hub") == []  # not yet
    assert decide("mallory", read(folder), NOW).rule == "window"
    late = NOW + timedelta(hours=2)
    names = changes.close_window(folder, late, "hub")
    assert names == (["rita"] if on_close == "allow" else [])
    assert decide("rita", read(folder), late).rule == then
    assert changes.confirmed(folder) == (set() if on_close == "allow" else {"rita"})
    assert decide("mallory", read(folder), NOW).rule == "unlisted"  # a clock set back opens nothing
    assert changes.close_window(folder, late, "hub") == []
    assert [e.what for e in ledger.entries(folder)][-1] == f"window closed, on close {on_close}"


REVIEWED = {
    "closed": lambda folder: changes.close_window(folder, None, "joe"),
    "taken away by hand": lambda folder: (folder / "window").unlink(),
    "spoiled, then closed": lambda folder: (
        (folder / "window").write_text("?"), changes.close_window(folder, None, "joe")),
}  # fmt: skip
BY_HAND = f"open_until: {LATER}\non_close: allow\n"


@pytest.mark.parametrize("how", REVIEWED)
@pytest.mark.parametrize("by_hand", [False, True])
def test_who_waits_for_a_review_is_not_let_in_by_the_next_window(folder, how, by_hand):
    changes.open_window(folder, LATER, "review", "joe")
    for login in ("mallory", "rita", "sam"):
        changes.record(folder, login, NOW)
    before = said(read(folder))
    REVIEWED[how](folder)
    changes.note_edit(folder, before, read(folder))
    changes.rename(folder, "mallory", "malory", "joe")
    if by_hand:
        (folder / "window").write_text(BY_HAND)
    else:
        changes.open_window(folder, LATER, "allow", "joe")
    changes.record(folder, "tess", NOW)
    changes.record(folder, "rita", NOW)  # came again
    changes.open_window(folder, NOW.isoformat(), "allow", "joe")  # sooner: the same window
    moment = NOW + timedelta(seconds=1)  # closed, and not yet seen by the hub
    rules = {n: decide(n, read(folder), moment).rule for n in ("malory", "rita", "sam", "tess")}
    assert rules == {"malory": "closed", "rita": "recorded", "sam": "closed", "tess": "recorded"}
    assert set(changes.close_window(folder, moment, "hub")) == {"rita", "tess"}
    for login, rule in (("malory", "closed"), ("sam", "closed"), ("rita", "allowed")):
        assert decide(login, read(folder), moment).rule == rule
    assert said(read(folder))["recorded"] == ["malory", "sam"]
    changes.edit(folder, "allow", ["sam"], "joe")
    assert said(read(folder))["recorded"] == ["malory"]


def test_a_confirmation_is_for_those_who_were_named(folder):
    changes.confirm(folder, ["ben"], "joe")
    changes.confirm(folder, ["carl"], "joe")
    changes.unconfirm(folder, {"ben"})  # there is a newer one
    assert changes.confirmed(folder) == {"ben", "carl"}
    changes.unconfirm(folder, {"ben", "carl"})
    assert not (folder / "confirmed").exists()
    assert [e.logins for e in ledger.entries(folder)] == [("ben",), ("carl",)]


@pytest.mark.parametrize(("what", "wait", "may_stop"), [
    ("block", False, {"ben", "dora"}),  # dora is blocked already: her server may wait for this
    ("block", True, set()),  # from a file
    ("remove", False, set()),
])  # fmt: skip
def test_whom_somebody_blocks_by_name_needs_no_confirmation(folder, what, wait, may_stop):
    (folder / "blocked_users").write_text("dora\n")
    changes.edit(folder, what, ["ben", "dora"], "joe", wait=wait)
    assert changes.confirmed(folder) == may_stop


def test_time_never_goes_back(tmp_path):
    clock = Clock(tmp_path / "clock")
    first = clock.now()
    future = first + timedelta(days=3)
    os.utime(tmp_path / "clock", (future.timestamp(), future.timestamp()))
    assert clock.now() >= future
    assert Clock(tmp_path / "clock").now() >= future  # after a restart too
