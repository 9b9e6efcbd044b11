"""What a user's server knows of its memory, with control groups of version 1 and 2."""

import subprocess
import sys

import pytest

from cyberhubs_lib.contexts import IMAGES

sys.path.insert(0, str(IMAGES / "corehub"))
import memory

V2 = "low 0\nhigh 0\nmax 17\noom 3\noom_kill 2\noom_group_kill 0\n"
V1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"


@pytest.mark.parametrize(
    ("text", "number"), [(V2, 2), (V1, 2), ("oom_kill_disable 0\n", 0), ("", 0)]
)
@pytest.mark.parametrize("version", [0, 1])
def test_how_many_were_ended(tmp_path, monkeypatch, text, number, version):
    files = [tmp_path / "v2", tmp_path / "v1"]
    files[version].write_text(text)
    monkeypatch.setattr(memory, "COUNTERS", files)
    assert memory.ended() == number


def test_where_linux_does_not_tell(monkeypatch):
    monkeypatch.setattr(memory, "COUNTERS", ["/none"])
    assert memory.ended() == 0


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("1073741824", "its limit of 1 GiB"),
        ("1610612736", "its limit of 1.5 GiB"),
        ("", "its limit"),
    ],
)
def test_the_limit_in_words(monkeypatch, said, words):
    monkeypatch.setenv("MEM_LIMIT", said)
    assert memory.limit() == words


def test_a_kernel_goes_first_and_gets_its_own_words():
    look = ["sh", "-c", 'cat /proc/self/oom_score_adj; printf "<%s>" "$@"', "sh", "a b", "$c"]
    out = subprocess.run(memory.first(look), capture_output=True, text=True, check=True).stdout
    assert out == "500\n<a b><$c>"
