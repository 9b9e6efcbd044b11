"""The four ways to S: each brings a server there and says how long it took and what it changed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from terminal import Done, Operator
from testhost.place import cache
from testhost.testhost import TestHost

from cyberhubs_lib.runs import Record, place
from cyberhubs_lib.shell import sh

from .state import State

HERE = Path(__file__).parent
PINS = {"ansible": "ansible-core==2.19.14", "pyinfra": "pyinfra==3.10.0"}
SINGLE = ("device", "mount", "label", "bytes_per_inode", "user")
PARTS = {"prepare_os": "02", "prepare_storage": "03", "install_docker": "04"}


@dataclass
class Outcome:
    """Seconds until S is reached; labels of what was changed; `more` are other figures."""

    seconds: float
    changed: list[str]
    more: dict[str, float] = field(default_factory=dict)


@dataclass
class Target:
    """One server through one port: the server's own, or that of a relay that makes it far."""

    server: TestHost
    port: int
    state: State
    folder: Path

    @property
    def known_hosts(self) -> Path:
        """The server's host keys under this port."""
        file = self.folder / f"known_hosts-{self.port}"
        text = Path(self.server.known_hosts).read_text()
        file.write_text(text.replace(f":{self.server.port} ", f":{self.port} "))
        return file

    @property
    def files(self) -> Path:
        """A folder with state.json, and the files of S under files/."""
        place = self.folder / self.server.name
        (place / "files").mkdir(parents=True, exist_ok=True)
        (place / "state.json").write_text(json.dumps(self.state))
        for one in each_file(self.state):
            path = place / "files" / one["path"].lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(one["content"])
        return place


def each_file(state: State) -> list[State]:
    """All files of S."""
    single = [state["sysctl_file"], state["daemon_json"]]
    return [*state["os_files"], *state["firewall_files"], *state["drop_ins"], *single]


def environment(name: str) -> Path:
    """The tool's own environment, made once for each pin."""
    place = cache() / PINS[name].replace("==", "-")
    if not (place / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        subprocess.run([place / "bin" / "pip", "install", "-q", PINS[name]], check=True)
        (place / "complete").touch()
    return place / "bin"


def _timed(command: list[str], **options: object) -> tuple[float, str]:
    """Seconds and output of a command that must succeed."""
    began = time.monotonic()
    done = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    )  # type: ignore[call-overload]
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)} failed:\n{done.stdout[-3000:]}")
    return time.monotonic() - began, done.stdout


class Script:
    """The hand-written script through one OpenSSH connection: as fast as it gets."""

    name = "script"

    def run(self, target: Target, parts: tuple[str, ...] = tuple(PARTS)) -> Outcome:
        """All parts, or the part of one runbook."""
        text = "\n".join([_settings(target.state), (HERE / "script.sh").read_text(), *parts, ""])
        command = target.server.ssh_command()
        command[command.index("-p") + 1] = str(target.port)
        command[:] = [re.sub("^UserKnownHostsFile=.*", f"UserKnownHostsFile={target.known_hosts}", w)
                      for w in command]  # fmt: skip
        seconds, out = _timed([*command, "sudo -n sh -s"], input=text)
        changed = [line[8:] for line in out.splitlines() if line.startswith("changed ")]
        return Outcome(seconds, changed)


def _settings(state: State) -> str:
    """What the script begins with: variables, and functions for the lists of files."""
    lines = [sh(f"{name}={{}}", state[name]) for name in SINGLE]
    lines += [sh(f"{n}={{}}", " ".join(state[n])) for n in ("packages", "services", "engine")]
    single = {"sysctl_file": [state["sysctl_file"]], "daemon_json": [state["daemon_json"]]}
    lists = {n: state[n] for n in ("os_files", "firewall_files", "drop_ins")}
    for name, files in {**lists, **single}.items():
        calls = [sh("    file {} {} {} && c=0", f["path"], f["mode"], f["content"]) for f in files]
        lines.append("\n".join([f"{name}() {{", "    c=1", *calls, "    return $c", "}"]))
    calls = [sh("    directory {} {} {}", d["path"], f"{d['owner']}:{d['group']}", d["mode"])
             for d in state["directories"]]  # fmt: skip
    lines.append("\n".join(["directories() {", *calls, "}"]))
    calls = [sh("    bind {} {}", b["source"], b["path"]) for b in state["binds"]]
    lines.append("\n".join(["binds() {", *calls, "}"]))
    return "\n".join(lines)


