"""Who goes at once, who waits for a confirmation: several looks in a row at lists that change."""

from datetime import datetime, timezone

import pytest
from access import Account, Lists, listed
from judge import Person, Verdict, judge

NOW = datetime(2026, 11, 25, tzinfo=timezone.utc)
FOUR = ("ben", "carl", "dora", "eve")


class Looks:
    """The looks of one watch, each at these people and lists."""

    def __init__(self):
        self.verdict = Verdict()

    def at(self, people, confirmed=(), **names):
        lists = Lists(**{k: v if k == "problems" else listed(v, k) for k, v in names.items()})
        found = [p if isinstance(p, Person) else Person(p, running=True) for p in people]
        self.verdict = judge(found, lists, NOW, lambda login: Account(), self.verdict, confirmed)
        return set(self.verdict.end), set(self.verdict.held)


@pytest.fixture
def emptied():
    """Four people run a server, and the list that let them in was emptied."""
    looks = Looks()
    assert looks.at(FOUR, allowed=FOUR) == (set(), set())
    assert looks.at(FOUR, allowed=[]) == (set(), set())  # an editor may be at work
    assert looks.at(FOUR, allowed=[]) == (set(), set(FOUR))
    return looks


def test_one_who_stops_by_himself_does_not_end_the_others(emptied):
    stopped = [Person("ben"), *FOUR[1:]]
    assert emptied.at(stopped) == ({"ben"}, set(FOUR[1:]))
    assert emptied.at(FOUR[1:]) == (set(), set(FOUR[1:]))


def test_who_is_blocked_meanwhile_goes_at_once(emptied):
    assert emptied.at(FOUR, blocked=["eve"]) == ({"eve"}, set(FOUR[:3]))


def test_somebody_else_who_is_blocked_meanwhile_goes(emptied):
    people = [*FOUR, "finn"]
    emptied.at(people, allowed=["finn"])
    assert emptied.at(people, blocked=["finn"]) == (set(), set(FOUR))
    assert emptied.at(people, blocked=["finn"]) == ({"finn"}, set(FOUR))


def test_a_list_pasted_into_the_wrong_file_is_a_slip_too(emptied):
    assert emptied.at(FOUR, blocked=FOUR) == (set(), set(FOUR))
    assert emptied.at(FOUR, allowed=[]) == (set(), set(FOUR))  # not allowed again by that


def test_allowed_again_they_wait_no_more(emptied):
    assert emptied.at(FOUR, allowed=FOUR) == (set(), set())


def test_a_list_that_cannot_be_read_ends_nobody_who_waits(emptied):
    assert emptied.at(FOUR, problems=("x",)) == (set(), set(FOUR))
    assert emptied.at(FOUR) == (set(), set(FOUR))


def test_only_those_who_were_confirmed_go(emptied):
    people = [*FOUR, "finn"]
    assert emptied.at(people, FOUR[:3]) == (set(FOUR[:3]), {"eve"})


def test_who_goes_slowly_does_not_keep_another_in():
    looks, three = Looks(), FOUR[:3]
    looks.at(FOUR, allowed=["eve"])
    assert looks.at(FOUR, allowed=["eve"]) == (set(three), set())
    looks.at(FOUR, blocked=["eve"])  # the three are still stopping
    assert looks.at(FOUR, blocked=["eve"]) == (set(FOUR), set())


def test_more_than_a_fifth_is_many():
    crowd = [f"person{number}" for number in range(20)]
    for gone, held in ((4, 0), (5, 5)):
        looks = Looks()
        for _ in range(2):
            end, waiting = looks.at(crowd, allowed=crowd[gone:])
        assert (len(end), len(waiting)) == (gone - held, held)
