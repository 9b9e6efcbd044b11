"""How often something may happen, and who asks: the hub's own module."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from rate import Rate, visitor

MOST, SECONDS = 3, 60


class Hand:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self):
        return self.now


@given(some.lists(some.tuples(some.floats(0, 50), some.sampled_from("ab"), some.booleans())))
def test_never_more_than_so_many_in_the_time(steps):
    """Against a list of all that was let through; what came in is taken back."""
    clock = Hand()
    rate, counted = Rate(MOST, SECONDS, clock), []
    for pause, key, back in steps:
        clock.now += pause
        recent = [at for at, who in counted if who == key and at > clock.now - SECONDS]
        assert (rate.wait(key) == 0) == (len(recent) < MOST)
        if rate.wait(key) == 0:
            rate.take(key)
            if back:
                rate.give_back(key)
            else:
                counted.append((clock.now, key))


def test_it_says_when_to_come_back():
    clock = Hand()
    rate = Rate(MOST, SECONDS, clock)
    for pause in (0, 10, 20):
        clock.now += pause
        rate.take("ben")
    clock.now += 5.5
    wait = rate.wait("ben")
    assert wait == 25  # the first counts until second 60, and it is 35.5
    assert rate.wait("ada") == 0
    clock.now += wait
    assert rate.wait("ben") == 0


def test_who_does_not_come_again_is_forgotten():
    clock = Hand()
    rate = Rate(MOST, SECONDS, clock)
    for number in range(1000):
        rate.take(number)
    clock.now += SECONDS + 1
    rate.take("ben")
    assert len(rate) == 1


PROXY, DOOR, CLIENT, OTHER = "172.20.0.3", "172.19.0.2", "198.51.100.7", "192.0.2.10"


@pytest.mark.parametrize(
    ("peer", "forwarded", "behind", "found"),
    [
        (PROXY, f"{CLIENT},{DOOR}", [], CLIENT),
        (PROXY, f"{CLIENT}, {DOOR}", [], CLIENT),
        # of another customer of the same provider, but the same customer
        (PROXY, f"2001:db8:1:2:3::9,{DOOR}", [], "2001:db8:1:2::/64"),
        # a user's server calls the hub itself, or by the proxy, and says that it is another
        ("172.21.0.9", f"{CLIENT},{DOOR}", [], "172.21.0.9"),
        (PROXY, "172.21.0.9", [], PROXY),
        (PROXY, "", [], PROXY),
        # another server before the front door: what that one saw, and not what a visitor claimed
        (PROXY, f"{CLIENT}, {OTHER},{DOOR}", [f"{OTHER}/32"], CLIENT),
        (PROXY, f"1.2.3.4, {CLIENT}, {OTHER},{DOOR}", [f"{OTHER}/32"], CLIENT),
        (PROXY, f"1.2.3.4, {CLIENT},{DOOR}", [f"{OTHER}/32"], CLIENT),  # who came past it
        (PROXY, f"{OTHER},{DOOR}", [f"{OTHER}/32"], OTHER),
        (PROXY, f"nonsense, {OTHER},{DOOR}", [f"{OTHER}/32"], "nonsense"),
    ],
)
def test_who_asks(peer, forwarded, behind, found):
    assert visitor(peer, forwarded, PROXY, behind) == found
