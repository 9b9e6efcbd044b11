"""A secret that is too old is made anew, and only then."""

import os
import time

import pytest

from cyberhubs_lib.host import Host
from cyberhubs_lib.resources.files import Token
from cyberhubs_lib.state import difference, look
from cyberhubs_lib.transport import Local

DAY = 86400


@pytest.fixture
def host():
    return Host(Local(), root=False)


def token(path, days, earlier=False):
    return Token(str(path), f"{os.getuid()}:{os.getgid()}", days=days, earlier=earlier)


def make(host, resource):
    (was,) = look(host, [resource])
    host.read(resource.change(was))
    (now,) = look(host, [resource])
    assert difference(now, resource.wanted) == []


@pytest.mark.parametrize(
    ("age", "days", "shown"),
    [(0, 90, []), (89, 90, []), (91, 90, ["age"]), (1, 1, []), (2, 1, ["age"]), (400, 0, [])],
)
def test_the_age_decides(host, tmp_path, age, days, shown):
    path = tmp_path / "secrets" / "token"
    make(host, token(path, 0))
    first = path.read_text()
    made = time.time() - age * DAY + 60
    os.utime(path, (made, made))
    resource = token(path, days)
    (was,) = look(host, [resource])
    assert difference(was, resource.wanted) == shown
    make(host, resource)
    assert (path.read_text() == first) == (not shown)
    assert path.stat().st_mode & 0o777 == 0o600


def test_to_put_the_mode_right_keeps_the_secret(host, tmp_path):
    path = tmp_path / "secrets" / "token"
    make(host, token(path, 90))
    first = path.read_text()
    path.chmod(0o644)
    make(host, token(path, 90))
    assert path.read_text() == first


def test_the_one_before_stays_where_something_is_encrypted_with_it(host, tmp_path):
    path, seen = tmp_path / "secrets" / "key", []
    for _ in range(3):
        make(host, token(path, 90, earlier=True))
        lines = path.read_text().split()
        assert lines[1:] == seen[-1:]
        seen.append(lines[0])
        os.utime(path, (0, 0))
    assert len({*seen}) == 3
    assert {len(bytes.fromhex(key)) for key in seen} == {32}
    assert path.stat().st_mode & 0o777 == 0o600
