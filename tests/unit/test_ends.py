"""Whether a user's server was ended for memory: what the broker makes of Docker's events."""

import sys

import pytest

from cyberhubs_lib.rendered import SERVER

sys.path.insert(0, str(SERVER / "broker"))
from ends import Ends

BEN = "cyberhubs-demo-user-ben"
SOMEBODY = "somebodys-database"
STORIES = [
    ([("oom", 0), ("die", 1)], True),
    ([("oom", 0), ("die", 600)], False),  # a kernel was ended; later somebody killed the server
    ([("die", 0)], False),
    ([("oom", 0), ("start", 1), ("die", 2)], False),
    ([("oom", 0), ("die", 1), ("start", 5)], None),
    ([("oom", 0), ("die 0", 1)], False),  # it ended by itself
]


@pytest.mark.parametrize(("story", "for_memory"), STORIES)
def test_stories(story, for_memory):
    told = Ends("cyberhubs-demo-user-")
    for name in (BEN, SOMEBODY):
        for said, at in story:
            action, _, code = said.partition(" ")
            attributes = {"name": name, "exitCode": code or "137"}
            at_nano = 1_764_600_000_000_000_000 + at * 10**9
            told.note({"Action": action, "Actor": {"Attributes": attributes}, "timeNano": at_nano})
    assert told.for_memory.get(BEN) == for_memory
    assert SOMEBODY not in told.for_memory
