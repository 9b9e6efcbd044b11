"""Somebody at a terminal: commands as the README says them, and what they left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from testhost.testhost import TestHost

from cyberhubs_lib.change import RECORD
from cyberhubs_lib.runs import Record
from cyberhubs_lib.site import REPOSITORY


@dataclass
class Done:
    """A finished command and, if it was a runbook, its record."""

    code: int
    out: str
    path: Path | None = None

    @property
    def reports(self) -> dict[str, dict]:
        """Title -> the last report of that title."""
        return {r["title"]: r for r in Record(self.path).reports()}

    def rows(self, status: str) -> list[str]:
        """Labels of all rows that have this status in the last report of each step, each once."""
        rows = [row for r in self.reports.values() for row in r["rows"] if row["status"] == status]
        return list(dict.fromkeys(row["label"] for row in rows))

    @property
    def meta(self) -> dict:
        """Seconds and round trips, as the last report counted them."""
        return list(Record(self.path).reports())[-1]


@dataclass
class Operator:
    """Somebody at a terminal with this home directory (for ~/.ssh), in this repository."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    def knows(self, server: TestHost) -> None:
        """As after a first ssh: the host key in known_hosts, the key in ~/.ssh/config."""
        ssh = self.home / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        with (ssh / "known_hosts").open("a") as file:
            file.write(Path(server.known_hosts).read_text())
        (ssh / "config").write_text(f'Host *\n  IdentityFile "{server.key}"\n')

    def call(self, *command: str, timeout: float = 1200, **env: str) -> Done:
        """Run a command to its end; output and errors together. If it hangs, its children end too."""
        process = subprocess.Popen(
            command, cwd=REPOSITORY, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=self.environment(**env), start_new_session=True,
        )  # fmt: skip
        try:
            out, _ = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            print(f"{' '.join(command)} was ended; it had printed:\n{out[-2000:]}")
            raise
        return Done(process.returncode, out)

    def environment(self, **more: str) -> dict[str, str]:
        """The operator's environment."""
        bin_first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        usual = {name: value for name, value in os.environ.items() if name != RECORD}
        return {**usual, "HOME": str(self.home), "PATH": bin_first, **self.env, **more}

    def papermill(self, runbook: str, /, env: dict[str, str] | None = None, **params: str) -> Done:
        """`papermill runbooks/NN_....ipynb OUT -p NAME VALUE ...`, as the README says it."""
        self.runs += 1
        out = self.home / "runs" / f"{self.runs:03}_{runbook}.ipynb"
        out.parent.mkdir(exist_ok=True)
        pairs = [word for name, value in params.items() for word in ("-p", name, value)]
        command = ["papermill", f"runbooks/{runbook}.ipynb", str(out), "--no-progress-bar", *pairs]
        done = self.call(*command, **(env or {}))
        done.path = out
        return done
