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


def token(path, days):
    return Token(str(path), f"{os.getuid()}:{os.getgid()}", days=days)


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
