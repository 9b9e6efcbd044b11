"""The lists of the access directory, read live: replaced, half written, or damaged."""

import os
import time

import changes
import ledger
import manage
import pytest
from access import Rules, decide
from access_folder import LATER, NOW, access_folder
from listfile import write
from lists import LiveLists, read, window_of


@pytest.fixture
def folder(tmp_path):
    return access_folder(tmp_path)


def test_a_change_is_seen_at_the_next_question(folder):
    live = LiveLists(folder)
    assert "dora" not in live.now().allowed
    with (folder / "allowed_users").open("a") as file:
        file.write("\ndora\n")
    assert "dora" in live.now().allowed
    write(folder / "allowed_users", "eve\n")  # replaced, as editors do
    assert list(live.now().allowed) == ["eve"]


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


def test_a_list_that_may_be_half_written_counts_as_it_was(folder):
    path, live = folder / "allowed_users", LiveLists(folder)
    assert list(live.now().allowed) == ["ben", "carl"]
    path.write_text("# people\nBen\ncar")  # as a slow editor leaves it for a moment
    for _ in range(2):
        assert list(live.now().allowed) == ["ben", "carl"]
        assert live.now().unfinished == ("allowed_users",)
    path.write_text("# people\nBen\n")  # whole
    assert (list(live.now().allowed), live.now().unfinished) == (["ben"], ())


def test_half_a_list_of_the_blocked_blocks_nobody_else_beside_a_faulty_file(folder):
    (folder / "blocked_users").write_text("benjamin\n")
    live = LiveLists(folder)
    live.now()
    (folder / "admins").write_bytes(b"ada\n\xff\n")
    (folder / "blocked_users").write_text("ben")
    assert live.now().problems
    assert list(live.now().blocked) == ["benjamin"]


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


def test_a_hub_without_an_administrator_is_an_alarm(folder, monkeypatch):
    monkeypatch.setattr(manage, "ACCESS", folder)

    def alarms():
        return [a for a in manage.show(read(folder), NOW)["watch"]["alarms"] if "no admin" in a]

    changes.edit(folder, "admin", ["ada", "ben"], "joe")
    changes.edit(folder, "unadmin", list(set(read(folder).admins) - {"ada", "ben"}), "joe")
    changes.edit(folder, "unadmin", ["ben"], "joe")
    assert alarms() == []
    changes.edit(folder, "block", ["ada"], "joe")
    assert alarms() == [manage.NOBODY]
    changes.edit(folder, "unblock", ["ada"], "joe")
    assert alarms() == []
    changes.edit(folder, "remove", ["ada"], "joe")
    assert alarms() == [manage.NOBODY]
    (folder / "admins").unlink()  # not known who is one
    assert alarms() == []
