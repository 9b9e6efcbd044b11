"""Waiting for a hub's services: each is asked its own health question, by a `docker` played here."""

import subprocess

import pytest

from cyberhubs_lib import compose
from cyberhubs_lib.compose import answering
from cyberhubs_lib.sitefile import load_site

# containers are files of the folder $DOCKER: state, restarts, and whether it answers (yes, no, later)
DOCKER = """#!/bin/sh
cd "$DOCKER"
for last; do :; done
service=${last##*=}
case $1 in
  ps) ! [ -e "$service" ] || echo "$service" ;;
  logs) echo "$service said why" ;;
  exec) read state restarts answer <"$2"
    [ "$3 $4" = "curl http://localhost/a health" ] || exit 9
    [ "$answer" != later ] || echo "$state $restarts yes" >"$2"
    [ "$answer" = yes ] ;;
  inspect) read state restarts answer <"$last"
    case $3 in
      *Healthcheck*) echo curl; echo "http://localhost/a health"; echo ;;
      *) echo "$state $restarts"
         [ "$answer" != loop ] || echo "$state $((restarts + 1)) loop" >"$last" ;;
    esac ;;
esac
"""
SERVICES = ("caddy", "proxy", "hub", "broker", "standin")


@pytest.fixture
def wait(tmp_path):
    """A function: services -> state, restarts and answer; the exit code and the lines printed."""
    program, folder = tmp_path / "docker", tmp_path / "containers"
    program.write_text(DOCKER)
    program.chmod(0o755)
    folder.mkdir()

    def wait(**services):
        for name, said in (dict.fromkeys(SERVICES, "running 0 yes") | services).items():
            if said:
                (folder / name).write_text(said)
        env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "DOCKER": str(folder)}
        script = ["sh", "-c", answering(load_site("demo"))]
        done = subprocess.run(script, env=env, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return wait


def test_services_that_answer_or_will(wait):
    assert wait() == (0, [])
    assert wait(broker="running 7 later") == (0, [])


@pytest.mark.parametrize(("said", "why"), [
    ("running 0 no", "does not answer"),
    ("restarting 4 loop", "is in a crash loop"),
    ("exited 0 no", "is exited"),
])  # fmt: skip
def test_a_service_that_does_not_answer_is_named_with_the_end_of_its_log(
    wait, said, why, monkeypatch
):
    if why == "does not answer":
        monkeypatch.setattr(compose, "ANSWER_SECONDS", 1)
    code, lines = wait(hub=said)
    assert code == 1
    assert lines == [f"service hub {why}; the end of its log:", "hub said why"]


def test_all_that_is_wrong_is_said(wait):
    code, lines = wait(caddy="", proxy="exited 0 no")
    assert code == 1
    assert [line for line in lines if line.startswith("service")] == [
        "service caddy has no container",
        "service proxy is exited; the end of its log:",
    ]
