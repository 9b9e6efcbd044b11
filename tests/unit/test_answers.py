"""What cannot be read is an error that names the row, whichever resource or check was asked."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.answers import Garbled, matching, number, pairs, unreadable, word
from cyberhubs_lib.check import Check
from cyberhubs_lib.errors import NoAnswer
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.resources.packages import PackageIndex
from cyberhubs_lib.sitefile import load_site
from cyberhubs_lib.state import Unknown, parse
from cyberhubs_lib.table import RUNBOOKS
from cyberhubs_lib.transport import Result

NOISE = Result(0, "Welcome to the hub\nHave fun\n")
FACTS = (
    "id={}\nlike={}\nversion={}\nuser=u\nhome=/home/u\narch=x86_64\nmemory_kib=8000000\n"
    "root_free_kib=80000000\ndocker_cli=/x\ndocker=28\ncompose=2\nservice_user=hub\n"
    "service_uid=1000\nservice_gid=1000\n"
)
SITE = """
host: debian@hub.example.org
public_url: http://10.0.0.1:8080
login: {standin: [{login: ada}]}
admins: [ada]
storage: {volumes: [{device: /dev/vdb, mount: /mnt}]}
"""
# Their state is whatever lines there are; an upgrade's plan has lines of many kinds.
FREE = {"Gone", "RestartTimer", "Repository", "DnfUpdates", "OldMounts"}
# What reads the answer's text; others go by the exit code, which is never garbled.
CHECKS = {"clock", "disk /dev/vdb", "place /mnt", "size of /mnt", "room for files on /mnt"}


@pytest.fixture(scope="module", params=[("debian", "", "13"), ("rocky", "rhel", "9.5")], ids=str)
def recipes(request, tmp_path_factory):
    """Those of all runbooks, for one system and site."""
    file = tmp_path_factory.mktemp("site") / "noise.yaml"
    file.write_text(SITE)
    facts = parse_facts(FACTS.format(*request.param))
    return [e.recipe(facts, load_site(str(file)), e.params()) for e in RUNBOOKS.values()]


def test_noise_is_no_state_of_any_resource(recipes):
    states = {}
    for resource in [r for made in recipes for rs in made.steps.values() for r in rs]:
        with contextlib.suppress(NoAnswer):
            state = parse(resource, NOISE)
            if not isinstance(state, Unknown):
                states[type(resource).__name__] = state
    assert states.keys() <= FREE, states


def test_noise_is_no_answer_to_a_check(recipes):
    checks = {c.label: c for made in recipes for c in [*made.requirements, *made.checks]}
    for label in CHECKS:
        with pytest.raises(NoAnswer, match=label):
            checks[label].row(NOISE)


def test_the_error_says_what_was_read():
    with pytest.raises(NoAnswer) as error:
        parse(PackageIndex(), Result(1, ""))
    assert "package index: the host's answer cannot be read" in str(error.value)
    assert "nothing, exit code 1" in str(error.value)
    assert "Have fun" in str(unreadable("x", NOISE))
    with pytest.raises(NoAnswer, match="c: the host's answer"):
        Check("c", "q", lambda a: (number(a.out) > 1, ""), "").row(NOISE)


def test_a_question_that_failed_is_a_row():
    """As in a dry run on a fresh host, where the account is missing: its text is no number."""
    check = Check("c", "q", lambda a: (number(a.out) > 1, ""), "a number")
    row = check.row(Result(1, "su: user astro does not exist\n"))
    assert (row.status, row.was) == ("failed", "su: user astro does not exist")
    assert check.row(Result(7)).was == "exit code 7"


@given(st.text())
def test_only_what_has_the_form_is_read(text):
    for read in (
        lambda: word(Result(0, f"x{text}"), "yes", "no"),
        lambda: number(f"x{text}"),
        lambda: pairs(f"x{text}", "key"),
        lambda: matching("[0-9]*", f"x{text}"),
    ):
        if "key=" not in text:
            with pytest.raises(Garbled):
                read()
    assert word(Result(0, "yes\n"), "yes", "no") == "yes"
    assert pairs("noise\nkey=a=b\n", "key") == {"key": "a=b"}
