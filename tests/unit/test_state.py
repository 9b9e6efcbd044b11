"""Look, plan, apply, look again: against a host that is a dictionary."""

from dataclasses import dataclass

import pytest

from cyberhubs_lib.change import HOLDER
from cyberhubs_lib.errors import HostChanged, NotConfirmed, NotConverged, PreconditionFailed
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.host import Host
from cyberhubs_lib.params import Params
from cyberhubs_lib.plan import Plan
from cyberhubs_lib.recipes.recipe import Recipe
from cyberhubs_lib.runbook import Run
from cyberhubs_lib.site import Site
from cyberhubs_lib.state import Resource, Unknown, difference, look, show
from cyberhubs_lib.transport import Fake, Result


@dataclass(frozen=True)
class Thing(Resource):
    name: str
    value: str
    sharp: bool = False

    @property
    def label(self):
        return f"thing {self.name}"

    @property
    def wanted(self):
        return {"value": self.value}

    @property
    def irreversible(self):
        return self.name if self.sharp else ""

    def question(self):
        return f"get {self.name}"

    def parse(self, answer):
        if answer.code == 9:
            raise Unknown("no engine")
        return {"value": answer.out} if answer.out else None

    def change(self, was):
        return f"put {self.name} {self.value}"


class Machine:
    """A host whose state is a dict; it understands `get` and `put` and counts the trips."""

    def __init__(self, **state):
        self.state, self.stuck, self.unknown = state, set(), set()
        self.host = Host(Fake(self.answer), root=False)

    def answer(self, script):
        out, code = [], 0
        script = script.replace(HOLDER, "")  # nobody else is at work
        if "<<'end-" in script:  # a change comes wrapped
            script = script.split("<<'end-")[1].partition("\n")[2].partition("\nend-")[0]
        for line in script.splitlines():
            words = line.strip().strip("(:)").split()
            if words[:1] == ["get"]:
                code = 9 if words[1] in self.unknown else 0
                self.last = self.state.get(words[1], "") if not code else ""
                out.append(self.last)
            elif "printf" in words:
                mark = next(w for w in line.split("\\n") if w.startswith("--")).split()[0]
                out.append(f"\n{mark} {code}\n")
            elif words[:1] == ["put"]:
                self.unknown.discard("later")
                if words[1] not in self.stuck:
                    self.state[words[1]] = words[2]
            elif words and words[0] not in ("export", "set", ")", "</dev/null") and line != "":
                raise AssertionError(f"unknown command: {line!r}")
        return Result(0, "".join(out))


def plan(machine, *things):
    return Plan("Test", machine.host, things, look(machine.host, things))


def test_a_plan_asks_once_and_changes_nothing():
    machine = Machine(a="1")
    p = plan(machine, Thing("a", "1"), Thing("b", "2"))
    assert machine.state == {"a": "1"}
    assert machine.host.round_trips == 1
    assert [r.status for r in p.report().rows] == ["ok", "would change"]


def test_apply_changes_only_what_differs_and_proves_it():
    machine = Machine(a="1", b="0")
    report = plan(machine, Thing("a", "1"), Thing("b", "2"), Thing("c", "3")).apply()
    assert machine.state == {"a": "1", "b": "2", "c": "3"}
    assert [r.status for r in report.rows] == ["ok", "changed", "changed"]
    assert machine.host.round_trips == 4  # look, look once more, change, look again


def test_an_empty_plan_asks_nothing():
    machine = Machine(a="1")
    p = plan(machine, Thing("a", "1"))
    p.apply()
    assert machine.host.round_trips == 1


def test_the_last_look_of_a_step_serves_the_plans_that_follow():
    machine = Machine(b="0")
    steps = {"one": [Thing("a", "1")], "two": [Thing("b", "2")], "three": [Thing("a", "1")]}
    run = Run("test", machine.host, Site(), Params(), Recipe(steps=steps))
    for step, trips, row in (("one", 1, "absent"), ("two", 4, "0"), ("three", 7, "1")):
        assert run.plan(step).rows[0].was == row
        assert machine.host.round_trips == trips
        run.apply(step)
    assert machine.state == {"a": "1", "b": "2"}
    assert run.plan("one").rows[0].status == "ok"
    assert machine.host.round_trips == 8  # what lies behind is asked anew


