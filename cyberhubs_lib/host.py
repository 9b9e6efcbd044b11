"""A machine, as everything above knows it: run a script, ask many questions at once, count trips."""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from getpass import getpass

from .change import BUSY, FOLDER, Holder, as_unit, me, parse_holder
from .errors import CommandFailed, HostBusy, NoAnswer, PreconditionFailed
from .facts import OF_DOCKER, Facts, question, read_facts
from .shell import keep_secret, mask
from .ssh import Ssh
from .transport import Local, Result, Silent, Transport

PASSWORD_VARIABLE = "CYBERHUBS_SUDO_PASSWORD"
LOCAL = ("localhost", "127.0.0.1")  # the operator's own machine, without ssh
# More than any single question takes, also on a slow machine: 09 waits up to 60 s for its services.
SILENCE_SECONDS = 120
# Shell text: an engine that accepts a question and never answers is asked nothing more; every command
# of Docker then ends at once, as it does where no engine runs.
NO_DOCKER = "export DOCKER_HOST=unix:///it-did-not-answer"
LIVE = "JPY_SESSION_NAME"  # jupyter_server sets it for kernels of JupyterLab; papermill does not


@dataclass
class Host:
    """One machine behind one transport. `log` keeps (script, exit code) of every round trip."""

    transport: Transport
    log: list[tuple[str, int]] = field(default_factory=list)
    runbook: str = ""  # on whose behalf changes are made
    service_user: str = ""  # of the site; "" is the login user
    seconds: float = 0.0  # spent waiting for this host
    docker_hangs: bool = False  # so the facts said, and nothing was changed since
    root: bool = True  # whether scripts run as root if not told otherwise
    # until an apply, by service user and whether root was asked what this account may not ask Docker
    known: dict[tuple[str, bool], Facts] = field(default_factory=dict)
    _password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The name the operator gave."""
        return self.transport.name

    @property
    def is_local(self) -> bool:
        """Whether this is the operator's own machine."""
        return isinstance(self.transport, Local)

    @property
    def round_trips(self) -> int:
        """How often the host was asked so far."""
        return len(self.log)

    @cached_property
    def facts(self) -> Facts:
        """What this machine is: one round trip, for all runbooks of a row until one applies."""
        asked = [question(self.service_user)]
        without, mine = (self.service_user, False), (self.service_user, self.root)
        facts = self.known.get(mine) or self.known.get(without)
        if facts is None:
            facts = read_facts(self.batch(asked, root=False)[0].out)
            self.known[without] = facts
        self.facts = facts
        asks_in_vain = facts.docker_cli and not facts.docker and not facts.docker_hangs
        if self.root and facts.sudo == "password" and asks_in_vain:
            as_root = read_facts(self.batch(asked)[0].out)  # this account may not ask Docker
            facts = replace(facts, **{name: getattr(as_root, name) for name in OF_DOCKER})
        self.known[mine] = facts
        self.docker_hangs = facts.docker_hangs
        return facts

    def run(
        self, script: str, root: bool | None = None, seconds: float | None = SILENCE_SECONDS
    ) -> Result:
        """Run a script; any exit code is an answer. Raises NoAnswer if it is silent for `seconds`.

        `seconds` None: for as long as it takes, as a change may.
        """
        try:
            return self._run(script, root, seconds)
        except Silent as silent:
            raise no_answer(self.name, script, seconds or 0, silent.out) from None

    def _run(self, script: str, root: bool | None, seconds: float | None) -> Result:
        """Raises Silent."""
        become, password = None, ""
        if self.root if root is None else root:
            become, password = self.become()
        began = time.monotonic()
        try:
            script = "export LC_ALL=C.UTF-8\n" + script
            result = self.transport.run(script, become, password, seconds)
        finally:
            self.seconds += time.monotonic() - began
        self.log.append((mask(script), result.code))
        return Result(result.code, mask(result.out), mask(result.err))

    def read(
        self, script: str, root: bool | None = None, seconds: float | None = SILENCE_SECONDS
    ) -> str:
        """Standard output of a script that must succeed. Raises CommandFailed, and as `run`."""
        result = self.run(script, root, seconds)
        if result.code:
            raise failed(script, result)
        return result.out

    def batch(
        self, questions: list[str], root: bool | None = None, seconds: float = SILENCE_SECONDS
    ) -> list[Result]:
        """Many questions in one round trip, each in its own subshell; one Result a question.

        What several ask is asked once. Raises CommandFailed if the answers do not come back whole,
        NoAnswer if one takes longer than `seconds`: then nothing is known.
        """
        if not questions:
            return []
        mark = "--" + secrets.token_hex(8)
        once = list(dict.fromkeys(questions))
        asked = [f"(:\n{q}\n) </dev/null 2>&1; printf '\\n{mark} %d\\n' $?" for q in once]
        if self.docker_hangs:
            asked.insert(0, NO_DOCKER)
        try:
            result = self._run("\n".join(asked), root, seconds)
        except Silent as silent:
            *before, said = re.split(rf"\n{mark} \d+\n", silent.out)
            late = once[min(len(before), len(once) - 1)]
            raise no_answer(self.name, late, seconds, said) from None
        pieces = re.split(rf"\n{mark} (\d+)\n", result.out)
        answers = [
            Result(int(code), out) for out, code in zip(pieces[::2], pieces[1::2], strict=False)
        ]
        if len(answers) != len(once):
            raise failed(f"{len(once)} questions", result)
        found = dict(zip(once, answers, strict=True))
        return [found[question] for question in questions]

    def change(self, script: str) -> Result:
        """Run a script that changes the host: alone, and to its end whatever becomes of the line.

        Raises HostBusy if another run changes the host just now.
        """
        self.docker_hangs = False  # perhaps this mends it
        result = self.run(as_unit(script, me(self.runbook)), seconds=None)
        holder = parse_holder(result.out) if result.code == BUSY else None
        if holder:
            raise self.busy(holder)
        return result

    def busy(self, holder: Holder) -> HostBusy:
        """The error for a host that another run is changing."""
        return HostBusy(
            f"{self.name} is being changed by {holder}, since {holder.since}",
            expected="one change at a time",
            # the folder is root's: only root's shell can tell what * stands for
            todo=f"wait until it ends (`sudo sh -c 'tail -f {FOLDER}/*.out'` on the host shows its"
            " work), then run this again from the top",
        )

    def reconnect(self) -> None:
        """A new login, so that new group memberships count."""
        self.transport.close()

    def become(self) -> tuple[str | None, str]:
        """How this login becomes root, and with which password. Raises PreconditionFailed."""
        sudo = self.facts.sudo
        if sudo == "root":
            return None, ""
        if sudo == "free":
            return "sudo", ""
        if sudo == "password":
            return "sudo", self.sudo_password()
        said = self.facts.sudo_said or f"sudo is {sudo}"
        raise PreconditionFailed(
            f"{self.facts.user} cannot become root on {self.name}: {said}",
            expected="root, or an account that may use sudo",
            todo=advice(
                said,
                "log in as the account that your provider made (debian, ubuntu, ...), or add"
                f" {self.facts.user} to group sudo (wheel on Red Hat)",
            ),
        )

    def sudo_password(self) -> str:
        """From the environment, or from a prompt where somebody sits: a terminal, JupyterLab.

        Raises PreconditionFailed where nobody can be asked.
        """
        if not self._password:
            given = os.environ.get(PASSWORD_VARIABLE, "")
            at_terminal = sys.stdin is not None and sys.stdin.isatty()
            if not given and (at_terminal or LIVE in os.environ):
                given = getpass(f"sudo password of {self.facts.user} on {self.name}: ")
            if not given:
                raise PreconditionFailed(
                    f"{self.facts.user} cannot become root on {self.name}: sudo wants a password",
                    expected=f"the password in the environment variable {PASSWORD_VARIABLE}, or an"
                    " account that may use sudo without one",
                    todo=f"export {PASSWORD_VARIABLE} (never as a parameter), or log in as the"
                    " account that your provider made (debian, ubuntu, ...)",
                )
            self._password = keep_secret(given)
        return self._password


