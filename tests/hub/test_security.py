"""What a running hub shows, offers and uses: secrets, ports, limits, memory."""

import json
import os
import subprocess

import pytest
from trial import PROJECT, Person

from cyberhubs_lib.contexts import context
from cyberhubs_lib.sitefile import load_site

MIB = 2**20


@pytest.fixture(scope="module")
def ben(demo_hub):
    """Ben with a running server."""
    person = Person(demo_hub, "ben")
    person.start()
    yield person
    person.stop()


@pytest.fixture
def secrets(demo_hub):
    """Name -> content of each secret of the hub."""
    found = {p.name: p.read_text().strip() for p in (demo_hub.home / "secrets").iterdir()}
    assert {"proxy_token", "oauth_client_secret", "check_token"} <= set(found)
    assert all(len(text) >= 32 for text in found.values())
    return found


def holding(secrets, texts):
    """Which text (by its name) holds which secret."""
    return {
        (where, name)
        for where, text in texts.items()
        for name, secret in secrets.items()
        if secret in text
    }


def test_no_secret_in_records_settings_or_logs(demo_hub, ben, secrets):
    texts = {path.name: path.read_text() for path in demo_hub.records()}
    everything = {**demo_hub.services(), "ben": demo_hub.user_container("ben")}
    for name, container in everything.items():
        texts[f"inspect {name}"] = json.dumps(container.attrs)
        texts[f"log of {name}"] = container.logs().decode()
    texts["hub logs"] = demo_hub.cli("hub", "logs").out
    texts["demo"] = demo_hub.out
    for path in demo_hub.home.rglob("*"):
        if path.is_file() and path.parent.name != "secrets":
            texts[str(path)] = path.read_text(errors="replace")
    assert len(texts) > 20
    assert holding(secrets, texts) == set()


def test_no_secret_in_lists_of_processes(demo_hub, ben, secrets):
    everything = {**demo_hub.services(), "ben": demo_hub.user_container("ben")}
    lists = {
        name: "\n".join(" ".join(p) for p in container.top(ps_args="axeww")["Processes"])
        for name, container in everything.items()
    }
    assert "JUPYTERHUB_USER=ben" in lists["ben"]  # environments are in these lists
    # The proxy takes its token in no other way; its environment is closed to other users.
    assert holding(secrets, lists) <= {("proxy", "proxy_token")}
    mine = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
    assert holding(secrets, {"this machine": mine}) == set()


def test_secrets_are_for_their_owner_alone(demo_hub):
    folder = demo_hub.home / "secrets"
    assert folder.stat().st_mode & 0o077 == 0
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
    assert {p.stat().st_uid for p in folder.iterdir()} == {os.getuid()}


def test_limits_and_powers_of_a_user(demo_hub, ben):
    attrs = demo_hub.user_container("ben").attrs
    host = attrs["HostConfig"]
    assert attrs["Config"]["User"] == "1000:1000"
    assert host["Memory"] == 1024 * MIB
    # an engine on a kernel that does not count swap writes -1, and warns
    assert host["MemorySwap"] == (1024 * MIB if demo_hub.engine.info()["SwapLimit"] else -1)
    assert host["ShmSize"] == 512 * MIB
    assert host["PidsLimit"] == 512
    assert (host["CpuQuota"] / (host["CpuPeriod"] or 1) or host["NanoCpus"] / 1e9) == 2
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert not host["Privileged"]
    assert list(attrs["NetworkSettings"]["Networks"]) == [f"{PROJECT}_user-ben"]
    assert not host["PortBindings"]
    mounts = {m["Destination"]: (m["Source"].rpartition("/_data/")[2], m["RW"])
              for m in attrs["Mounts"]}  # fmt: skip
    assert mounts == {
        "/home/user": ("jupyterhub_users/ben", True),
        "/user": ("user", True),
        "/data": ("data", False),
    }


def test_limits_hold_inside(demo_hub, ben):
    script = (
        "exec 2>&1; id -u; grep -e CapEff -e NoNewPrivs /proc/self/status; touch /data/x /user/x"
    )
    out = demo_hub.user_container("ben").exec_run(["sh", "-c", script])[1].decode().split()
    assert out[0] == "1000"
    assert out[1:5] == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1"]
    assert " ".join(out[5:]) == "touch: cannot touch '/data/x': Read-only file system"


SHARED = """from multiprocessing.shared_memory import SharedMemory
block = SharedMemory(create=True, size=200 << 20)
block.buf[:] = bytes(200 << 20)
print(block.size)
block.close()
block.unlink()"""


def test_processes_of_a_user_share_more_than_dockers_own_64_mb(demo_hub, ben):
    code, out = demo_hub.user_container("ben").exec_run(["python3", "-c", SHARED])
    assert (code, out.decode().strip()) == (0, str(200 * MIB))


def test_only_the_front_door_is_published_and_only_here(demo_hub, port, ben):
    ports = {
        name: container.attrs["HostConfig"]["PortBindings"] or {}
        for name, container in demo_hub.services().items()
    }
    assert ports.pop("caddy") == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    assert not any(ports.values())


def test_only_the_broker_sees_the_docker_socket(demo_hub, ben):
    everything = {**demo_hub.services(), "ben": demo_hub.user_container("ben")}
    sees = {n for n, c in everything.items() if "docker.sock" in json.dumps(c.attrs["Mounts"])}
    assert sees == {"broker"}


def test_memory_and_size_stay_small(demo_hub):
    used = 0
    for name in ("hub", "proxy"):
        memory = demo_hub.services()[name].stats(stream=False)["memory_stats"]
        used += memory["usage"] - memory["stats"].get("inactive_file", 0)  # as `docker stats`
    assert used <= 250 * MIB
    corehub = demo_hub.engine.images.get(context("corehub", load_site("demo")).tag)
    assert corehub.attrs["Size"] <= 900e6


def test_the_hub_refuses_a_public_address_with_the_standin(demo_hub, tmp_path):
    settings = json.loads((demo_hub.home / "hub.json").read_text())
    edited = tmp_path / "hub.json"
    edited.write_text(json.dumps({**settings, "public_url": "https://hub.example.org"}))
    hub = demo_hub.services()["hub"]
    code, said = demo_hub.once(
        hub.image, {edited: "/srv/hub.json", demo_hub.home / "hub": "/srv/hub"}
    )
    assert code == 1
    assert "login.standin is on and public_url https://hub.example.org is a public address" in said
    assert len(said.strip().splitlines()) == 1, said
