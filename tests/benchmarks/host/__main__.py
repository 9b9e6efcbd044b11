"""Side by side: ./cyberhubs test benchmarks host

The same end state by a script, pyinfra, Ansible and by our runbooks, each on a server of its own.
Prints tables; asserts no time. The README explains what is measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from terminal import Operator
from testhost.relay import Relay
from testhost.testhost import TestHost

from cyberhubs_lib.host import Host
from cyberhubs_lib.transport import Fake, Result

from .state import state
from .tools import PARTS, Ansible, Ours, Outcome, Pyinfra, Script, Target, environment

ROUNDS = 3  # of each unchanged figure; the least counts
DELAY_MS = 40  # each way
UNDO = (Path(__file__).parent / "undo.sh").read_text()
# "of today" is kept in a mark of each tool's own, so another tool reads the index once more
OWN_MARK = {"package index", "Package index"}


class Bench:
    """Four servers, each near and far, and what was measured on them."""

    def __init__(self, folder: Path, stack: ExitStack):
        self.operator = Operator(folder)
        self.script = Script()
        self.ours = Ours(self.operator)
        self.tools = [self.script, self.ours, Pyinfra(), Ansible()]
        self.near: dict[str, Target] = {}
        self.far: dict[str, Target] = {}
        for tool in self.tools:
            server = stack.enter_context(TestHost.up(f"bench-{tool.name.lower()}"))
            self.operator.knows(server)
            relay = stack.enter_context(Relay(server.port, delay_ms=DELAY_MS))
            host = Host(Fake(lambda script, s=server: Result(*s.sh(script, "debian"))))
            wanted = state(host, str(server.device))
            self.near[tool.name] = Target(server, server.port, wanted, folder)
            self.far[tool.name] = Target(server, relay.port, wanted, folder)

    def round(self, targets: dict[str, Target]) -> dict[str, Outcome]:
        """Each tool once, one after the other, so that they meet the same load of this machine."""
        return {tool.name: tool.run(targets[tool.name]) for tool in self.tools}

    def repeated(self, targets: dict[str, Target]) -> dict[str, Outcome]:
        """The quickest of some runs that have nothing to do."""
        rounds = [self.round(targets) for _ in range(ROUNDS)]
        for outcomes in rounds:
            for name, outcome in outcomes.items():
                assert not outcome.changed, (name, outcome.changed)
        best = {}
        for tool in self.tools:
            every = [outcomes[tool.name] for outcomes in rounds]
            keys = every[0].more
            more = {key: min(outcome.more[key] for outcome in every) for key in keys}
            best[tool.name] = Outcome(min(outcome.seconds for outcome in every), [], more)
        return best

    def without_apt(self, targets: dict[str, Target]) -> dict[str, Outcome]:
        """As on a fresh host that has the packages already."""
        for target in targets.values():
            target.server.sh(f"device={target.state['device']}\n{UNDO}")
        return self.round(targets)

    def parts(self, targets: dict[str, Target]) -> dict[str, float]:
        """Of the script, on our server: number of the runbook -> seconds with nothing to do."""
        target = targets[self.ours.name]
        return {
            number: min(self.script.run(target, (part,)).seconds for _ in range(2 * ROUNDS))
            for part, number in PARTS.items()
        }

    def crossed(self) -> list[tuple[str, str, list[str]]]:
        """Each tool on the servers of the others: what it would still change. Not timed."""
        found = []
        for tool in self.tools:
            for maker, target in self.near.items():
                if maker != tool.name:
                    changed = [c for c in tool.run(target).changed if c not in OWN_MARK]
                    found.append((tool.name, maker, changed))
        return found


def show(title: str, outcomes: dict[str, Outcome]) -> None:
    """One line a tool: seconds, as a multiple of the script's, and theirs as a multiple of ours."""
    script, ours = outcomes["script"].seconds, outcomes["cyberhubs"].seconds
    for name, outcome in outcomes.items():
        s = outcome.seconds
        print(f"{title:34} {name:10} {s:8.2f} {s / script:10.1f} {s / ours:10.1f}", flush=True)
        title = ""


def show_parts(title: str, ours: Outcome, script: dict[str, float]) -> None:
    """One line a runbook."""
    for number, seconds in script.items():
        mine, proven = ours.more[number], ours.more[f"{number} with Verify"]
        print(f"{title:34} {number:10} {mine:8.2f} {seconds:10.2f} {mine / seconds:10.1f}"
              f" {proven:12.2f} {ours.more[f'{number} trips']:6.0f}", flush=True)  # fmt: skip
        title = ""


def main() -> int:
    """Exit code 1 if the tools do not reach the same state."""
    for name in ("ansible", "pyinfra"):
        environment(name)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(Path(folder), stack)
        print(f"{'':34} {'':10} {'seconds':>8} {'/ script':>10} {'/ ours':>10}")
        show("fresh host, with apt, 0 ms", bench.round(bench.near))
        per_runbook: list[Callable[[], None]] = []
        for latency, targets in ((0, bench.near), (2 * DELAY_MS, bench.far)):
            best = bench.repeated(targets)
            show(f"unchanged host, {latency} ms", best)
            ours, script = best["cyberhubs"], bench.parts(targets)
            title = f"unchanged host, {latency} ms"
            per_runbook.append(lambda t=title, o=ours, s=script: show_parts(t, o, s))  # type: ignore
            print(f"{'':34} whole command of ours, Python started: {ours.more['whole']:.1f} s")
        for latency, targets in ((0, bench.near), (2 * DELAY_MS, bench.far)):
            show(f"fresh host, without apt, {latency} ms", bench.without_apt(targets))
        print(f"\n{'':34} {'runbook':10} {'ours':>8} {'script':>10} {'/ script':>10}"
              f" {'with Verify':>12} {'trips':>6}")  # fmt: skip
        for line in per_runbook:
            line()
        print("\nsame state: what a tool still changes on a server that another one made")
        differences = bench.crossed()
        for tool, maker, changed in differences:
            print(f"{tool:10} after {maker:10} {'; '.join(changed) or 'nothing'}", flush=True)
    return int(any(changed for _, _, changed in differences))


if __name__ == "__main__":
    sys.exit(main())
