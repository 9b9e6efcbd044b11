"""Questions about mounts: is the place free before the work, does a user have the data after it."""

from __future__ import annotations

from collections.abc import Callable

from .check import Check
from .resources.remote_mounts import FUNCTIONS, RemoteMount
from .shell import sh
from .transport import Result

PLACE = """
if awk -v p="$where" '$1 !~ /^#/ && $2 == p { f = 1 } END { exit !f }' /etc/fstab
then echo "in /etc/fstab"
elif mounted "$where" || [ ! -e "$where" ]; then echo free
elif [ -n "$(ls -A "$where")" ]; then echo "holds files of its own"
else echo free; fi
"""


def place(path: str) -> Check:
    """Nothing that a mount would hide, and nobody else who mounts there."""
    todo = "move the files away, which a mount would hide; or remove the line in /etc/fstab"
    question = FUNCTIONS + sh("where={}", path) + PLACE
    return Check(f"the place {path}", question, _is("free"), "free", todo)


def shared(root: str) -> Check:
    """Whether containers get to know of a mount that is made after they were started."""

    def expect(answer: Result) -> tuple[bool, str]:
        found = answer.out.strip()
        return "shared" in found, "shared" if "shared" in found else found or "cannot be told"

    return Check(
        f"mounts below {root}", sh("findmnt -no PROPAGATION --target {}", root), expect, "shared",
        f"`sudo mount --make-rshared {root}`: without it running servers do not see a new mount;"
        " systemd makes / so at each boot",
    )  # fmt: skip


def answers(mount: RemoteMount) -> Check:
    """A request to the other end, with a time limit."""
    question = FUNCTIONS + sh("look {}", mount.path)
    todo = "run this again; the timer tries every minute as well"
    return Check(f"{mount.path} answers", question, _is("answers"), "answers", todo)


WRITE = """
timeout -s KILL 5 setpriv --reuid "$uid" --regid "$gid" --clear-groups sh -c \
    'f=$1/.cyberhubs-write; : > "$f" && rm -f "$f"' sh "$where" >/dev/null 2>&1 \
    && echo "can write" || echo "only read"
"""


def writing(mount: RemoteMount, uid: int, gid: int) -> Check:
    """A file is made and removed as the users would; if they may only read, not even root can."""
    wanted, who = ("only read", (0, 0)) if mount.read_only else ("can write", (uid, gid))
    question = sh("where={} uid={} gid={}", mount.path, *who) + WRITE
    todo = "whose is the directory at the other end, and may its account write there?"
    return Check(f"users of {mount.path}", question, _is(wanted), wanted, todo)


SEEN = """
all=0 see=0
for c in $(docker ps -q --filter "name=^/$prefix" 2>/dev/null); do
    all=$((all + 1))
    pid=$(docker inspect -f '{{.State.Pid}}' "$c")
    grep -q " $inside " "/proc/$pid/mountinfo" && see=$((see + 1))
done
echo "$see of $all"
"""


def seen(mount: RemoteMount, root: str, prefix: str) -> Check:
    """The servers that run now; the hub shows them `root`/data and `root`/user as /data and /user."""
    label, root = f"running servers that see {mount.path}", root.rstrip("/")
    if not mount.path.startswith((f"{root}/data/", f"{root}/user/")):
        todo = f"servers see what is below {root}/data and {root}/user"
        return Check(label, "true", lambda a: (False, "none"), "all", todo, hard=False)

    def expect(answer: Result) -> tuple[bool, str]:
        see, _, every = answer.out.strip().partition(" of ")
        return see == every, answer.out.strip()

    question = sh("prefix={} inside={}", prefix, mount.path.removeprefix(root)) + SEEN
    todo = "those were started by an older hub, and see it after Stop and Start"
    return Check(label, question, expect, "all", todo, hard=False)


def key_line(mount: RemoteMount) -> list[Check]:
    """Not a question of right or wrong: what the administrator of the other end has to know."""
    if not mount.far:
        return []
    label = f"authorized_keys of {mount.far.user} at {mount.far.host}"
    question = sh("cat {}", f"{mount.far.key}.pub")
    return [Check(label, question, lambda a: (a.code == 0, mount.line(a.out.strip())), "this line")]


def timer(unit: str) -> Check:
    """Somebody who mounts again."""

    def expect(answer: Result) -> tuple[bool, str]:
        found = answer.out.strip()
        return found == "active", "every minute" if found == "active" else found

    todo = f"`systemctl status {unit}` on the host tells why"
    return Check("looked after", f"systemctl is-active {unit}", expect, "every minute", todo)


def _is(word: str) -> Callable[[Result], tuple[bool, str]]:
    return lambda answer: (answer.out.strip() == word, answer.out.strip()[-200:])
