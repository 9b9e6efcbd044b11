"""Why Docker does not answer: from what the host says of its service and of the disks it requires."""

import pytest

from cyberhubs_lib.docker_trouble import SECONDS
from cyberhubs_lib.errors import PreconditionFailed
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.host import NO_DOCKER, Host
from cyberhubs_lib.machine import hub_machine
from cyberhubs_lib.recipes import install_docker, start_here
from cyberhubs_lib.site import Site
from cyberhubs_lib.table import RUNBOOKS
from cyberhubs_lib.transport import Fake, Result

UUID = "00000000-1111-2222-3333-444444444444"
GONE = f"docker_disk=absent /dev/disk/by-uuid/{UUID} /mnt"
FACTS = (
    "id=debian\nversion=13\nkernel=6.12\narch=x86_64\ncpus=2\nmemory_kib=8000000\n"
    "root_free_kib=80000000\nuser=debian\nuid=1000\ngid=1000\nhome=/home/debian\nsudo=free\n"
    "init=systemd\ndocker_cli=/usr/bin/docker\n{}\nservice_user=debian\nservice_uid=1000\n"
    "service_gid=1000\n"
)


@pytest.mark.parametrize(
    ("lines", "found", "todo"),
    [
        ([GONE], f"the data disk of /mnt (UUID={UUID} in /etc/fstab) is not there; Docker waits for"
         " it", "attach that disk again"),
        (["docker_disk=absent /dev/vdb1 /srv/two words"], "the data disk of /srv/two words (/dev/vdb1)"
         " is not there; Docker waits for it", "lsblk -f"),
        (["docker_disk=there nas:/data /mnt/nas", GONE], "the data disk of /mnt", "attach"),
        (["docker_disk=there /dev/vdb /mnt", "docker_Result=success"],
         "/mnt (/dev/vdb) is not mounted; Docker waits for it", "sudo mount /mnt"),
        (["docker_LoadState=masked", "docker_Result=success"], "docker.service is masked",
         "unmask"),
        (["docker_LoadState=loaded", "docker_Result=exit-code"], "docker.service does not start",
         "journalctl -u docker"),
        (["docker_hangs=yes"], f"does not answer within {SECONDS} s", "systemctl restart docker"),
        ([], "installed, does not answer", "04_install_docker"),
    ],
)  # fmt: skip
def test_what_keeps_docker_from_answering(lines, found, todo):
    facts = parse_facts(FACTS.format("\n".join(lines)))
    assert found in facts.docker_trouble
    assert todo in facts.docker_todo


def test_nothing_is_wrong_where_docker_answers_or_is_not_installed():
    assert parse_facts(FACTS.format(f"docker=28\n{GONE}")).docker_trouble == ""
    assert parse_facts("").docker_trouble == ""


class Machine:
    """A host whose Docker waits for a disk; `asked` is what it was given to run."""

    def __init__(self):
        self.asked = []

    def __call__(self, script):
        self.asked.append(script)
        if "printf '\\n--" not in script:
            return Result(0)
        mark = script.split("printf '\\n")[1].split()[0]
        facts = FACTS.format(f"{GONE}\ndocker_hangs=yes") if "docker_cli" in script else ""
        return f"{facts}\n{mark} 0\n"


def test_a_docker_that_waits_is_asked_nothing_more_until_something_was_changed():
    machine = Machine()
    host = Host(Fake(machine), root=False)
    assert host.facts.docker_hangs
    for script, asked in (("", True), ("mount /mnt", False)):
        if script:
            host.change(script)
        host.batch(["docker ps"])
        assert (NO_DOCKER in machine.asked[-1]) == asked


def test_commands_of_the_hub_say_so(monkeypatch):
    host = Host(Fake(Machine()), root=False)
    monkeypatch.setattr("cyberhubs_lib.machine.connect", lambda *given: host)
    with pytest.raises(PreconditionFailed, match=f"the data disk of /mnt .UUID={UUID}") as error:
        hub_machine(Site(host="debian@hub.example.org"))
    assert "attach that disk again" in error.value.todo


@pytest.mark.parametrize("module", [start_here, install_docker])
def test_00_and_04_require_the_disk(module):
    """04 cannot start Docker without it, and its proof would ask the engine again and again."""
    name = next(name for name, entry in RUNBOOKS.items() if entry.recipe is module.recipe)
    waiting = parse_facts(FACTS.format(f"{GONE}\ndocker_hangs=yes"))
    made = module.recipe(waiting, Site(), RUNBOOKS[name].params())
    row = next(c.row(Result(0)) for c in made.requirements if c.label == "Docker")
    assert (row.status, row.was) == ("failed", waiting.docker_trouble)
    stopped = parse_facts(FACTS.format("docker_Result=exit-code"))
    made = module.recipe(stopped, Site(), RUNBOOKS[name].params())
    assert "Docker" not in [check.label for check in made.requirements]
