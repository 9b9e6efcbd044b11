"""The host's clock beside that of this machine: what 00 says, and what 02 sets."""

import time

import pytest

from cyberhubs_lib.answers import Garbled
from cyberhubs_lib.resources.clock import QUESTION, Clock, as_here
from cyberhubs_lib.state import difference
from cyberhubs_lib.transport import Local, Result

DAY = 86400
CLOCKS = [
    (0, "alone", "ok", "the same", []),
    (-100, "alone", "ok", "the same", []),  # a slow answer
    (-2 * DAY, "alone", "warning", "2 days slow", ["time"]),
    (5 * 3600, "alone", "warning", "5 hours fast", ["time"]),
    (-200, "alone", "warning", "3 minutes slow", ["time"]),
    (3600 * 2, "kept", "warning", "2 hours fast, but it is kept by time servers (NTP)", []),
]


@pytest.mark.parametrize(("off", "kept", "status", "said", "wrong"), CLOCKS)
def test_a_clock_that_is_off(off, kept, status, said, wrong):
    answer = Result(0, f"{time.time() + off:.0f}\n{kept}\n")
    row = as_here().row(answer)
    assert (row.status, row.was) == (status, said)
    assert difference(Clock().parse(answer), Clock.wanted) == wrong


@pytest.mark.parametrize("text", ["", "Tue\nalone", "1e9\nalone", "1764600000\nperhaps"])
def test_no_clock_is_set_by_an_answer_that_cannot_be_read(text):
    with pytest.raises(Garbled):
        Clock().parse(Result(0, text))


def test_this_machine_is_as_here():
    assert as_here().row(Local().run(QUESTION)).status == "ok"


def test_it_is_set_to_the_time_of_the_change():
    set_to = int(Clock().change({"time": "2 days slow"}).split("@")[1].split()[0])
    assert abs(set_to - time.time()) < 5
