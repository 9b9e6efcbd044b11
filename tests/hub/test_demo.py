"""The demo's command: what it prints, records, changes, keeps and removes."""

import re
import tarfile

import httpx
import nbformat
import pytest
from jupyter_kernel_client import JupyterKernelClient
from trial import NAME, PROJECT, Person

from cyberhubs_lib.runs import Record
from cyberhubs_lib.site import REPOSITORY

RUNBOOKS = ["00_start_here", "06_configure_hub", "08_get_images", "09_launch_hub"]
REFUSED = "is refused: not on the list of allowed users"
SERVICES = {"caddy", "proxy", "hub", "broker", "standin"}


@pytest.fixture
def ben(demo_hub):
    """Ben with a running server."""
    person = Person(demo_hub, "ben")
    person.start()
    yield person
    person.stop()


def kernel(demo, person, **options):
    """A kernel on somebody's server; stays when the `with` ends if it was there before."""
    header = {"Authorization": f"token {person.token()}"}
    address = f"{demo.url}/user/{person.login}"
    return JupyterKernelClient(server_url=address, token=None, headers=header, **options)


def printed(client, code):
    return "".join(o.get("text", "") for o in client.execute(code)["outputs"]).strip()


def test_the_last_lines_tell_where_it_is_and_how_to_log_in(demo_hub):
    *_, where, how, ada, ben, mallory = demo_hub.out.strip().splitlines()
    assert where == f"The hub is at {demo_hub.url}"
    assert "Log in with the stand-in" in how
    assert ada.split(maxsplit=1) == ["ada", "may come in and is an administrator"]
    assert ben.split(maxsplit=1) == ["ben", "may come in"]
    assert mallory.split(maxsplit=1) == ["mallory", REFUSED]


def test_the_last_lines_tell_what_the_lists_say_now(demo_hub):
    demo_hub.access("allow", "mallory")
    try:
        assert demo_hub.again().splitlines()[-1].split(maxsplit=1) == ["mallory", "may come in"]
    finally:
        demo_hub.access("remove", "mallory")


def test_the_records_are_executed_notebooks(demo_hub):
    first = demo_hub.records()[: len(RUNBOOKS)]
    assert [Record(path).name for path in first] == RUNBOOKS
    for path in first:
        code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        assert all(c.execution_count for c in code)
    proof = {row["label"]: row for row in list(Record(first[-1]).reports())[-1]["rows"]}
    assert {row["status"] for row in proof.values()} == {"ok"}
    assert proof["a cell in a new server prints"]["was"] == "42 1000 1000"


def test_a_second_demo_changes_nothing(demo_hub):
    before = {name: c.id for name, c in demo_hub.services().items()}
    assert set(before) == SERVICES
    demo_hub.again()
    for path in demo_hub.records()[-len(RUNBOOKS) :]:
        for report in Record(path).reports():
            assert [r["label"] for r in report["rows"] if r["status"] == "changed"] == []
        print(f"\n{Record(path).name} with nothing to do: {report['seconds']} s")
        if Record(path).name == "08_get_images":  # whose last report is its proof
            assert all("proven on 20" in row["was"] for row in report["rows"])
    assert {name: c.id for name, c in demo_hub.services().items()} == before


@pytest.mark.parametrize("runs", [("stop", "up"), ("restart",)], ids="+".join)
def test_the_service_stops_and_starts_by_the_command_line(demo_hub, runs):
    before = {name: c.id for name, c in demo_hub.services().items()}
    for action in runs:
        demo_hub.cli("hub", action)
        if action == "stop":
            assert {c.status for c in demo_hub.services().values()} == {"exited"}
    demo_hub.healthy()
    assert httpx.get(f"{demo_hub.url}/hub/login").status_code == 200
    assert {name: c.id for name, c in demo_hub.services().items()} == before
    assert "hub-1" in demo_hub.cli("hub", "logs").out


