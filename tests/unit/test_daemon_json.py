"""daemon.json: our settings beside what others wrote, and whether the engine must restart for them."""

import base64
import json
import subprocess

import pytest
from daemon_settings import DAEMON, FACTS
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.resources.daemon_json import DaemonSettings, open_files, settings
from cyberhubs_lib.site_host import Docker
from cyberhubs_lib.state import difference
from cyberhubs_lib.transport import Result

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)

TABLES = {key: value for key, value in DAEMON.items() if isinstance(value, dict)}
LINES = st.dictionaries(
    st.sampled_from(["max-size", "max-file", "nofile", "memlock", "tag"]), JSON, max_size=4
)
OTHERS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys([*DAEMON, "debug", "dns", "x", "ключ"], JSON),
        **{key: JSON | LINES for key in TABLES},
        "log-driver": st.sampled_from(["json-file", "json-file", "syslog"]),
    },
)


def files(found, mark=None):
    """The answer of a host with this daemon.json, and with this mark of an earlier run."""
    return Result(0, f"{json.dumps(mark) if mark else ''}\n---\n{json.dumps(found)}")


def both(script):
    """What a change would write into the mark, and into daemon.json."""
    texts = [base64.b64decode(part.split(" ")[0]) for part in script.split("printf %s ")[1:]]
    return [json.loads(text) for text in texts]


@given(OTHERS)
def test_daemon_json_keeps_what_others_wrote(others):
    resource = DaemonSettings(DAEMON)
    was = resource.parse(files(others))
    now = both(resource.change(was))[-1]
    assert {k: v for k, v in now.items() if k not in DAEMON} == {
        k: v for k, v in others.items() if k not in DAEMON
    }
    for key, value in DAEMON.items():
        theirs = others.get(key)
        stays = isinstance(theirs, dict) and key in TABLES
        if key == "log-opts" and others.get("log-driver") == "syslog":
            stays = False  # the engine would not start with another driver's options
        assert now[key] == ({**theirs, **value} if stays else value)
    assert (now == others) == (difference(was, resource.wanted) == [])
    assert difference(resource.parse(files(now)), resource.wanted) == []


def test_daemon_json_keeps_the_limits_and_log_options_of_others():
    theirs = {
        "default-ulimits": {"memlock": {"Name": "memlock", "Soft": -1, "Hard": -1}},
        "log-opts": {"tag": "{{.Name}}", "max-size": "1g"},
    }
    resource = DaemonSettings(DAEMON)
    now = both(resource.change(resource.parse(files(theirs))))[-1]
    assert now["default-ulimits"] == {**theirs["default-ulimits"], **DAEMON["default-ulimits"]}
    assert now["log-opts"] == {"tag": "{{.Name}}", "max-size": "10m", "max-file": "3"}
    assert resource.parse(files(now)) | {"file": "", "mark": ""} == {
        **resource.wanted, "file": "", "mark": ""
    }  # fmt: skip


MIRRORS = DAEMON["registry-mirrors"]
NO_LISTS = settings(Docker(address_pools=[]), FACTS)


def test_lists_that_the_site_no_longer_asks_for_go():
    with_lists, without = DaemonSettings(DAEMON), DaemonSettings(NO_LISTS)
    *_, mark, now = both(with_lists.change(with_lists.parse(files({"debug": True}))))
    assert mark == {key: DAEMON[key] for key in ("default-address-pools", "registry-mirrors")}
    was = without.parse(files(now, mark))
    assert difference(was, without.wanted) == ["default-address-pools", "registry-mirrors"]
    assert "restarts" in without.note(was)  # a reload does not forget a mirror
    after = both(without.change(was))
    assert after[-1] == {"debug": True, **NO_LISTS}
    assert difference(without.parse(files(after[-1], after[0])), without.wanted) == []


@pytest.mark.parametrize("mark", [None, {"registry-mirrors": ["https://old.example.org"]}])
def test_lists_of_others_stay(mark):
    theirs = {**NO_LISTS, "registry-mirrors": MIRRORS}
    without, with_lists = DaemonSettings(NO_LISTS), DaemonSettings(DAEMON)
    assert difference(without.parse(files(theirs, mark)), without.wanted) == []
    # nor do they become ours when the site asks for what is there already
    was = with_lists.parse(files(theirs, mark))
    assert both(with_lists.change(was))[0].get("registry-mirrors") != MIRRORS


@pytest.mark.parametrize(
    ("host", "container"), [("unlimited", (65536, 524288)), ("20000", (20000, 20000))]
)
def test_a_container_asks_for_no_more_files_than_the_host_has(host, container):
    assert open_files(parse_facts(f"open_files={host}\n")) == container


@pytest.mark.parametrize(
    ("live_restore", "changed", "said", "restarts"),
    [
        (True, {"live-restore": False}, "without a restart", False),
        (True, {"log-driver": "local"}, "containers go on", True),
        (False, {"log-driver": "local"}, "all containers with it", True),
    ],
)
def test_the_engine_restarts_only_if_it_must(live_restore, changed, said, restarts):
    values = settings(Docker(live_restore=live_restore), FACTS)
    resource = DaemonSettings(values)
    was = resource.parse(files({**values, **changed}))
    assert said in resource.note(was)
    assert ("restart docker" in resource.change(was)) == restarts
    assert "reload docker" in resource.change(was)


def test_containers_may_go_on_before_anything_else_is_set():
    """By a file of what was there: an engine with options of its own may refuse the new one."""
    resource = DaemonSettings(NO_LISTS)
    script = resource.change(resource.parse(files({"debug": True})))
    assert both(script) == [{"debug": True, "live-restore": True}, {"debug": True, **NO_LISTS}]
    first, second = script.split("printf %s ")[1:]
    assert "reload docker" in first
    assert "restart docker" in second
    off = DaemonSettings({**NO_LISTS, "live-restore": False})
    assert len(both(off.change(off.parse(files({"debug": True}))))) == 1


@pytest.mark.parametrize("fails", ["reload", "restart"])
def test_what_the_engine_was_not_told_is_still_to_be_done(tmp_path, fails):
    """The file is as wanted then; the engine is not."""
    path = f"PATH={tmp_path}:$PATH\n"
    tool, run = tmp_path / "systemctl", tmp_path / "run"
    tool.write_text(f'#!/bin/sh\n! {{ [ "$1" = {fails} ] && [ ! -e {run}/well ]; }}\n')
    tool.chmod(0o755)
    run.mkdir()

    def sh(script):
        script = script.replace("/etc/docker", f"{tmp_path}/etc").replace("/run/", f"{run}/")
        script = script.replace("chown root:root", "true").replace("sleep 1", ":")
        done = subprocess.run(["sh", "-e"], input=path + script, text=True, capture_output=True)
        return Result(done.returncode, done.stdout)

    resource = DaemonSettings(DAEMON)
    was = resource.parse(sh(resource.question()))
    assert sh(resource.change(was)).code == 1
    was = resource.parse(sh(resource.question()))
    assert "still to be read" in difference(was, resource.wanted)  # live-restore alone comes first
    assert "restart docker" in resource.change(was)  # which keys it was is not known any more
    (run / "well").touch()
    assert sh(resource.change(was)).code == 0
    assert difference(resource.parse(sh(resource.question())), resource.wanted) == []
