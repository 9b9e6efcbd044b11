"""The broker from inside a hub that was taken over: every way to the host, and none of them open."""

import collections
import contextlib
import copy
import json
import subprocess
import time

import httpx
import pytest
from attacker import PREFIX, SEND, VICTIM, Attacker, ask, create
from attacks import CALLS, CONTAINERS, DELETE, HOST, bodies
from docker.errors import APIError, NotFound
from trial import Person


@pytest.fixture(scope="module")
def ben(demo_hub):
    """Somebody at work, who must not notice anything."""
    person = Person(demo_hub, "ben")
    person.start()
    yield person
    person.stop()


@pytest.fixture(scope="module")
def attacker(demo_hub, ben):
    """Code of the attacker's in the running hub."""
    hub = demo_hub.services()["hub"]
    victim = demo_hub.engine.containers.run(
        hub.image, ["sleep", "infinity"], name=VICTIM, detach=True, network_mode="none"
    )
    command = ["docker", "exec", "-i", hub.id, "python3", "-c", SEND]
    ids = {name: found.id for name, found in demo_hub.services().items()}
    ids |= {"victim": victim.id, "short": victim.id[:12], "ben": demo_hub.user_container("ben").id}
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
            yield Attacker(demo_hub, shell, ids)
            shell.stdin.close()
    finally:
        victim.remove(force=True)


def test_the_attacker_can_do_what_the_hub_can(attacker, homes, demo_hub):
    """The control: the same channel, with nothing changed, makes a server and ends it."""
    status, said = attacker.send(create(attacker.good))
    assert status == 201, said
    ident = json.loads(said)["Id"]
    made = demo_hub.engine.containers.get(ident)
    try:
        assert attacker.send(ask("POST", f"/v1.41/containers/{ident}/start"))[0] == 204
        assert attacker.send(ask("GET", f"/containers/{PREFIX}eve/json"))[0] == 200
        assert made.name == f"{PREFIX}eve"
        status, said = attacker.send(ask("POST", f"/containers/{ident}/stop"))
        assert status == 204, said
        # it removes itself, and may be gone already
        assert attacker.send(ask("DELETE", f"/v1.41/containers/{ident}{DELETE}"))[0] in (
            204,
            404,
            409,
        )
    finally:
        with contextlib.suppress(APIError):  # gone, or going: it removes itself
            made.remove(force=True)
    gone(demo_hub)


@pytest.mark.parametrize(("number", "where", "what"), CONTAINERS, ids=[c[0] for c in CONTAINERS])
def test_a_container_of_any_other_shape(attacker, number, where, what):
    body = copy.deepcopy(attacker.good)
    inside = where.startswith(HOST)
    place, key = body["HostConfig"] if inside else body, where.removeprefix(HOST)
    if key.endswith("+"):
        place[key[:-1]].append(what)
    else:
        place[key] = what
    unharmed(attacker, create(json.loads(attacker.fill(json.dumps(body)))))


@pytest.mark.parametrize(("number", "method", "path", "body"), CALLS, ids=[c[0] for c in CALLS])
@pytest.mark.parametrize("version", ["/v1.41"])
def test_any_other_call(attacker, version, number, method, path, body):
    unharmed(attacker, ask(method, attacker.fill(version + path), body))


@pytest.mark.parametrize("number", range(201, 239))
def test_tricks_of_http_and_json(attacker, number):
    unharmed(attacker, bodies(attacker.good)[number])


def unharmed(attacker, raw):
    """The request is refused with a reason, and Docker shows that nothing happened."""
    before = attacker.before or attacker.state()
    status, said = attacker.send(raw)
    attacker.before = attacker.state()
    assert attacker.before == before
    assert status in (403, 404), said
    assert "the broker refused" in json.loads(said)["message"]
    assert "s3cret" not in said


