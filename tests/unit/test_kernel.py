"""Kernel settings: what the next boot will make of them, and the file that other hands write too."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyberhubs_lib.resources.kernel import FILE, OLD, Sysctl
from cyberhubs_lib.state import Unknown, difference
from cyberhubs_lib.transport import Result

KEY = "net.core.somaxconn"
WANTED = Sysctl(KEY, 4096)
# The beginnings and ends of what `systemd-sysctl --cat-config` printed on Debian 12.
CONFIG = """\
# /usr/lib/sysctl.d/50-pid-max.conf
#  This file is part of systemd.
# and put any assignments
# there.
kernel.pid_max = 4194304

# /etc/sysctl.d/60-cyberhubs.conf
{ours}

# /etc/sysctl.d/99-sysctl.conf
# Uncomment the next line to enable TCP/IP SYN cookies
#net.core.somaxconn=1
{theirs}
"""


def shell(script, folder):
    """Run it with the settings of this folder in the place of the system's."""
    places = {"/proc/sys/net/core/somaxconn": "now", FILE: "zz", OLD: "60"}
    for path, name in places.items():
        script = script.replace(path, str(folder / name))
    return subprocess.run(["sh", "-ec", script], capture_output=True, check=True).stdout


def actual(folder, config, now=4096):
    """What the question finds where systemd prints this."""
    (folder / "config").write_bytes(config if isinstance(config, bytes) else config.encode())
    (folder / "now").write_text(f"{now}\n")
    cat = f"cat {folder}/config"
    script = WANTED.question().replace("/usr/lib/systemd/systemd-sysctl --cat-config", cat)
    return WANTED.parse(Result(0, shell(script, folder).decode()))


@pytest.mark.parametrize(
    ("ours", "theirs", "boot"),
    [
        ("", "", "not kept"),
        ("", f"{KEY}=4096", "kept"),  # by whom does not matter
        ("", f"  -{KEY} \t= 8192  ", "kept"),
        ("", "net/core/somaxconn = 4096", "kept"),
        (f"{KEY} = 4096", f"{KEY}=1024", "1024 by /etc/sysctl.d/99-sysctl.conf"),
        (f"{KEY} = 4096", f"; {KEY}=1024", f"4096 by {OLD}"),  # ours moves to its new name
        ("", f"{KEY}2 = 9999\nx.{KEY} = 9999\n{KEY} 9999", "not kept"),
        ("", f"{KEY} = many", "many by /etc/sysctl.d/99-sysctl.conf"),
    ],
)
def test_the_last_file_counts(tmp_path, ours, theirs, boot):
    found = actual(tmp_path, CONFIG.format(ours=ours, theirs=theirs))
    assert found["boot"] == boot
    assert difference(found, WANTED.wanted) == ([] if boot == "kept" else ["boot"])


def test_ours_is_the_last_file():
    assert max(FILE, "/etc/sysctl.d/99-sysctl.conf", "/etc/sysctl.d/local.conf") == FILE


def test_a_value_is_never_lowered(tmp_path):
    config = CONFIG.format(ours="", theirs=f"{KEY} = 8192")
    was = actual(tmp_path, config, now=128)
    assert difference(was, WANTED.wanted) == ["now"]
    shell(WANTED.change(was), tmp_path)
    assert (tmp_path / "now").read_text() == "8192\n"  # as the next boot would have it
    assert not (tmp_path / "zz").exists()
    was = actual(tmp_path, CONFIG.format(ours="", theirs=f"{KEY} = 1024"), now=9999)
    shell(WANTED.change(was), tmp_path)
    assert (tmp_path / "zz").read_text() == f"{KEY} = 9999\n"
    assert (tmp_path / "now").read_text() == "9999\n"


def test_an_old_file_moves_with_all_that_is_in_it(tmp_path):
    (tmp_path / "60").write_text(f"# mine\nkernel.sysrq = 0\n{KEY} = 6000\n")
    was = actual(tmp_path, CONFIG.format(ours=f"{KEY} = 6000", theirs=""))
    script = WANTED.change(was)
    for _ in range(2):
        shell(script, tmp_path)
        assert (tmp_path / "zz").read_text() == f"# mine\nkernel.sysrq = 0\n{KEY} = 6000\n"
    assert not (tmp_path / "60").exists()


LINES = st.lists(
    st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"").replace(b"\0", b""))
    | st.sampled_from([f"{KEY} = 1", f"{KEY}=99999", f"#{KEY} = 1", f" {KEY}=5", "net/core/somaxconn=7",
                       "kernel.sysrq = 0", "-kernel.pid_max=1", f"{KEY}x = 3", "netXcore.somaxconn = 2"]
                      ).map(str.encode)
)  # fmt: skip


@settings(max_examples=40)
@given(LINES, st.booleans())
def test_other_lines_stay_as_they_are(tmp_path_factory, lines, whole):
    folder = tmp_path_factory.mktemp("sysctl")
    text = b"".join(line + b"\n" for line in lines)
    text = text if whole else text.removesuffix(b"\n")  # the last line has no end
    (folder / "zz").write_bytes(text)
    (folder / "now").write_text("128\n")
    shell(WANTED.change({"now": "128", "boot": "not kept", "value": "128"}), folder)
    after = (folder / "zz").read_bytes()
    own = (f"{KEY} =".encode(), f"{KEY}=".encode())
    whole_lines = (text if text.endswith(b"\n") or not text else text + b"\n").split(b"\n")[:-1]
    others = [line for line in whole_lines if not line.startswith(own)]
    assert after.split(b"\n") == [*others, f"{KEY} = 4096".encode(), b""]
    assert actual(folder, b"# /zz.conf\n" + after)["boot"] == "kept"


@given(st.integers(0, 255), st.text())
def test_garbage_is_a_state_or_unknown(code, text):
    try:
        state = WANTED.parse(Result(code, text))
    except Unknown:
        return
    assert set(WANTED.wanted) <= set(state)