def test_a_copy_as_the_book_says(demo_hub, tmp_path):
    """With the hub stopped: settings, secrets, lists and the database, for nobody else to read."""
    page = (REPOSITORY / "book" / "day_to_day.md").read_text()
    (command,) = re.findall(r"```bash\nsudo (.*?)\n```", page, re.S)
    for name, here in {
        "/root/mysite.tgz": str(tmp_path / "copy.tgz"),
        "/opt/cyberhubs/mysite": str(demo_hub.home),
        "cyberhubs-mysite_": f"{PROJECT}_",
    }.items():
        assert name in command
        command = command.replace(name, here)
    demo_hub.cli("hub", "stop")
    try:
        done = demo_hub.operator.call("sh", "-c", command)
    finally:
        demo_hub.cli("hub", "up")
    assert done.code == 0, done.out
    demo_hub.healthy()
    assert (tmp_path / "copy.tgz").stat().st_mode & 0o777 == 0o600
    with tarfile.open(tmp_path / "copy.tgz") as copy:
        names = copy.getnames()
    for what in (
        "secrets/crypt_key",
        "access/allowed_users",
        "hub.json",
        "_data/jupyterhub.sqlite",
    ):
        assert any(name.endswith(f"/{what}") for name in names), what


def test_a_kernel_outlives_restarts_of_the_hub(demo_hub, ben):
    with kernel(demo_hub, ben) as client:
        assert printed(client, "answer = 6 * 7; print(answer)") == "42"
        demo_hub.services()["hub"].restart()
        assert printed(client, "print(answer)") == "42"  # not even the connection was cut
        demo_hub.healthy()
        demo_hub.cli("hub", "restart")  # all services
        demo_hub.healthy()
        with kernel(demo_hub, ben, kernel_id=client.id) as later:
            assert printed(later, "print(answer)") == "42"


def test_the_service_goes_down_although_somebody_works(demo_hub, ben):
    before = set(demo_hub.left()["volumes"])
    demo_hub.cli("hub", "down")
    left = demo_hub.left()
    assert (left["containers"], left["networks"]) == ([], [])
    assert set(left["volumes"]) == before
    demo_hub.again()


def test_files_survive_down_and_up(demo_hub, ben):
    with kernel(demo_hub, ben) as client:
        assert printed(client, "n = open('thesis.txt', 'w').write('draft'); print(n)") == "5"
    demo_hub.cli("demo", "--down")
    left = demo_hub.left()
    assert (left["containers"], left["networks"]) == ([], [])
    assert f"{NAME}-data" in left["volumes"]
    demo_hub.again()
    assert demo_hub.file("ben", "thesis.txt") == "draft"
    again = Person(demo_hub, "ben")
    again.start()
    with kernel(demo_hub, again) as client:
        assert printed(client, "print(open('thesis.txt').read())") == "draft"


OLDER = """python3 - <<'END'
from subprocess import check_call
from jupyterhub.dbutil import _temp_alembic_ini
with _temp_alembic_ini("sqlite:////srv/state/jupyterhub.sqlite") as ini:
    check_call(["alembic", "-c", ini, "downgrade", "-1"])
END"""


def test_the_database_of_an_older_jupyterhub_is_taken_over(demo_hub, ben):
    demo_hub.in_hub(OLDER)
    demo_hub.services()["hub"].restart()
    demo_hub.healthy()
    assert "jupyterhub.sqlite.20" in demo_hub.in_hub("ls /srv/state")  # a copy from before
    with kernel(demo_hub, ben) as client:  # whose server went on
        assert printed(client, "print(6 * 7)") == "42"


@pytest.mark.parametrize(("login", "status"), [("ada", 200), ("mallory", 403), ("eve", 404)])
def test_who_comes_in(demo_hub, login, status):
    assert Person(demo_hub, login).reply.status_code == status


def test_the_standin_refuses_a_wrong_client_secret(demo_hub):
    form = {"client_id": "cyberhubs-standin", "client_secret": "guessed", "code": "x"}
    address = f"{demo_hub.url}/github-standin/login/oauth/access_token"
    reply = httpx.post(address, data=form, headers={"Accept": "application/json"})
    assert reply.json()["error"] == "incorrect_client_credentials"
