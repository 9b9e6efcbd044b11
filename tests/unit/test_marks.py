"""Only what stands between the marks is an answer, whatever a login shell prints around it."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.channels import WAITING
from cyberhubs_lib.errors import NoAnswer
from cyberhubs_lib.marks import Marks
from cyberhubs_lib.transport import START, Result, interpreter

noise = st.binary(max_size=300)


def printed(marks, code, out, err):
    end = re.sub(rb"\(.*\)", str(code).encode(), marks.end.pattern)
    return marks.begin + out + end, marks.begin + err + end


@given(noise, noise, noise, noise, noise, st.integers(0, 255), st.integers(0, 255))
def test_noise_around_an_answer_changes_nothing(before, after, said, out, err, code, shells):
    marks = Marks()
    one, two = printed(marks, code, out, err)
    found = marks.result(shells, before + one + after, said + two + after)
    assert found == Result(code, out.decode(errors="replace"), err.decode(errors="replace"))


def test_what_never_began_is_told_as_an_error():
    assert Marks().result(1, b"Welcome\n", b"sudo: no\n") == Result(1, "", "Welcome\nsudo: no\n")
    with pytest.raises(NoAnswer, match="the login shell ended before") as error:
        Marks().result(0, b"Welcome\n", b"")
    assert "~/.bashrc" in error.value.todo
    assert error.value.evidence == "Welcome\n"


@pytest.mark.parametrize("password", ["", "of no account"])
@pytest.mark.parametrize("become", [None, "sudo"])
def test_a_shell_that_prints_before_and_after_and_changes_the_exit_code(tmp_path, become, password):
    """As sshd has it: the login shell reads its rc file and then runs what waits for a script."""
    (tmp_path / "sudo").write_text(
        '#!/bin/sh\necho lecture\nwhile [ "$1" != sh ]; do shift; done\n"$@"\n'
    )
    (tmp_path / "sudo").chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    rc = "printf Welcome; echo oops >&2; trap 'echo bye; exit 7' EXIT\n"
    marks = Marks()
    command, first = interpreter(become, password, marks.around("sh -s"))
    done = subprocess.run(
        ["bash", "-c", f"{rc}{WAITING}"], capture_output=True, env=env,
        input=f"{START} {command}\n{first}echo out; echo err >&2; exit 3\n".encode(),
    )  # fmt: skip
    assert done.returncode == 7
    assert marks.result(7, done.stdout, done.stderr) == Result(3, "out\n", "err\n")


def test_a_shell_that_reads_the_first_line_away_runs_nothing(tmp_path):
    command, first = interpreter("sudo", "touch run", Marks().around("sh -s"))
    script = f"{START} {command}\n{first}touch run\n".encode()
    subprocess.run(["bash", "-c", f"read -r line\n{WAITING}"], input=script, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []
