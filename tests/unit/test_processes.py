"""The look at the lists of processes sees what it is there to see."""

import base64
import subprocess

import pytest
from processes import shown_in_processes

SECRET = "canary-4711"


@pytest.mark.parametrize("word", [SECRET, base64.b64encode(SECRET.encode()).decode()])
def test_a_secret_in_a_command_line_is_seen(word):
    with shown_in_processes(SECRET) as shown:
        subprocess.run(["sh", "-c", f"sleep 0.3; : {word}"], check=True)
    assert word in shown[0]
