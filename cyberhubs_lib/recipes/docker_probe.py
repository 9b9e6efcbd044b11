"""The proof of runbook 04 as rows: server/docker_probe.sh asks once, each row reads its line."""

from __future__ import annotations

from collections.abc import Callable

from ..check import Check
from ..rendered import SERVER
from ..transport import Result

SCRIPT = (SERVER / "docker_probe.sh").read_text()


def checks(firewall: bool, open_files: int, ssh_port: int) -> list[Check]:
    """What a container of a user needs; what 02 closes counts only if it does (system.firewall)."""
    probe = f"(\nssh_port={ssh_port}\n{SCRIPT})"
    return [
        Check("a container runs", probe, _line("runs", "yes"), "yes",
              "`journalctl -u docker` on the host tells why"),
        Check("a container finds names", probe, _line("name", "yes"), "yes",
              "does /etc/resolv.conf of the host name a server that answers?"),
        Check("a published port answers", probe, _line("port", "yes"), "yes",
              "does another firewall on the host filter Docker's networks?"),
        Check("open files of one process in a container", probe, _line("files", str(open_files)),
              str(open_files), "the engine was started before its settings: restart it"),
        Check("a cloud's metadata address, from a container", probe, _line("metadata", "closed"),
              "closed", "runbook 02 closes it (system.firewall)", hard=firewall),
        Check("the host's own ssh, from a user's network", probe, _line("ssh", "closed"),
              "closed", "runbook 02 closes it (system.firewall)", hard=firewall),
    ]  # fmt: skip


def _line(key: str, good: str) -> Callable[[Result], tuple[bool, str]]:
    def expect(answer: Result) -> tuple[bool, str]:
        lines = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
        said = answer.out.strip()[-200:] if key == "runs" else ""  # why no container started
        word = lines.get(key, said or "no answer")
        return word == good, word

    return expect
