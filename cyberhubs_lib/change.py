"""A change on a host runs as one systemd unit with a fixed name: lock and resume point in one.

A unit outlives the connection, so a package transaction ends well although the operator's network
broke; and systemd starts no second unit of a name, so nobody else changes the host meanwhile. Where
no systemd runs, or without root (the demo), the script simply runs.
"""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from dataclasses import dataclass

from .shell import sh

RECORD = "CYBERHUBS_RECORD"  # variable of the environment: path of the record that is being made
UNIT = "cyberhubs-change"
FOLDER = "/run/cyberhubs"
BUSY = 75  # EX_TEMPFAIL of sysexits.h
LOST = 76  # the unit ended and left no exit code: killed, or out of memory
# Ubuntu's needrestart restarts, after an update of libc, all that still uses the old one: our unit,
# in the middle of its work, as well. It leaves alone what must not be stopped by hand.
REFUSE = "-p RefuseManualStop=yes"


@dataclass(frozen=True)
class Holder:
    """Who changes the host: the runbook, the operator as user@machine, and the process there."""

    runbook: str
    operator: str
    pid: int
    since: str = ""

    def __str__(self) -> str:
        return f"{self.runbook} by {self.operator}, process {self.pid}"

    @property
    def is_left_over(self) -> bool:
        """Whether the run that began the change is gone, so that the next run may go on after it.

        Only a process of this machine can be looked at; elsewhere it counts as running.
        """
        gone = not os.path.exists(f"/proc/{self.pid}") or self.pid == os.getpid()
        return self.operator == operator() and gone


def operator() -> str:
    """This user on this machine."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def me(runbook: str) -> Holder:
    """The holder that this process is."""
    return Holder(runbook or "-", operator(), os.getpid())


# Shell text: the variables of a host's proxy, which sudo gives to whoever asks and systemd to no unit.
# They go by the script: on a command line all could read the password in them.
PROXY = "export -p | sed -nE '/^export (https?|no)_proxy=/Ip'"

# Shell text: is the unit gone (3: not at work, 4: none of that name)? No other failure tells: while an
# update has systemd start anew, nothing can be asked for a moment, and the unit works on.
GONE = f"{{ systemctl is-active -q {UNIT}; case $? in 3 | 4) ;; *) false ;; esac; }}"

HOLDER = f"systemctl show {UNIT} -p ActiveState,Description,ExecMainStartTimestamp 2>/dev/null || :"


def parse_holder(text: str) -> Holder | None:
    """Who holds the lock; None if nobody does."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if found.get("ActiveState") not in ("active", "activating", "deactivating"):
        return None
    words = found.get("Description", "").replace(",", "").split()
    runbook, operator_, pid = (words[0], words[2], words[4]) if len(words) == 5 else ("?", "?", "0")
    number = int(pid) if pid.isascii() and pid.isdigit() else 0
    return Holder(runbook, operator_, number, found.get("ExecMainStartTimestamp", ""))


def as_unit(script: str, holder: Holder) -> str:
    """Shell text that runs `script` in the unit and ends as it ends; BUSY if somebody holds it.

    All of it stands in braces: a shell that does not get all of the text runs none of it. The
    script lies in a file that only root can read, and removes it as its first act.
    """
    mark = f"end-{secrets.token_hex(8)}"
    run = f"{FOLDER}/{mark}"
    who = sh("--description={}", holder)
    return f"""{{
script=$(cat <<'{mark}'
{script}
{mark}
)
if [ "$(id -u)" != 0 ] || [ ! -d /run/systemd/system ]; then (eval "$script") </dev/null; exit; fi
(umask 077; mkdir -p {FOLDER}; printf %s "rm -f {run}.sh; export LC_ALL=C.UTF-8
$({PROXY})
($script
) </dev/null >{run}.out 2>{run}.err; echo \\$? >{run}.new; mv {run}.new {run}.code
" >{run}.sh)
if ! systemd-run -q --collect --unit={UNIT} {REFUSE} {who} --setenv=HOME="$HOME" sh {run}.sh
then rm -f {run}.sh; {HOLDER}; exit {BUSY}; fi
n=0
until [ -e {run}.code ]; do  # most changes are quick; whether the unit is alive is asked twice a second
  sleep 0.02
  n=$(((n + 1) % 25))
  [ $n != 0 ] || ! {GONE} 2>/dev/null || [ -e {run}.code ] || echo {LOST} >{run}.code
done
cat {run}.out; cat {run}.err >&2; code=$(cat {run}.code); rm -f {run}.*; exit "$code"
}}"""


# Shell text that ends when nobody changes the host any more.
WAIT = f"until {GONE} 2>/dev/null; do sleep 0.2; done"