def test_only_what_may_have_changed_the_facts_makes_them_old():
    machine = Machine(a="1")
    run = Run("test", machine.host, Site(), Params(), Recipe(steps={"one": [Thing("a", "1")]}))
    machine.host.known[""] = parse_facts("")
    run.plan("one")
    run.apply("one")
    assert machine.host.known
    machine.state["a"] = "0"
    run = Run("test", machine.host, Site(), Params(), run.recipe)
    run.plan("one")
    run.apply("one")
    assert not machine.host.known


def test_a_host_that_changed_meanwhile_stops_the_apply():
    machine = Machine(a="0")
    p = plan(machine, Thing("a", "1"))
    machine.state["a"] = "7"
    with pytest.raises(HostChanged, match="thing a is 7 now; the plan was made for 0"):
        p.apply()
    assert machine.state == {"a": "7"}


def test_changed_means_read_again_and_equal():
    machine = Machine(a="0")
    machine.stuck.add("a")
    with pytest.raises(NotConverged, match="thing a is 0 after the change"):
        plan(machine, Thing("a", "1")).apply()


def test_irreversible_wants_its_name():
    machine = Machine()
    p = plan(machine, Thing("a", "1", sharp=True))
    with pytest.raises(NotConfirmed, match="confirm is 'b'") as error:
        p.apply("b")
    assert "run again with -p confirm a" in error.value.todo
    assert machine.state == {}
    p.apply("a")
    assert machine.state == {"a": "1"}


def test_unknown_becomes_known_by_an_earlier_change():
    machine = Machine(a="0")
    machine.unknown.add("later")
    p = plan(machine, Thing("a", "1"), Thing("later", "2"))
    assert p.report().rows[1].status == "unknown"
    assert [r.status for r in p.apply().rows] == ["changed", "changed"]
    assert machine.state == {"a": "1", "later": "2"}


def test_what_follows_an_unknown_waits_until_it_is_told():
    machine = Machine(a="0", b="0")
    machine.unknown.add("later")
    p = plan(machine, Thing("a", "1"), Thing("later", "2"), Thing("b", "3"))
    assert [r.status for r in p.apply().rows] == ["changed", "changed", "changed"]
    puts = [line for script, _ in machine.host.log for line in script.split("\n") if "put" in line]
    assert puts == ["put a 1", "put later 2", "put b 3"]
    assert machine.host.round_trips == 6  # look twice; change and look again, and once more


def test_what_an_earlier_change_brings_along_is_changed_too():
    machine = Machine(a="0", b="0")
    machine.unknown.add("later")
    put = machine.answer

    def answer(script):
        if "put a 1" in script:
            machine.state["b"] = "3"  # as a package brings a service
        return put(script)

    machine.host.transport.answer = answer
    report = plan(machine, Thing("a", "1"), Thing("later", "2"), Thing("b", "3")).apply()
    assert [(r.was, r.status) for r in report.rows] == [
        ("0", "changed"), ("absent", "changed"), ("0", "changed"),
    ]  # fmt: skip


def test_nothing_behind_an_unknown_is_touched_if_it_stays_so():
    machine = Machine(b="0")
    machine.unknown.add("a")
    with pytest.raises(PreconditionFailed, match="thing a cannot be told: no engine"):
        plan(machine, Thing("a", "1"), Thing("b", "1")).apply()
    assert machine.state == {"b": "0"}


def test_unknown_that_stays_unknown_stops_the_apply():
    machine = Machine()
    machine.unknown.add("b")
    with pytest.raises(PreconditionFailed, match="thing b cannot be told: no engine"):
        plan(machine, Thing("b", "1")).apply()


@pytest.mark.parametrize(
    ("was", "wanted", "keys"),
    [
        (None, None, []),
        (None, {"a": "1"}, ["*"]),
        ({"a": "1"}, None, ["*"]),
        ({"a": "1", "more": "x"}, {"a": "1"}, []),
        ({"a": "1", "b": "2"}, {"a": "1", "b": "3"}, ["b"]),
    ],
)
def test_only_wanted_keys_decide(was, wanted, keys):
    assert difference(was, wanted) == keys


def test_show():
    assert show(None, []) == "absent"
    assert show({"a": "1"}, ["a"]) == "1"
    assert show({"a": "1", "b": "2"}, ["b"]) == "b 2"
