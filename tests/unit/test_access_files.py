"""The access directory: files as people leave them, changes, ledger, and whose files are whose."""

import json
import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import changes
import ledger
import manage
import pytest
import user_files
from access import Account, Rules, decide
from accounts import Accounts
from clock import Clock
from listfile import write
from lists import LiveLists, fingerprint, read, said, window_of

NOW = datetime.now(timezone.utc)
LATER = (NOW + timedelta(hours=1)).isoformat()


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "access"
    path.mkdir()
    (path / "admins").write_text("ada\n")
    (path / "allowed_users").write_text("# people\nBen # since May\ncarl")
    (path / "blocked_users").write_text("")
    return path


def test_a_change_is_seen_at_the_next_question(folder):
    live = LiveLists(folder)
    assert "dora" not in live.now().allowed
    with (folder / "allowed_users").open("a") as file:
        file.write("\ndora\n")
    assert "dora" in live.now().allowed
    write(folder / "allowed_users", "eve\n")  # replaced, as editors do
    assert list(live.now().allowed) == ["eve"]


def test_a_list_that_may_be_half_written_counts_as_it_was(folder):
    path, live = folder / "allowed_users", LiveLists(folder)
    assert list(live.now().allowed) == ["ben", "carl"]
    path.write_text("# people\nBen\ncar")  # as a slow editor leaves it for a moment
    for _ in range(2):
        assert list(live.now().allowed) == ["ben", "carl"]
        assert live.now().unfinished == ("allowed_users",)
    path.write_text("# people\nBen\n")  # whole
    assert (list(live.now().allowed), live.now().unfinished) == (["ben"], ())


def test_an_editor_that_writes_no_last_end_of_line_is_understood(folder):
    path, live = folder / "allowed_users", LiveLists(folder)
    live.now()
    path.write_text("Ben\ncarl\ndora")  # nobody is lost: at once
    assert list(live.now().allowed) == ["ben", "carl", "dora"]
    path.write_text("Ben\ncarl")
    assert "dora" in live.now().allowed
    os.utime(path, (0, time.time() - 10))  # stays like that
    assert list(live.now().allowed) == ["ben", "carl"]


def test_an_emptied_list_is_whole(folder):
    live = LiveLists(folder)
    live.now()
    (folder / "allowed_users").write_text("")
    assert (live.now().allowed, live.now().unfinished) == ({}, ())


def test_what_did_not_change_is_not_read_again(folder):
    for name in os.listdir(folder):
        os.utime(folder / name, (1, 1))
    live = LiveLists(folder)
    assert live.now() is live.now()


def broken(path, how):
    if how == "missing":
        path.unlink()
    elif how == "a directory":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(
            {"not UTF-8": b"ben\n\xff\xfe", "zeros": b"ben\n\0\0\0", "huge": b"a\n" * 2**20}[how]
        )


@pytest.mark.parametrize("name", ["admins", "allowed_users", "blocked_users"])
@pytest.mark.parametrize("how", ["missing", "a directory", "not UTF-8", "zeros", "huge"])
def test_a_list_that_cannot_be_read_lets_nobody_in(folder, name, how):
    broken(folder / name, how)
    (folder / "window").write_text(f"open_until: {LATER}\non_close: allow\n")
    lists = read(folder, Rules(everybody=True))
    assert len(lists.problems) == 1
    assert lists.problems[0].startswith(name)
    for login in ("ada", "ben", "mallory"):
        decision = decide(login, lists, NOW)
        assert (decision.allowed, decision.rule) == (False, "unsure")
        assert name in decision.why


@pytest.mark.parametrize("text", [b"", b"open", b"open_until: soon", b"open_until: 2099-01-01T00:00",
                                  b"open_until: 2099-01-01T00:00Z\non_close: perh",
                                  b"open_until: 2099-01-01T00:00Z\0"])  # fmt: skip
def test_a_window_that_cannot_be_understood_lets_nobody_in_and_ends_nobody(
    folder, text, monkeypatch
):
    monkeypatch.setattr(manage, "ACCESS", folder)
    (folder / "window").write_bytes(text)
    lists = read(folder)
    assert lists.window is None
    assert lists.problems[0].startswith("window cannot be understood")
    assert decide("ben", lists, NOW).rule == "unsure"
    assert manage.show(lists, NOW)["window"]["until"] == "cannot be understood"
    changes.close_window(folder, NOW, "hub")  # the hub leaves it alone
    assert (folder / "window").exists()
    changes.close_window(folder, None, "joe")
    assert not read(folder).problems
    assert manage.show(read(folder), NOW)["window"] is None
    assert [e.what for e in ledger.entries(folder)] == ["window removed"]


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        window_of("2026-12-01T18:00", "allow")


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


def test_a_confirmation_is_for_those_who_were_named(folder):
    changes.confirm(folder, ["ben"], "joe")
    changes.confirm(folder, ["carl"], "joe")
    changes.unconfirm(folder, {"ben"})  # there is a newer one
    assert changes.confirmed(folder) == {"ben", "carl"}
    changes.unconfirm(folder, {"ben", "carl"})
    assert not (folder / "confirmed").exists()
    assert [e.logins for e in ledger.entries(folder)] == [("ben",), ("carl",)]


