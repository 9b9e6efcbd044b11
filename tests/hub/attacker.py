"""A program in a hub that was taken over: its way to the broker, and all that it could harm."""

import base64
import contextlib
import json
import sys

from docker.errors import NotFound
from trial import PROJECT

from cyberhubs_lib.contexts import context
from cyberhubs_lib.rendered import SERVER
from cyberhubs_lib.sitefile import load_site

sys.path.insert(0, str(SERVER / "broker"))
import shape

PREFIX = f"{PROJECT}-user-"
USERS = f"{PROJECT}_user-"  # their networks
COREHUB = context("corehub", load_site("demo")).tag
VICTIM = f"{PROJECT}-victim"  # a container of somebody else on this machine
ENV = ["JUPYTERHUB_API_TOKEN=s3cret-s3cret", "JUPYTERHUB_USER=eve"]

# What the attacker runs in the hub: each line is a request, sent as it is on a connection of its own.
SEND = """
import base64, socket, sys
for line in sys.stdin:
    answer = b""
    with socket.create_connection(("broker", 2375), 20) as broker:
        broker.sendall(base64.b64decode(line))
        broker.shutdown(socket.SHUT_WR)
        try:
            while data := broker.recv(65536):
                answer += data
        except ConnectionError:
            pass
    print(base64.b64encode(answer).decode(), flush=True)
"""


class Attacker:
    """A program in the hub's container, and what Docker shows of everything that it could touch."""

    def __init__(self, demo, shell, ids):
        self.demo, self.shell, self.ids, self.before = demo, shell, ids, None
        settings = shape.Settings.read(demo.home / "broker.json")
        self.good = {
            **shape.container(f"{PREFIX}eve", "eve", settings.images[0], settings),
            "Env": ENV,
        }

    def send(self, raw):
        """Status and body of the answer."""
        self.shell.stdin.write(base64.b64encode(raw) + b"\n")
        self.shell.stdin.flush()
        head, _, body = base64.b64decode(self.shell.stdout.readline()).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    def fill(self, text):
        """{hub}, {victim} and so on are the ids of containers."""
        for name, ident in self.ids.items():
            text = text.replace(f"{{{name}}}", ident)
        return text

    def state(self):
        """All that has our name, or the name that every attack gives to what it would make."""
        api, ours = self.demo.engine.api, (PROJECT, "evil")
        seen = {}
        for row in api.containers(all=True):
            if row["Names"][0][1:].startswith(ours) or "evil" in row["Labels"]:
                with contextlib.suppress(NotFound):  # a stopped server that is just being removed
                    found = api.inspect_container(row["Id"])
                    state, config = found["State"], found["Config"]
                    execs = None if config.get("Healthcheck") else found["ExecIDs"]  # or its own
                    seen[row["Id"]] = [
                        found["Name"], found["HostConfig"], config, execs,
                        *[state[key] for key in ("Status", "StartedAt", "Pid")],
                    ]  # fmt: skip
        # what other users left goes by itself after a while: only ben's network must stay
        names = [net["Name"] for net in api.networks()
                 if not net["Name"].startswith(USERS) or net["Name"] == f"{USERS}ben"]  # fmt: skip
        names += [volume["Name"] for volume in api.volumes()["Volumes"]]
        seen["networks and volumes"] = sorted(name for name in names if name.startswith(ours))
        tags = [tag for image in api.images() for tag in image["RepoTags"] or []]
        seen["images"] = [tag for tag in tags if tag.startswith(("evil", COREHUB))]
        with contextlib.suppress(NotFound):
            api.get_archive(VICTIM, "/etc/evil")
            seen["written"] = True
        seen["swarm"] = api.info()["Swarm"]["LocalNodeState"]
        return seen


def ask(method, path, body=b"", *headers):
    """One request as the SDK would write it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: broker:2375", "Content-Type: application/json",
             f"Content-Length: {len(raw)}", *headers, "", ""]  # fmt: skip
    return "\r\n".join(lines).encode() + raw


def create(body, name=f"{PREFIX}eve"):
    return ask("POST", f"/v1.41/containers/create?name={name}", body)
