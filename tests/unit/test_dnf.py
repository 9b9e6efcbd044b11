"""Where dnf rules: how answers are read, and options in /etc/sysconfig that must go."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.resources.docker import SysconfigOptions
from cyberhubs_lib.resources.packages import DNF, Package
from cyberhubs_lib.resources.repository import dnf_repository
from cyberhubs_lib.resources.restart import RestartTimer
from cyberhubs_lib.resources.rpm import ConsistentRpms, DnfIndex, DnfUpdates, Epel
from cyberhubs_lib.state import Unknown, difference
from cyberhubs_lib.transport import Result

PARSERS = [
    DnfIndex(), DnfUpdates(), Epel(), RestartTimer("04:30"), SysconfigOptions(("--default-ulimit",)),
    Package("git", manager=DNF), dnf_repository("d", "u", "k", "AB"),
]  # fmt: skip


@given(st.sampled_from(PARSERS), st.integers(0, 255), st.text())
def test_parsers_make_a_state_of_garbage_or_say_that_it_is_none(resource, code, text):
    try:
        state = resource.parse(Result(code, text))
    except (Unknown, ValueError, LookupError):
        return
    assert state is None or set(resource.wanted) <= set(state)


@pytest.mark.parametrize(
    ("read", "cached", "age"),
    [
        ("", "false", "never read"), ("now", "true", "under two days"),
        ("now", "false", "not of all repositories"), ("3 days ago", "true", "over two days"),
    ],
)  # fmt: skip
def test_an_index_lacks_what_dnf_cannot_do_without(tmp_path, read, cached, age):
    data = tmp_path / "base-1" / "repodata"
    data.mkdir(parents=True)
    make = f"cd {data}; for f in repomd.xml a-primary.xml; do touch -d '{read}' $f; done\n"
    script = f"{make if read else ''}dnf() {{ [ $1 = -C ] && {cached}; }}\n{DnfIndex().question()}"
    script = script.replace("/var/cache/dnf", str(tmp_path)).replace("/var/lib", str(tmp_path))
    done = subprocess.run(["sh"], input=script, text=True, capture_output=True)
    assert DnfIndex().parse(Result(0, done.stdout)) == {"age": age}


@given(st.integers(0, 255), st.text())
def test_dnf_check_is_read_by_its_exit_code(code, text):
    rpms = ConsistentRpms()
    found = rpms.parse(Result(code, f"{text}\nwhole\n"))
    assert (difference(found, rpms.wanted) == []) == (code == 0)


# What dnf 4.14 printed on a test server, shortened.
UPGRADE = """\
Dependencies resolved.
================================================================================
Installing:
 kernel            x86_64            5.14.1-1             base            5.5 k
Upgrading:
 tzdata            x86_64            2025-1               base            5.5 k

Transaction Summary
================================================================================
Install  1 Package
Upgrade  12 Packages

Operation aborted.
"""


@pytest.mark.parametrize(
    ("code", "out", "waiting"),
    [(1, UPGRADE, "13 packages"), (0, "Dependencies resolved.\nNothing to do.\n", "0 packages")],
)
def test_updates_by_dnf(code, out, waiting):
    assert DnfUpdates().parse(Result(code, out)) == {"waiting": waiting}


@pytest.mark.parametrize(
    ("code", "out", "said"),
    [(9, "", "never read"), (1, "Error: Cache-only enabled but no cache for 'base'", "no cache")],
)
def test_updates_by_dnf_that_cannot_be_told(code, out, said):
    with pytest.raises(Unknown, match=said):
        DnfUpdates().parse(Result(code, out))


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ('OPTIONS="--default-ulimit nofile=32768:65536"', 'OPTIONS=""'),
        ('OPTIONS="--debug --default-ulimit=nofile=1:2 --dns 192.0.2.1"',
         'OPTIONS="--debug --dns 192.0.2.1"'),
        ('OPTIONS="--default-ulimit nofile=1:2 --default-ulimit nproc=9"', 'OPTIONS=""'),
        ('# OPTIONS="--default-ulimit nofile=1:2"', '# OPTIONS="--default-ulimit nofile=1:2"'),
        ("DAEMON_MAXFILES=1048576", "DAEMON_MAXFILES=1048576"),
    ],
)  # fmt: skip
def test_options_that_exclude_daemon_json_are_taken_out(line, left, tmp_path):
    file = tmp_path / "docker"
    file.write_text(line + "\n")
    script = SysconfigOptions(("--default-ulimit",)).change(None)
    subprocess.run(["sh", "-ec", script.replace(SysconfigOptions.file, str(file))], check=True)
    assert file.read_text() == left + "\n"


def test_before_the_engine_there_is_no_option_to_take_out():
    early = SysconfigOptions(("--default-ulimit",), early=True)
    assert early.parse(Result(9)) == early.wanted
    assert early.parse(Result(0, '"--default-ulimit nofile=1:2"\n')) != early.wanted
