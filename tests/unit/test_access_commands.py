"""What the command line makes of logins, and of the old files wlist and blist."""

import pytest

from cyberhubs_lib.access_commands import _named
from cyberhubs_lib.cli import parser
from cyberhubs_lib.errors import SettingsError


def named(*words):
    return _named(parser().parse_args(["access", "allow", *words, "--site", "demo"]))


def test_an_old_list_is_taken_over(tmp_path):
    old = tmp_path / "wlist"
    old.write_bytes(b"\xef\xbb\xbfAda\r\n\r\n  ben  # since May\r\n@carl\nada\n")
    assert named("dora", "--from", str(old)) == ["dora", "ada", "ben", "carl"]


@pytest.mark.parametrize("words", [[], ["a;b"], ["../ada"]])
def test_what_is_no_login_is_refused(words):
    with pytest.raises(SettingsError):
        named(*words)
