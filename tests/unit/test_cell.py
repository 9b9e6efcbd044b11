"""A kernel that never answers does not hold up the proof."""

import json

import pytest

from cyberhubs_lib import cell


class Restarting:
    """The connection to a kernel that dies and comes back: messages without end, no answer."""

    def settimeout(self, seconds):
        assert seconds > 0

    def recv(self):
        return json.dumps({"msg_type": "status", "parent_header": {}, "content": {}})


def test_a_kernel_that_restarts_for_ever_is_given_up(monkeypatch):
    monkeypatch.setattr(cell, "SECONDS", 0.1)
    with pytest.raises(TimeoutError, match="the kernel did not answer within"):
        cell._printed(Restarting(), "1")
