"""Services of systemd."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..answers import matching, pairs
from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result
from .packages import Manager, Package


def restart(unit: str) -> str:
    """Shell text that starts a unit anew, however often that was done just now.

    systemd takes a fourth start within a minute for a crash and refuses it (StartLimitBurst).
    """
    return sh("systemctl reset-failed {} 2>/dev/null || :; systemctl restart {}", unit, unit)


UNREAD = "still to be read"  # settings that are written, by the service that runs: yes, no


def unread(unit: str) -> str:
    """A file that says so: made before they are written, removed after the reload.

    A service that starts with the host reads all, and then /run is empty.
    """
    return f"/run/cyberhubs.{unit}.unread"


@dataclass(frozen=True)
class Service(Resource):
    """A unit that is started now and at every boot. `active` False: enabled is enough."""

    unit: str
    active: bool = True
    why: str = ""

    @property
    def label(self) -> str:  # type: ignore[override]
        """service UNIT."""
        return f"service {self.unit}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Enabled, and active if asked."""
        return {"boot": "enabled", **({"now": "active"} if self.active else {})}

    def question(self) -> str:
        """Two words."""
        return sh(
            'e=$(systemctl is-enabled {} 2>/dev/null); echo "${e:-not-found}"\n'
            "systemctl is-active {} || :",
            self.unit, self.unit,
        )  # fmt: skip

    def parse(self, answer: Result) -> State:
        """Unknown while the unit is not installed."""
        boot, now = answer.out.strip().split("\n")
        if boot == "not-found":
            raise Unknown("not installed yet")
        return {"boot": matching("[a-z-]+", boot), "now": matching("[a-z-]+", now)}

    def note(self, was: State) -> str:
        """What it is for."""
        return self.why

    def change(self, was: State) -> str:
        """Enable; start if asked."""
        return sh(f"systemctl enable {'--now ' if self.active else ''}{{}}", self.unit)


# packages that keep the clock, and what Debian and Red Hat call the service of each
KEEPERS = {
    "chrony": ("chrony", "chronyd"),
    "ntp": ("ntpsec", "ntp", "ntpd"),
    "ntpsec": ("ntpsec", "ntpd"),
    "openntpd": ("openntpd", "ntpd"),
    "systemd-timesyncd": ("systemd-timesyncd",),
}
CLOCKS = " ".join(sorted({f"{name}.service" for names in KEEPERS.values() for name in names}))


def _enable(package: str) -> str:
    names = " ".join(f"{name}.service" for name in KEEPERS[package])
    return (
        f"for s in {names}; do\n"
        "if systemctl cat $s >/dev/null 2>&1; then systemctl enable --now $s; break; fi\ndone"
    )


@dataclass(frozen=True)
class TimeService(Package):
    """Some service that keeps the clock; one that is there is kept, whichever it is.

    Otherwise the one that suits the system: it conflicts with the others, and none is enabled.
    """

    name: str = "systemd-timesyncd"
    after: str = _enable("systemd-timesyncd")

    label = "a service that keeps the clock"

    @property
    def units(self) -> list[str]:
        """What its service may be called."""
        return [f"{name}.service" for name in KEEPERS[self.name]]

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Enabled; whether it runs is ClockRuns'."""
        return {"boot": "enabled"}

    def question(self) -> str:
        """Each one's name, state and preset, in one call; those that are not there say nothing."""
        # is-enabled of several units ends at the first that is missing (systemd 252: Debian 12, EL9)
        return f"systemctl list-unit-files --no-legend {CLOCKS} 2>/dev/null || :"

    def parse(self, answer: Result) -> State:
        """Enabled, or none."""
        states = [matching(r"\S+\.service\s.*", line).split()[1:2]
                  for line in answer.out.splitlines()]  # fmt: skip
        return {"boot": "enabled" if ["enabled"] in states else "none is enabled"}


def time_service(packages: Iterable[str], usual: str, manager: Manager) -> TimeService:
    """With the one among these packages, which conflicts with all others; otherwise the usual one."""
    name = next((package for package in packages if package in KEEPERS), usual)
    return TimeService(name, after=_enable(name), manager=manager)


class ClockRuns(Resource):
    """The service that keeps the clock, whichever is enabled, was not stopped.

    Where a condition of its own keeps it from running (in a container the machine keeps the clock)
    it is enough that systemd tried.
    """

    label = "the clock's service"
    wanted = {"now": "started"}

    def question(self) -> str:
        """A paragraph of properties for each one."""
        names = "Id,UnitFileState,ActiveState,ConditionResult,ConditionTimestampMonotonic"
        return f"systemctl show -p {names} {CLOCKS} 2>/dev/null || :"

    def parse(self, answer: Result) -> State:
        """Of the first that is enabled. Unknown while none is."""
        for paragraph in answer.out.split("\n\n"):
            found = pairs(paragraph)
            if found.get("UnitFileState") != "enabled":
                continue
            unit, state = found.get("Id", ""), found.get("ActiveState", "")
            tried = found.get("ConditionTimestampMonotonic", "0") != "0"
            kept_out = tried and found.get("ConditionResult") == "no"
            going = state in ("active", "activating", "reloading")
            return {"now": "started" if going or kept_out else state, "unit": unit}
        raise Unknown("no service keeps the clock yet")

    def change(self, was: State) -> str:
        """Start it."""
        return sh("systemctl start {}", (was or {})["unit"])
