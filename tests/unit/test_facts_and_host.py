"""Facts from text, and the host's own small promises."""

import re
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.errors import CommandFailed, CyberhubsError, NoAnswer, Unsupported
from cyberhubs_lib.facts import parse_facts, read_facts
from cyberhubs_lib.host import PASSWORD_VARIABLE, Host, connect
from cyberhubs_lib.recipes.recipe import supported
from cyberhubs_lib.shell import keep_secret
from cyberhubs_lib.transport import Fake, Local, Result, Silent, communicate, interpreter

WHOLE = (
    "id=debian\nkernel=6.12\narch=x86_64\ncpus=2\nmemory_kib=8000000\nroot_free_kib=8000000\n"
    "user=debian\nuid=1000\ngid=1000\nsudo=password\ninit=systemd\n{}service_user=debian\n"
    "service_uid=1000\nservice_gid=1000\n"
)


@given(st.text())
def test_garbage_is_no_machine(text):
    with pytest.raises(NoAnswer, match="cannot be read"):
        read_facts(text)


@pytest.mark.parametrize("key", ["kernel", "memory_kib", "root_free_kib", "sudo", "service_gid"])
def test_an_answer_without_one_of_its_lines_is_none(key):
    whole = WHOLE.format("")
    assert read_facts(whole).cpus == 2
    with pytest.raises(NoAnswer, match=f"{key} missing"):
        read_facts("\n".join(line for line in whole.splitlines() if not line.startswith(key)))


def test_a_garbled_number_is_none():
    with pytest.raises(NoAnswer, match="cpus is 'two'"):
        read_facts(WHOLE.format("").replace("cpus=2", "cpus=two"))


def test_a_question_that_is_not_answered_is_named():
    """And what the ones before it printed is not taken for its own."""

    class Hung(Fake):
        def run(self, script, become=None, password="", seconds=None):
            mark = re.search(r"\\n(--\w+) ", script)
            raise Silent(f"first\n\n{mark[1]} 0\nsaid\n".encode() if mark else b"said\n")

    host = Host(Hung(str), root=False)
    with pytest.raises(
        NoAnswer, match="fake did not answer within 120 s: echo said; wait"
    ) as error:
        host.batch(["echo first", "echo said\nwait", "echo third"])
    assert error.value.evidence == "said"
    with pytest.raises(NoAnswer, match="within 7 s: id"):
        host.read("id", seconds=7)


def test_this_machine_has_the_time_limit_too():
    with pytest.raises(NoAnswer, match="localhost did not answer within 1 s: sleep 33"):
        Host(Local(), root=False).batch(["sleep 33"], seconds=1)


def test_a_script_that_says_something_now_and_then_goes_on():
    class Shell:
        said = [b"one\n", b"one\ntwo\n", b"one\ntwo\n"]
        killed = False

        def communicate(self, given, timeout):
            assert (given is None) == (len(self.said) < 3)
            raise subprocess.TimeoutExpired("sh", timeout, self.said.pop(0))

        def kill(self):
            self.killed = True

    shell = Shell()
    with pytest.raises(Silent) as silent:
        communicate(shell, b"script", 1)
    assert (silent.value.out, shell.said, shell.killed) == ("one\ntwo\n", [], True)


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
        def run(self, script, become=None, password="", seconds=None):
            trips.append(become)
            mark = re.search(r"\\n(--\w+) ", script)[1]
            found = "docker_cli=/usr/bin/docker\n" + "docker=28\n" * bool(become)
            return Result(0, f"{WHOLE.format(found)}\n{mark} 0\n")

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
    command, first = interpreter("sudo", "pw; touch /tmp/x")
    skip = shlex.split(command)[-1]
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
