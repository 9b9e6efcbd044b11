"""Mounts that a site file named once and names no more: they go, and their keys with them."""

from __future__ import annotations

from dataclasses import dataclass

from ..shell import sh
from ..state import Resource, State
from ..transport import Result
from .mount_units import FOLDER, MARK, escape
from .remote_mounts import FUNCTIONS, PROGRAM

UNITS = "/etc/systemd/system"
# After the last mount of the last site on this host; watches over nothing then.
NO_WATCH = f"""if ! grep -qs '^{MARK}' {UNITS}/*.mount; then
systemctl disable -q --now {PROGRAM.name}.timer 2>/dev/null || :
rm -f {UNITS}/{PROGRAM.name}.service {UNITS}/{PROGRAM.name}.timer /usr/local/sbin/{PROGRAM.name}
fi"""


@dataclass(frozen=True)
class OldMounts(Resource):
    """None of the mounts with our mark but those at `kept`. Units without the mark are not ours."""

    mark: str  # the first line of the units that belong to this site
    kept: tuple[str, ...]  # paths

    label = "mounts no longer in the site file"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """None."""
        return {"mounted": "none"}

    def question(self) -> str:
        """Where each unit with the mark mounts: "FILE:Where=PATH"."""
        return sh(
            f"grep -lxF -e {{}} {UNITS}/*.mount 2>/dev/null | xargs -r -d '\\n' grep -H '^Where='; :",
            self.mark.strip(),
        )

    def parse(self, answer: Result) -> State:
        """Their paths. A file whose name and path do not belong together is not ours."""
        lines = [line.partition(":Where=") for line in answer.out.splitlines()]
        ours = [path for file, _, path in lines if file == f"{UNITS}/{escape(path)}.mount"]
        old = [path for path in ours if path.strip("/") and path not in self.kept]
        return {"mounted": ", ".join(old) or "none"}

    def note(self, was: State) -> str:
        """What happens at the other end."""
        return "their keys go too; remove their lines at the other end"

    def change(self, was: State) -> str:
        """Unmounted although somebody is in it: who is gets an error. An empty place goes as well."""
        paths = (was or {})["mounted"].split(", ")
        ways = [_away(path) for path in paths]
        last = [] if self.kept else [NO_WATCH]
        return "\n".join([FUNCTIONS, *ways, *last, "systemctl daemon-reload"])


def _away(path: str) -> str:
    unit, folder = f"{escape(path)}.mount", FOLDER + path
    return sh(
        "systemctl disable -q {} || :\naway {} {} || :\n"
        "if mounted {}; then echo {} >&2; exit 1; fi\n"
        # of a folder below it another mount may have its key
        "rm -f {} {} {} {}\nrmdir -p {} 2>/dev/null || :\nrmdir {} 2>/dev/null || :",
        unit, path, unit, path, f"{path} cannot be unmounted",
        f"{UNITS}/{unit}", f"{folder}/key", f"{folder}/key.pub", f"{folder}/known_hosts",
        folder, path,
    )  # fmt: skip
