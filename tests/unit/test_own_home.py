"""A server gets its user's own home and no other directory: the broker looks before and after."""

import sys

import pytest
from spawner_request import ID

from cyberhubs_lib.rendered import SERVER

sys.path.insert(0, str(SERVER / "broker"))
import own_home
from engine import Answer
from strict_http import Refused


@pytest.fixture
def place(tmp_path):
    """Homes of four users, of whom one has a directory."""
    (tmp_path / "ben").mkdir()
    (tmp_path / "link").symlink_to("/")
    (tmp_path / "file").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("user", "said"),
    [("link", "no directory of its own"), ("file", "no directory of its own"), ("gone", "missing")],
)
def test_a_home_is_a_directory_and_no_link(place, user, said):
    with pytest.raises(Refused, match=said):
        own_home.start(lambda call: pytest.fail("Docker was asked"), ID, user, place)


# number, what Docker says to start, exec, the look inside (None: the home), kill -> status or refusal
STARTS = [
    (1, 204, 201, None, ..., 204),
    (2, 304, 201, None, ..., 304),
    (3, 204, 201, "2049:2", 204, "is not the user's"),
    (4, 204, 201, "2049:2", 409, "is not the user's"),
    (5, 204, 201, "sh: stat: not found", 204, "cannot be seen"),
    (6, 204, 201, "", 204, "cannot be seen"),
    (7, 204, 500, "", 204, "cannot be seen"),
    (8, 204, 409, "", 409, 204),  # it has ended by itself
    (9, 204, 201, "", 404, 204),
    (10, 404, ..., ..., ..., 404),  # not started
    (11, 0, ..., ..., 204, "no answer"),  # then it may have started
]


@pytest.mark.parametrize(("number", "started", "made", "seen", "killed", "result"), STARTS)
def test_a_server_with_another_home_is_ended(place, number, started, made, seen, killed, result):
    def ask(call):
        asked.append(call.path)
        if call.path.endswith(f"{ID}/start") and not started:
            raise TimeoutError("no answer")
        said = f"{own_home.identity('ben', place) if seen is None else seen}\r\n".encode()
        return {
            f"/containers/{ID}/start": Answer(started, b""),
            f"/containers/{ID}/exec": Answer(made, b'{"Id": "e1"}'),
            "/exec/e1/start": Answer(200, said),
            f"/containers/{ID}/kill": Answer(killed, b""),
        }[call.path]

    asked = []
    try:
        got = own_home.start(ask, ID, "ben", place).status
    except (Refused, TimeoutError) as refused:
        got = str(refused)
    assert got == result if isinstance(result, int) else result in got
    assert (f"/containers/{ID}/kill" in asked) is (killed is not ...)
