"""Whose files are whose: names of an account, and files that are renamed, packed or deleted."""

import os
from pathlib import Path

import pytest
import user_files
from access import Account
from accounts import Accounts


def test_files_belong_to_the_account(tmp_path):
    accounts = Accounts(tmp_path)
    accounts.claim("ben", "github:2")
    accounts.claim("ben", "github:9")  # never overwritten
    assert accounts.owner("ben") == "github:2"
    assert accounts.names("github:2") == ("ben",)
    assert accounts.of("benny", "github:2").former == ("ben",)
    assert accounts.of("ben", "github:9").owner == "github:2"
    assert accounts.owner("../ben") == ""


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


def test_with_a_shared_password_the_account_is_called_otherwise_too(people):
    Accounts(people).claim("seat01", "password:seat01")
    user_files.rename("seat01", "carl", people)
    accounts = Accounts(people)
    assert accounts.of("carl", "password:carl") == Account("password:carl", "password:carl", ())
    user_files.rename("carl", "seat01", people)  # the way back
    assert Accounts(people).owner("seat01") == "password:seat01"


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