def test_time_never_goes_back(tmp_path):
    clock = Clock(tmp_path / "clock")
    first = clock.now()
    future = first + timedelta(days=3)
    os.utime(tmp_path / "clock", (future.timestamp(), future.timestamp()))
    assert clock.now() >= future
    assert Clock(tmp_path / "clock").now() >= future  # after a restart too


def test_files_belong_to_the_account(tmp_path):
    accounts = Accounts(tmp_path)
    accounts.claim("ben", "github:2")
    accounts.claim("ben", "github:9")  # never overwritten
    assert accounts.owner("ben") == "github:2"
    assert accounts.names("github:2") == ("ben",)
    assert accounts.of("benny", "github:2").former == ("ben",)
    assert accounts.of("ben", "github:9").owner == "github:2"
    assert accounts.owner("../ben") == ""


def test_a_change_in_the_same_moment_is_seen_later(folder):
    """A clock has steps: what is written right after a look may have the time of what was seen."""
    live, path = LiveLists(folder), folder / "blocked_users"
    path.write_text("ben\n")
    moment = path.stat()
    assert "ben" in live.now().blocked
    path.write_text("eve\n")
    os.utime(path, ns=(moment.st_atime_ns, moment.st_mtime_ns))
    time.sleep(0.06)
    assert "eve" in live.now().blocked


def test_names_of_an_account_follow_every_change(tmp_path):
    accounts, other = Accounts(tmp_path), Accounts(tmp_path)  # the hub's, and a runbook's
    other.claim("ben", "github:2")
    assert accounts.names("github:2") == ("ben",)
    other.claim("ada", "github:2")
    assert accounts.names("github:2") == ("ada", "ben")
    other.rename("ben", "benny")
    assert accounts.names("github:2") == ("ada", "benny")
    other.release("ada")
    assert accounts.names("github:2") == ("benny",)
    other.release("benny")
    other.claim("benny", "github:3")
    assert (accounts.names("github:2"), accounts.names("github:3")) == ((), ("benny",))


def test_a_decision_reads_no_files_of_other_people(tmp_path, monkeypatch):
    accounts, read_text, files = Accounts(tmp_path), Path.read_text, []
    for number in range(300):
        accounts.claim(f"person{number}", f"github:{number}")
    os.utime(accounts.folder, (0, 0))  # as when nobody has come for some time
    accounts.of("person7")
    monkeypatch.setattr(Path, "read_text", lambda path: files.append(path.name) or read_text(path))
    assert accounts.of("person7", "github:7").owner == "github:7"
    assert files == ["person7"]


@pytest.fixture
def people(tmp_path):
    root = tmp_path / "homes"
    (root / "ben").mkdir(parents=True)
    (root / "ben" / "thesis").write_text("x")
    Accounts(root).claim("ben", "github:2")
    return root


def test_a_renamed_person_keeps_the_files(people):
    user_files.rename("ben", "benny", people)
    assert (people / "benny" / "thesis").read_text() == "x"
    assert not (people / "ben").exists()
    assert (Accounts(people).owner("benny"), Accounts(people).owner("ben")) == ("github:2", "")


def test_who_never_started_a_server_is_renamed_too(people):
    """A login leaves an account behind, and only a start makes a home."""
    Accounts(people).claim("carl", "github:3")
    user_files.rename("carl", "carla", people)
    assert Accounts(people).of("carla", "github:3") == Account("github:3", "github:3", ())
    with pytest.raises(FileNotFoundError, match="carl has no files here"):  # nor an account
        user_files.rename("carl", "carla", people)


@pytest.mark.parametrize("what", ["archive", "delete"])
def test_an_account_without_files_is_forgotten(people, what):
    Accounts(people).claim("carl", "github:3")
    assert not getattr(user_files, what)("carl", people)
    assert Accounts(people).owner("carl") == ""


def test_files_are_never_mixed(people):
    (people / "benny").mkdir()
    (people / "benny" / "own").write_text("y")
    with pytest.raises(FileExistsError, match="not mixed"):
        user_files.rename("ben", "benny", people)
    assert (people / "ben" / "thesis").exists()


def test_an_archive_holds_the_files(people):
    name = user_files.archive("ben", people)
    import tarfile

    with tarfile.open(people / ".archive" / name) as tar:
        assert "ben/thesis" in tar.getnames()
    assert not (people / "ben").exists()
    assert Accounts(people).owner("ben") == ""


@pytest.mark.parametrize("login", ["../ben", "", ".accounts", "nobody"])
def test_only_a_home_is_deleted(people, login):
    with pytest.raises((ValueError, FileNotFoundError)):
        user_files.delete(login, people)
    assert (people / "ben" / "thesis").exists()


def test_files_in_an_image_are_left_alone(people):
    (people / "ben").chmod(0)  # as the host leaves the place of an image that is not mounted
    with pytest.raises(ValueError, match="cyberhubs-homes SITE release ben"):
        user_files.archive("ben", people)
    assert Accounts(people).owner("ben") == "github:2"


def test_a_link_is_not_followed(people, tmp_path):
    (people / "eve").symlink_to(tmp_path)
    with pytest.raises(FileNotFoundError):
        user_files.delete("eve", people)


def test_the_ledger_is_plain_text(written):
    first = (written / "ledger").read_text().splitlines()[0]
    assert json.loads(first.partition(" ")[2])["logins"] == ["dora"]