LINK = """
import ctypes, os, shutil, sys, time
os.chdir("/srv/jupyterhub_users")
if sys.argv[1] == "away":
    for name in ("eve", "link"):
        if os.path.islink(name):
            os.remove(name)
        elif os.path.isdir(name):
            shutil.rmtree(name)
    os.mkdir("eve")
    os.chown("eve", 1000, 1000)
elif sys.argv[1] == "link":
    os.rmdir("eve")
    os.symlink("/etc", "eve")
else:  # home and link change places, as often as it goes
    os.symlink("/etc", "link")
    here, swap = -100, ctypes.CDLL(None).renameat2
    end = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < end:
        swap(here, b"eve", here, b"link", 2)
"""


@pytest.fixture
def homes(demo_hub):
    """The attacker among the homes, where the hub may do anything."""
    hub = demo_hub.services()["hub"]

    def do(what, **options):
        return hub.exec_run(["python3", "-c", LINK, what], **options)

    assert do("away")[0] == 0
    yield do
    do("away")


def test_a_home_that_is_a_link_to_the_host(attacker, homes, demo_hub):
    """301: at the start; 302: between making the container and starting it."""
    homes("link")
    unharmed(attacker, create(attacker.good))
    homes("away")
    ident = json.loads(attacker.send(create(attacker.good))[1])["Id"]
    try:
        homes("link")
        status, said = attacker.send(ask("POST", f"/containers/{ident}/start"))
        assert (status, "no directory of its own" in said) == (403, True)
        assert demo_hub.engine.containers.get(ident).status == "created"
    finally:
        demo_hub.engine.containers.get(ident).remove(force=True)


def test_a_home_that_changes_places_with_a_link(attacker, homes, demo_hub):
    """303: whatever moment it is, no server keeps a directory of the host."""
    homes("12", detach=True)
    outcomes = collections.Counter()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        status, said = attacker.send(create(attacker.good))
        if status != 201:
            outcomes["link seen before"] += 1
            continue
        made = demo_hub.engine.containers.get(json.loads(said)["Id"])
        status, said = attacker.send(ask("POST", f"/containers/{made.id}/start"))
        if status == 204:
            outcomes["started"] += 1
            code, found = made.exec_run(["ls", "-a", "/home/user"])
            assert (code, b"passwd" in found) == (0, False)
        else:
            assert status == 403, said
            outcomes["ended after" if "is not the user's" in said else "link seen before"] += 1
        with contextlib.suppress(NotFound, APIError):
            made.remove(force=True)
        gone(demo_hub)
    print(f"starts while home and link changed places: {dict(outcomes)}")
    assert outcomes["link seen before"] > 2


def gone(demo_hub):
    """Wait until Docker has removed eve's container."""
    end = time.monotonic() + 30
    while f"{PREFIX}eve" in demo_hub.left()["containers"]:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_nothing_is_left_of_it_and_people_can_start_servers(attacker, demo_hub):
    assert not any(name.startswith("evil") for name in attacker.state()["images"])
    assert demo_hub.user_container("ben").id == attacker.ids["ben"]
    ada = Person(demo_hub, "ada")
    ada.start()
    ada.stop()


def test_refusals_are_in_the_log_without_secrets(attacker, demo_hub):
    attacker.send(create({**attacker.good, "User": "0"}))
    log = demo_hub.services()["broker"].logs().decode()
    assert 'refused POST /v1.41/containers/create: User must be "1000:1000"' in log
    assert "s3cret" not in log
    assert "Traceback" not in log


def test_a_hub_with_other_settings_cannot_widen_them_and_says_so(demo_hub):
    path = demo_hub.home / "hub.json"
    before = path.read_text()
    settings = json.loads(before)
    settings["limits"]["memory"] = 64 << 30
    try:
        path.write_text(json.dumps(settings))  # the same file: the hub's container sees it
        demo_hub.services()["hub"].restart()
        demo_hub.healthy()
        ada = Person(demo_hub, "ada")
        with pytest.raises(httpx.HTTPStatusError) as refused:
            ada.start()
        said = refused.value.response.json()["message"]
        assert said.startswith("This server cannot start: the broker refused")
        assert "HostConfig.Memory must be 1073741824" in said
        assert f"{PREFIX}ada" not in demo_hub.left()["containers"]
    finally:
        path.write_text(before)
        demo_hub.services()["hub"].restart()
        demo_hub.healthy()
