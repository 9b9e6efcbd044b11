"""As much of Docker as users' networks need, in memory."""

import json
import sys
from urllib.parse import unquote

from cyberhubs_lib.rendered import SERVER

sys.path.insert(0, str(SERVER / "broker"))
from engine import Answer


class DockerInMemory:
    """As much of Docker as networks need; `changes` are the calls that were no questions."""

    def __init__(self):
        self.networks, self.containers, self.changes, self.room = {}, {}, [], 30
        self.before = lambda call: None  # what happens just before a call
        for service in ("caddy", "hub", "proxy", "broker"):
            self.service(service)

    def container(self, ident, on=(), state="running", **labels):
        labels = {key.replace("__", "."): value for key, value in labels.items()}
        self.containers[ident] = {"Id": ident, "Labels": labels, "State": state, "Networks": {*on}}

    def service(self, name, ident="", state="running", project="cyberhubs-demo"):
        labels = {"com__docker__compose__project": project, "com__docker__compose__service": name}
        self.container(ident or name, [f"{project}_control"], state, **labels)

    def server(self, user, site="demo", on=None):
        self.container(f"of {user}", [on or f"cyberhubs-demo_user-{user}"], cyberhubs__site=site)

    def network(self, name, site="demo", internal=False):
        self.networks[name] = {
            "Name": name,
            "Labels": {"cyberhubs.site": site} if site else None,
            "Internal": internal,
            "IPAM": {"Config": [{"Subnet": "172.19.0.0/16"}]},
        }

    def on(self, name):
        return {ident for ident, found in self.containers.items() if name in found["Networks"]}

    def ask(self, call):
        self.before(call)
        body = json.loads(call.body) if call.body else {}
        if call.method != "GET":
            self.changes.append((call.method, unquote(call.path), body))
        status, said = self.answer(call.method, unquote(call.path), body)
        return Answer(status, json.dumps(said).encode())

    def answer(self, method, path, body):
        if path == "/containers/json?all=1":
            return 200, [
                {
                    **{key: found[key] for key in ("Id", "Labels", "State")},
                    "NetworkSettings": {"Networks": dict.fromkeys(found["Networks"])},
                }
                for found in self.containers.values()
            ]
        if path == "/networks":
            return 200, list(self.networks.values())
        if path == "/networks/create":
            if len(self.networks) >= self.room:
                return 404, {"message": "could not find an available, non-overlapping IPv4 address"
                             " pool among the defaults to assign to the network"}  # fmt: skip
            self.networks[body["Name"]] = body
            if not body["IPAM"]["Config"]:
                subnet = f"192.168.{128 + len(self.networks)}.0/26"
                body["IPAM"]["Config"] = [{"Subnet": subnet}]
            return 201, {}
        name, _, act = path.removeprefix("/networks/").partition("/")
        if name not in self.networks:
            return 404, {"message": "no such network"}
        if act:
            on = self.containers[body["Container"]]["Networks"]
            (on.add if act == "connect" else on.discard)(name)
            return 200, {}
        if method == "GET":
            return 200, self.networks[name]
        if self.on(name):
            return 403, {"message": "has active endpoints"}
        del self.networks[name]
        return 204, {}
