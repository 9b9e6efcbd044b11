"""What a runbook's cells call: start, requirements, plan, apply, verify.

    run = start("02_prepare_os", host=host, site=site, dry_run=dry_run)
    run.requirements()
    run.plan("packages")
    run.apply("packages")
    run.verify()

One read serves all plans until something is applied, and the look after that serves the plans of
the steps that follow. Applying an empty plan asks nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from . import change
from .check import Check
from .errors import CyberhubsError, OutOfOrder, PreconditionFailed, SettingsError, VerifyFailed
from .host import Host
from .live import Live
from .params import Params
from .plan import Plan
from .recipes.recipe import Recipe
from .report import DOCKER_WAITS, Report, Row
from .run_record import RunRecord
from .site import Site
from .state import Actual, Resource, parse

# how a login becomes root, in words
SUDO = {
    "root": "is root",
    "free": "sudo without a password",
    "password": "sudo with a password",
    "refused": "may not use sudo",
    "missing": "there is no sudo",
}


class Run:
    """One runbook on one host. After a failed cell it refuses to go on until started again."""

    def __init__(self, name: str, host: Host, site: Site, params: Params, recipe: Recipe):
        self.name, self.host, self.site, self.params, self.recipe = name, host, site, params, recipe
        self.failed = ""
        self.record = RunRecord(name, params)
        self._began = time.monotonic()
        self._actual: dict[str, list[Actual]] = {}
        self._shown: dict[str, Plan] = {}
        self._fit = not recipe.requirements

    def facts(self) -> Report:
        """What the host is."""
        f = self.host.facts
        found = {
            "system": f.system,
            "kernel": f"{f.kernel} {f.arch}",
            "processors": str(f.cpus),
            "memory": f"{f.memory_mib / 1024:.1f} GiB",
            "free on /": f"{f.root_free_gib} GiB",
            "login": f"{f.user} ({SUDO.get(f.sudo, f.sudo)})",
            "Docker": f.docker or f.docker_trouble or "none",
            **({"SELinux": f.selinux} if f.selinux else {}),
        }
        rows = [Row(label, text, status="") for label, text in found.items()]
        return self._report("run.facts()", Report("The host", rows, ("found", "")))

    def requirements(self) -> Report:
        """What must hold before anything is done. Raises PreconditionFailed with the reasons."""
        self._in_order()
        checks = [*self.recipe.requirements, *self.recipe.masked()]
        rows = self._read(checks, list(self.recipe.steps))
        call = "run.requirements()"
        report = self._report(call, Report("Requirements", rows, ("found", "expected")))
        bad = [row for row in rows if row.status == "failed"]
        self._fit = not bad
        if bad and not self.params.dry_run:
            self._stop(PreconditionFailed, call, report, bad)
        return report

    def plan(self, step: str) -> Report:
        """What this step would change; changes nothing."""
        self._in_order(step)
        if step not in self._actual:
            self._read([], self._from(step))
        plan = Plan(title(step), self.host, self.recipe.steps[step], self._actual[step])
        self._shown[step] = plan
        return self._report(f'run.plan("{step}")', plan.report())

    def apply(self, step: str) -> Report:
        """Change what the plan of this step showed, and prove it by reading again."""
        self._in_order(step)
        plan = self._shown.get(step)
        if plan is None:
            raise OutOfOrder(
                f"the plan of step {step!r} has not been shown",
                expected=f'run.plan("{step}") first',
                todo="run the cell above, look at the table, then run this cell",
            )
        call = f'run.apply("{step}")'
        if self.params.dry_run:
            report = plan.report()
            report.aside = "dry run: nothing is changed"
            return self._report(call, report)
        if not self._fit:
            raise OutOfOrder(
                "the requirements have not been checked",
                expected="run.requirements() first",
                todo="run the cells under `Before you start`, then this one",
            )
        if plan.pending or plan.unknown:
            self.host.known.clear()  # the next runbook reads the facts anew
            self.record.begin(call)
        live = Live(plan.report())
        following = self._from(step)[1:]
        plan.later = self._resources(following)
        try:
            report = plan.apply(getattr(self.params, "confirm", ""), live.show)
        except CyberhubsError as error:
            self.failed = f"{step}: {error.found}"
            self.record.fail(call, error)
            raise
        except KeyboardInterrupt as error:
            self.failed = f"{step}: stopped by you"
            self.record.fail(call, error)
            self.host.reconnect()
            raise
        if plan.pending:
            self._actual = self._by_step(following, plan.later_actual)
            self._shown.clear()
        return live.finish(self._report(call, report))

    def verify(self) -> Report:
        """Questions about behaviour. Raises VerifyFailed; in a dry run they are just rows."""
        self._in_order()
        checks = self.recipe.checks
        answers = self.host.batch([c.question for c in checks])
        rows = [c.row(a) for c, a in zip(checks, answers, strict=True)]
        if self.recipe.proof:
            if self.params.dry_run:
                rows.append(Row("proof as a user", "", "", "skipped", "not in a dry run"))
            else:
                rows += self.recipe.proof(self.host)
        call = "run.verify()"
        report = self._report(call, Report("Verify", rows, ("found", "expected")))
        bad = [row for row in rows if row.status == "failed"]
        if bad and not self.params.dry_run:
            self._stop(VerifyFailed, call, report, bad)
        return report

    def _read(self, checks: Sequence[Check], steps: Sequence[str]) -> list[Row]:
        """Ask `checks` and the state of `steps` in one round trip; the rows of the checks."""
        resources = self._resources(steps)
        questions = [c.question for c in checks] + [r.question() for r in resources]
        holder, *answers = self.host.batch([change.HOLDER, *questions])
        if self._must_wait(change.parse_holder(holder.out)):
            self.host.run(change.WAIT, seconds=None)
            answers = self.host.batch(questions)
        found = [parse(r, a) for r, a in zip(resources, answers[len(checks) :], strict=True)]
        self._actual = {**self._actual, **self._by_step(steps, found)}
        return [c.row(a) for c, a in zip(checks, answers[: len(checks)], strict=True)]

    def _from(self, step: str) -> list[str]:
        """This step and those that follow."""
        names = list(self.recipe.steps)
        return names[names.index(step) :]

    def _resources(self, steps: Sequence[str]) -> list[Resource]:
        return [resource for name in steps for resource in self.recipe.steps[name]]

    def _by_step(self, steps: Sequence[str], found: Sequence[Actual]) -> dict[str, list[Actual]]:
        """What `_resources` of the same steps gave, as a list for each step."""
        rest = iter(found)
        return {name: [next(rest) for _ in self.recipe.steps[name]] for name in steps}

    def _must_wait(self, holder: change.Holder | None) -> bool:
        """Whether an earlier run left a change under way. Raises HostBusy if it is another's."""
        if holder and not holder.is_left_over and not self.params.dry_run:
            raise self.host.busy(holder)
        return holder is not None and holder.is_left_over

    def _in_order(self, step: str = "") -> None:
        if self.failed:
            raise OutOfOrder(
                f"an earlier cell failed ({self.failed})",
                expected="each cell to end well before the next",
                todo="put right what it says, then run from the top: what is done stays done",
            )
        if step and step not in self.recipe.steps:
            raise SettingsError(
                f"{self.name} has no step {step!r}",
                expected="one of " + ", ".join(self.recipe.steps),
                todo="correct the cell",
            )

    def _stop(self, kind: type[CyberhubsError], call: str, report: Report, bad: list[Row]) -> None:
        self.failed = f"{report.title}: {bad[0].label}"
        report._ipython_display_()
        error = kind(
            "; ".join(f"{row.label} is {row.was!r}" for row in bad),
            expected="; ".join(f"{row.label}: {row.wanted}" for row in bad),
            todo="; ".join(dict.fromkeys(row.note for row in bad if row.note)),
            evidence="\n".join(row.evidence for row in bad if row.evidence),
        )
        self.record.fail(call, error)
        raise error

    def _report(self, call: str, report: Report) -> Report:
        trouble = self.host.docker_hangs and self.host.facts.docker_trouble
        report.meta = {
            "runbook": self.name,
            "site": self.site.name,
            "dry_run": self.params.dry_run,
            "seconds": round(time.monotonic() - self._began, 2),
            "host_seconds": round(self.host.seconds, 2),
            "round_trips": self.host.round_trips,
            **({DOCKER_WAITS: trouble} if trouble else {}),
        }
        self.record.note(call, report)
        return report


def title(step: str) -> str:
    """A step's name as a title."""
    return step.replace("_", " ").capitalize()
