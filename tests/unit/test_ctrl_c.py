"""Ctrl-C at any moment: one line, exit code 130."""

import subprocess
import sys

import pytest

from cyberhubs_lib.site import REPOSITORY

START = """
import sys, runpy
sys.modules["cyberhubs_lib.cli"] = cli = type(sys)("cli")
def main():
    {}
cli.main = main
runpy.run_module("cyberhubs_lib", run_name="__main__")
"""


@pytest.mark.parametrize("where", ["raise KeyboardInterrupt", 'exec("raise KeyboardInterrupt")'])
def test_ctrl_c_is_exit_code_130(where, tmp_path):
    (tmp_path / "begin.py").write_text(START.format(where))
    command = [sys.executable, "-m", "begin"]
    env = {"PYTHONPATH": f"{tmp_path}:{REPOSITORY}"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr.strip() == "stopped; run it again and it goes on from what it finds"