class Ansible:
    """ansible-playbook with pipelining, and a control connection of each run's own."""

    name = "Ansible"

    def run(self, target: Target) -> Outcome:
        """The whole playbook."""
        host = {
            "ansible_host": "127.0.0.1",
            "ansible_port": target.port,
            "ansible_user": "debian",
            "ansible_ssh_private_key_file": target.server.key,
            "ansible_ssh_common_args": f"-F /dev/null -o UserKnownHostsFile={target.known_hosts}",
        }
        inventory = target.folder / f"inventory-{target.port}.json"
        inventory.write_text(json.dumps({"all": {"hosts": {"server": host}}}))
        with tempfile.TemporaryDirectory(prefix="cp") as sockets:
            env = {
                **os.environ,
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_PIPELINING": "True",
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets,
                "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            }
            command = [str(environment("ansible") / "ansible-playbook"), "-i", str(inventory),
                       "-e", f"@{target.files / 'state.json'}", "-e", f"login={target.state['user']}",
                       str(HERE / "playbook.yml")]  # fmt: skip
            seconds, out = _timed(command, env=env)
        tasks = re.split(r"^(?:TASK|RUNNING HANDLER) \[", out, flags=re.M)[1:]
        changed = [t.partition("]")[0] for t in tasks if re.search("^changed: ", t, re.M)]
        return Outcome(seconds, changed)


class Pyinfra:
    """pyinfra's command line."""

    name = "pyinfra"

    def run(self, target: Target) -> Outcome:
        """The whole deploy."""
        data = {
            "ssh_hostname": "127.0.0.1",
            "ssh_port": target.port,
            "ssh_user": "debian",
            "ssh_key": target.server.key,
            "ssh_known_hosts_file": str(target.known_hosts),
        }
        inventory = target.folder / f"inventory_{target.port}.py"
        inventory.write_text(f"hosts = [('server', {data!r})]\n")
        command = [str(environment("pyinfra") / "pyinfra"), "-y", str(inventory),
                   str(HERE / "deploy.py")]  # fmt: skip
        env = {**os.environ, "STATE": str(target.files / "state.json"), "NO_COLOR": "1"}
        seconds, out = _timed(command, env=env, cwd=HERE)
        out = re.sub(r"\x1b\[[0-9;]*m", "", out)
        operations = re.split(r"^--> Starting operation: ", out, flags=re.M)[1:]
        changed = [o.splitlines()[0].strip() for o in operations if "] Success" in o]
        return Outcome(seconds, changed)


class Ours:
    """Our own command on runbooks 02, 03 and 04, as the README says it."""

    name = "cyberhubs"

    def __init__(self, operator: Operator):
        self.operator = operator

    def run(self, target: Target) -> Outcome:
        """Seconds of waiting for the host, up to Verify; the parts, Verify and the rest in `more`.

        Left out of `seconds`: the start of Python and of its kernel. It is in more["whole"].
        """
        ssh = self.operator.home / ".ssh"
        self.operator.knows(target.server)
        with (ssh / "known_hosts").open("a") as file:
            file.write(target.known_hosts.read_text())
        host, device = f"debian@127.0.0.1:{target.port}", target.state["device"]
        shutil.rmtree(place("", host), ignore_errors=True)
        command = [sys.executable, "-m", "cyberhubs_lib", "run", *PARTS.values(), "-p", "host", host,
                   "-p", "device", device, "-p", "confirm", device]  # fmt: skip
        began, changed, more = time.monotonic(), [], {}
        done = self.operator.call(*command)
        if done.code:
            raise RuntimeError(done.out[-3000:])
        more["whole"] = time.monotonic() - began
        for path in sorted(place("", host).glob("*.ipynb")):
            number = Record(path).name[:2]
            before, after = list(Record(path).reports())[-2:]
            assert after["title"] == "Verify"
            more[number] = float(before["host_seconds"])
            more[f"{number} with Verify"] = float(after["host_seconds"])
            more[f"{number} trips"] = int(after["round_trips"])
            changed += Done(0, "", path).rows("changed")
        shutil.rmtree(place("", host))
        return Outcome(sum(more[n] for n in PARTS.values()), changed, more)
