"""Quoting, writing files, hiding secrets."""

import subprocess

import pytest

from cyberhubs_lib import shell


@pytest.mark.parametrize("word", ["plain", "two words", "$(id)", "it's", '"', "`id`", "a\nb", ""])
def test_arguments_arrive_as_they_were(word):
    done = subprocess.run(["sh", "-c", shell.sh("printf %s {}", word)], capture_output=True)
    assert done.stdout.decode() == word


def test_wrong_number_of_arguments_is_refused():
    with pytest.raises(ValueError, match="2 places for 1"):
        shell.sh("cp {} {}", "a")


def test_put_writes_content_mode_and_leaves_no_trace(tmp_path):
    path = tmp_path / "with space" / "file"
    script = shell.put(b"\x00bytes\n$HOME", str(path), "640", "root:root")
    script = script.replace("chown root:root", "true")  # the test need not be root
    subprocess.run(["sh", "-s"], input=script.encode(), check=True)
    assert path.read_bytes() == b"\x00bytes\n$HOME"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_put_leaves_the_old_file_when_it_fails(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    script = shell.put(b"new", str(path), "not-a-mode", "root:root")
    done = subprocess.run(["sh", "-s"], input=script.encode(), capture_output=True)
    assert done.returncode != 0
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_known_secrets_are_masked_plain_and_encoded():
    shell.keep_secret("canary-4711")
    text = shell.mask("x canary-4711 y " + shell.base64.b64encode(b"canary-4711").decode())
    assert "canary" not in text
    assert text.count("***") == 2
