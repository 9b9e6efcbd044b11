"""The wrapping of a change: the shell leaves the script as it is, and the lock's text is read well."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.change import Holder, as_unit, me, operator, parse_holder

AWKWARD = """set -e
cat <<'inner'
$HOME {} %s \\n 'x' "y" `z`
inner
printf '%s' "$((1 + 2))"
cat  # of nothing: it must not swallow the script
false
echo not reached"""


def run(text):
    return subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, timeout=20)


def test_a_script_runs_as_it_is_and_its_exit_code_comes_back():
    done = run(as_unit(AWKWARD, me("02_prepare_os")))
    assert done.stdout == "$HOME {} %s \\n 'x' \"y\" `z`\n3"
    assert done.returncode == 1


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.99])
def test_half_a_script_does_nothing(tmp_path, kept):
    whole = as_unit(f"touch {tmp_path}/a\ntouch {tmp_path}/b", me("02_prepare_os"))
    run(whole[: int(len(whole) * kept)])
    assert list(tmp_path.iterdir()) == []
    assert run(whole).returncode == 0
    assert len(list(tmp_path.iterdir())) == 2


def shown(holder, state="active"):
    return f"Description={holder}\nActiveState={state}\nExecMainStartTimestamp=Mon 10:00 UTC\n"


def test_the_holder_is_read_back():
    mine = me("04_install_docker")
    found = parse_holder(shown(mine))
    assert (found.runbook, found.pid, found.since) == (mine.runbook, mine.pid, "Mon 10:00 UTC")
    assert parse_holder(shown(mine, "inactive")) is None
    assert parse_holder(shown("made by hand")).runbook == "?"


@pytest.mark.parametrize(
    ("who", "pid", "left_over"),
    [
        (operator(), os.getpid(), True),  # a cell of this very process that was interrupted
        (operator(), 2**22 + 1, True),  # above every pid: that process is gone
        (operator(), 1, False),  # it lives
        ("bea@desk", 2**22 + 1, False),  # of another machine nothing can be told
    ],
    ids=["itself", "gone", "living", "elsewhere"],
)
def test_only_a_run_that_is_gone_is_waited_for(who, pid, left_over):
    assert Holder("02_prepare_os", who, pid).is_left_over is left_over


@given(st.text())
def test_garbage_is_no_holder_or_an_unknown_one(text):
    found = parse_holder(text)
    assert found is None or not found.is_left_over or found.operator == operator()