# what commands print -> what to do about it
REASONS = {
    "no space left on device": "make room on the host: `df -h` and `df -i` show where",
    "disk quota exceeded": "make room on the host: this account may use no more of its disk",
    "no such image": "runbook 08_get_images brings the images of this version and site file",
    "must have a tty": "let this account use sudo without a terminal: `sudo visudo` on the host, and"
    " there in place of `Defaults requiretty` the line `Defaults !requiretty`",
    "not in the sudoers file": "this account may not use sudo: log in as one that may",
    "incorrect password": f"the sudo password in {PASSWORD_VARIABLE} is not the right one",
    "no password was provided": f"the sudo password in {PASSWORD_VARIABLE} is not right",
}


def advice(said: str, otherwise: str) -> str:
    """What to do about something that a command or Docker printed, if its reason is a known one."""
    small = said.lower()  # Docker and the C library differ in how they begin a sentence
    return next((todo for words, todo in REASONS.items() if words in small), otherwise)


def failed(script: str, result: Result) -> CommandFailed:
    """The error for a script that should have succeeded, with the end of what it printed."""
    # apt gives its reasons on standard output and only the verdict on standard error
    both = [*result.out.strip().splitlines()[-15:], *result.err.strip().splitlines()[-15:]]
    said = "\n".join(both)
    first = mask(script).strip().splitlines()[0][:150]
    return CommandFailed(
        f"exit code {result.code} from: {first}",
        expected="exit code 0",
        todo=advice(said, "read the last lines below; put right what they name and run this again"),
        evidence=said,
    )


def no_answer(name: str, script: str, seconds: float, said: str) -> NoAnswer:
    """The error for a question that the host did not answer in time."""
    asked = "; ".join(line.strip() for line in mask(script).strip().splitlines() if line.strip())
    return NoAnswer(
        f"{name} did not answer within {seconds:.0f} s: {asked[:150]}",
        expected="an answer, or an error",
        todo="log in to the host and try the same command; a disk or a network file system that is"
        " gone keeps commands waiting (`dmesg | tail`), and so does a host without memory",
        evidence=mask(said).strip()[-500:],
    )


_met: dict[tuple[str, str | None, bool], Host] = {}


def connect(
    target: str, identity_file: str | None = None, accept_new: bool = False, again: bool = False
) -> Host:
    """The host called `target`: localhost, user@name:port, or an alias of ~/.ssh/config.

    `again`: by the connection that this process has to it already, if that is still alive, and with
    the facts that were read since the last change.
    """
    key = target, identity_file, accept_new
    if again and key in _met and _met[key].transport.alive:
        return Host(_met[key].transport, known=_met[key].known)
    host = Host(Local() if target in LOCAL else Ssh(*key))
    if again:
        _met[key] = host
    return host
