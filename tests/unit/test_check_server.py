"""The user server of 09's proof: JupyterHub's own word on its start, and its log if it fails."""

import contextlib
import json
import threading

import httpx
import pytest
from docker.errors import NotFound

from cyberhubs_lib import check_server, server_proof
from cyberhubs_lib.check_server import NoServer, ServerLog, wait_until_ready
from cyberhubs_lib.errors import PreconditionFailed, VerifyFailed
from cyberhubs_lib.host import Host
from cyberhubs_lib.params import Params
from cyberhubs_lib.recipes.recipe import Recipe
from cyberhubs_lib.report import Report, Row
from cyberhubs_lib.runbook import Run
from cyberhubs_lib.shell import keep_secret
from cyberhubs_lib.site import Site
from cyberhubs_lib.transport import Local

HOST = Host(Local(), root=False)
SITE = Site(name="uni", login={"client_id": "x"}, limits={"start_seconds": 7})
REQUESTED = {"progress": 0, "message": "Server requested"}
SPAWNING = {"progress": 50, "message": "Spawning server..."}
READY = {"progress": 100, "ready": True, "message": "Server ready at /user/x/", "url": "/user/x/"}
FAILED = {"progress": 100, "failed": True, "message": "Spawn failed: Timeout"}


def follow(*events, status=200, seconds=60):
    """What becomes of a start of which JupyterHub tells these events."""
    text = "\n\n" + "".join(f"data: {json.dumps(event)}\n\n\n\n" for event in events)
    if status != 200:
        text = json.dumps({"status": status, "message": "cyberhubs-check is not starting..."})
    with httpx.Client(
        transport=httpx.MockTransport(lambda asked: httpx.Response(status, text=text))
    ) as hub:
        wait_until_ready(hub, "http://hub/progress", seconds)


def test_a_server_is_ready_when_jupyterhub_says_so():
    follow(REQUESTED, SPAWNING, READY)


@pytest.mark.parametrize(
    ("events", "why", "messages"),
    [
        ([REQUESTED, SPAWNING, FAILED], "Spawn failed: Timeout", 3),
        ([REQUESTED, SPAWNING], "the hub stopped telling", 2),
        ([], "the hub stopped telling", 0),
    ],
)
def test_a_server_that_does_not_start_is_told_in_jupyterhubs_words(events, why, messages):
    with pytest.raises(NoServer, match=why) as failed:
        follow(*events)
    assert len(failed.value.messages) == messages


def test_an_error_of_the_hub_is_its_message():
    with pytest.raises(NoServer, match=r"^HTTP 400: cyberhubs-check is not starting\.\.\.$"):
        follow(status=400)


def test_a_hub_that_never_decides_is_not_waited_for_without_end():
    with pytest.raises(NoServer, match="within 0 s"):
        follow(REQUESTED, SPAWNING, READY, seconds=0)


class Engine:
    """An engine on which the container of the check user appears at the second look, if at all."""

    def __init__(self, *chunks, appears=True):
        self.chunks, self.appears, self.looks = chunks, appears, 0
        self.read, self.ended = threading.Event(), threading.Event()

    @property
    def containers(self):
        """The containers."""
        return self

    def get(self, name):
        """The one container."""
        assert name == "cyberhubs-uni-user-cyberhubs-2dcheck"
        self.looks += 1
        if self.looks == 1 or not self.appears:
            raise NotFound("no such container")
        return self

    def logs(self, stream, follow):
        """What it has said; the end comes when the container ends."""
        yield from self.chunks
        self.read.set()
        assert self.ended.wait(60)


@pytest.fixture
def row(monkeypatch):
    """The row of a proof on this engine, whose user server fails once its log was read."""
    monkeypatch.setattr(check_server, "LOOK_SECONDS", 0.01)

    def made(engine):
        def first_cell(site, token, tls):
            assert not engine.appears or engine.read.wait(60)
            engine.ended.set()
            raise NoServer("Spawn failed: Timeout", ["Server requested", "Spawn failed: Timeout"])

        monkeypatch.setattr(check_server, "engine", lambda host: contextlib.nullcontext(engine))
        monkeypatch.setattr(server_proof, "first_cell", first_cell)
        return server_proof._cell_row(HOST, SITE, "a cell", "42 1 1", "token", None)

    return made


def test_a_failed_start_shows_jupyterhubs_messages_and_the_last_lines_of_the_log(row):
    chunks = [f"line {n}\n".encode() for n in range(99)] + [
        b"Permission de",
        b"nied: '/home/user'\n",
    ]
    failed = row(Engine(*chunks))
    assert (failed.status, failed.was) == ("failed", "Spawn failed: Timeout")
    assert "limits.start_seconds, now 7" in failed.note
    lines = failed.evidence.splitlines()
    assert lines[:3] == [
        "JupyterHub: Server requested",
        "JupyterHub: Spawn failed: Timeout",
        "the last lines of the user server's log:",
    ]
    assert len(lines) == 3 + check_server.LINES
    assert lines[-2:] == ["line 98", "Permission denied: '/home/user'"]


def test_without_a_container_there_is_no_log(row):
    assert row(Engine(appears=False)).evidence.endswith("the user server left no log")


def test_a_secret_is_not_in_the_evidence(row):
    keep_secret("canary-s3cret")
    assert "token=***" in row(Engine(b"token=canary-s3cret\n")).evidence


WAYS = [PreconditionFailed("Docker does not answer"), OSError("Docker does not answer")]


@pytest.mark.parametrize("error", WAYS, ids=["ours", "another"])
def test_a_log_that_cannot_be_read_is_no_further_error(monkeypatch, error):
    def refuses(host):
        raise error

    monkeypatch.setattr(check_server, "engine", refuses)
    with ServerLog(HOST, SITE) as log:
        pass
    assert log.lines == ["its log is unknown: Docker does not answer"]


def test_the_evidence_is_in_the_error_and_not_in_the_table(row, monkeypatch):
    failed = row(Engine(b"no space left\n"))
    run = Run("09_launch_hub", HOST, SITE, Params(), Recipe(proof=lambda host: [failed]))
    with pytest.raises(VerifyFailed) as error:
        run.verify()
    assert "no space left" in str(error.value).partition("evidence:")[2]
    assert "no space left" not in str(Report("Verify", [failed]))
    assert failed.as_dict()["evidence"].endswith("no space left")
    assert "evidence" not in Row("a").as_dict()
