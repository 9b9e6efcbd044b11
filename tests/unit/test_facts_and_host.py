"""Facts from text, and the host's own small promises."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.errors import CommandFailed, CyberhubsError, Unsupported
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.host import PASSWORD_VARIABLE, Host, connect
from cyberhubs_lib.recipes.recipe import supported
from cyberhubs_lib.shell import keep_secret
from cyberhubs_lib.transport import Fake, Local, Result, interpreter


@given(st.text())
def test_garbage_never_breaks_the_parser(text):
    facts = parse_facts(text)
    assert facts.cpus >= 0
    assert isinstance(facts.system, str)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("id=centos\nversion=7\nsystem=CentOS Linux 7\n", "launch a new machine"),
        ("id=amzn\nversion=2018.03\nsystem=Amazon Linux AMI\n", "launch a new machine"),
        ("id=rocky\nlike=rhel centos fedora\nversion=8.10\nsystem=Rocky\n", "AlmaLinux 9"),
        ("", "an unknown system"),
    ],
)
def test_unsupported_systems_say_what_to_use(text, word):
    with pytest.raises(Unsupported, match=word):
        supported(parse_facts(text))


@pytest.mark.parametrize("text", ["id=debian\nversion=13", "id=ubuntu\nlike=debian\nversion=24.04",
                                  "id=linuxmint\nlike=ubuntu debian\nversion=22"])  # fmt: skip
def test_supported_systems(text):
    supported(parse_facts(text))


def test_batch_keeps_answers_apart():
    host = Host(Local(), root=False)
    one, two, three = host.batch(["echo a; echo b >&2", "exit 3", ""])
    assert (one.out, two.code, three) == ("a\nb\n", 3, Result(0, ""))
    assert host.round_trips == 1


def test_the_next_runbook_of_a_row_knows_the_facts_until_something_is_applied():
    first = connect("localhost", again=True)
    assert first.facts.kernel
    second = connect("localhost", again=True)
    assert (second.facts, second.round_trips) == (first.facts, 0)
    second.service_user = "astro"  # of another site: another question
    assert connect("localhost", again=True).facts == first.facts
    second.known.clear()  # as an apply does
    third = connect("localhost", again=True)
    assert third.facts.kernel
    assert third.round_trips == 1
    assert connect("localhost").known == {}


def test_what_root_was_told_of_docker_is_not_known_to_a_runbook_without_root(monkeypatch):
    """In a row 00, 02, 00, 04, by an account that has sudo with a password and no right to Docker."""
    monkeypatch.setenv(PASSWORD_VARIABLE, "of no account")
    trips = []

    class OneEngine(Local):
        def run(self, script, become=None, password=""):
            trips.append(become)
            mark = re.search(r"\\n(--\w+) ", script)[1]
            found = "sudo=password\ndocker_cli=/usr/bin/docker\n" + "docker=28\n" * bool(become)
            return Result(0, f"{found}\n{mark} 0\n")

    known = {}
    hosts = [Host(OneEngine(), root=root, known=known) for root in (False, True, False, True)]
    assert [host.facts.docker for host in hosts] == ["", "28", "", "28"]
    assert trips == [None, "sudo"]


def test_questions_cannot_eat_the_script():
    answers = Host(Local(), root=False).batch(["cat", "echo second"])
    assert [a.out for a in answers] == ["", "second\n"]


def test_half_an_answer_is_no_answer():
    with pytest.raises(CommandFailed):
        Host(Fake(lambda script: "x"), root=False).batch(["a", "b"])


def test_secrets_are_not_in_log_or_result():
    keep_secret("canary-log-99")
    host = Host(Local(), root=False)
    result = host.run("echo canary-log-99")
    assert "canary" not in result.out + str(host.log)


def test_a_password_that_sudo_does_not_ask_for_is_never_run():
    _, first = interpreter("sudo", "pw; touch /tmp/x")
    skip = 'while IFS= read -r l; do [ "$l" = "#cyberhubs-start" ] && break; done; exec sh -s'
    import subprocess

    done = subprocess.run(["sh", "-c", skip], input=first + "echo fine", text=True,
                          capture_output=True)  # fmt: skip
    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_errors_say_found_expected_and_what_to_do():
    text = str(CyberhubsError("a", expected="b", todo="c", evidence="d\ne"))
    assert text.splitlines() == [
        "CyberhubsError: a", "  expected: b", "  to do:    c", "  evidence:", "    d", "    e",
    ]  # fmt: skip


def test_ipython_shows_the_message_and_no_traceback():
    assert CyberhubsError("a")._render_traceback_() == ["CyberhubsError: a"]


def test_the_drawn_tree_is_the_tree():
    import re

    from cyberhubs_lib import errors

    drawn = re.findall(r"^(?:[│├└─ ]*)(\w+)  ", errors.__doc__ + "CyberhubsError  ", re.M)
    real = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, Exception)}
    assert set(drawn) | {"CyberhubsError"} == real
