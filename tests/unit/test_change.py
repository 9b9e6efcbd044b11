"""The wrapping of a change: the shell leaves the script as it is, and the lock's text is read well."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.change import FOLDER, LOST, WAIT, Holder, as_unit, me, operator, parse_holder

AWKWARD = """set -e
cat <<'inner'
$HOME {} %s \\n 'x' "y" `z`
inner
printf '%s' "$((1 + 2))"
cat  # of nothing: it must not swallow the script
false
echo not reached"""


def run(text, shell="sh"):
    return subprocess.run(
        [*shell.split(), "-s"], input=text, capture_output=True, text=True, timeout=20
    )


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


# A systemd of three programs. Its exit codes for `is-active` are the lines of a file; the last stays.
PROGRAMS = {
    "id": "echo 0",
    "systemd-run": """echo "$*" >>asked
for last; do :; done; [ -e killed ] || setsid env -i PATH="$PATH" sh "$last" >/dev/null 2>&1 &""",
    "systemctl": "code=$(head -n 1 codes); [ $(wc -l <codes) = 1 ] || sed -i 1d codes; exit $code",
}


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """A function: run this text where systemd answers with these exit codes."""
    (tmp_path / "bin").mkdir()
    for name, text in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")

    def call(text, codes, shell="sh"):
        (tmp_path / "codes").write_text("".join(f"{code}\n" for code in codes))
        text = text.replace("/run/systemd/system", str(tmp_path))
        return run(text.replace(FOLDER, f"{tmp_path}/run"), shell)

    return call


def test_a_systemd_that_does_not_answer_for_a_moment_is_no_end(systemd, tmp_path):
    text = as_unit("sleep 1.5; echo worked on", me("02_prepare_os"))
    done = systemd(text, [0, 1, 1, 1])
    assert (done.returncode, done.stdout) == (0, "worked on\n")
    assert systemd(WAIT, [0, 1, 1, 0, 3]).returncode == 0
    assert (tmp_path / "codes").read_text() == "3\n"  # it waited for that


@pytest.mark.parametrize("code", [3, 4])
def test_a_unit_that_is_gone_is_lost(systemd, tmp_path, code):
    (tmp_path / "killed").touch()
    assert systemd(as_unit("echo never", me("02_prepare_os")), [code]).returncode == LOST


PROXY = {
    "http_proxy": "http://me:p'a\"s$s`@proxy.test:3128",
    "HTTPS_PROXY": "http://proxy.test:3128",
    "no_proxy": "localhost, .test",
}


@pytest.mark.parametrize("shell", ["dash", "bash --posix"])  # both are somewhere sh
def test_the_proxy_of_the_host_counts_for_changes_too(systemd, tmp_path, monkeypatch, shell):
    for name, value in {**PROXY, "OTHER": "1"}.items():
        monkeypatch.setenv(name, value)
    words = " ".join(f'"${name}"' for name in PROXY)
    script = f'printf "%s\\n" {words} "${{OTHER-not this}}"'
    done = systemd(as_unit(script, me("02_prepare_os")), [0], shell)
    assert done.stdout.splitlines() == [*PROXY.values(), "not this"]
    assert "proxy.test" not in (tmp_path / "asked").read_text()


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
