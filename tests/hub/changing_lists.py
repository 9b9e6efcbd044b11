"""A running hub whose lists change: more accounts, what is put back, and what one sees of people."""

import contextlib
import json

from docker.errors import NotFound
from laws import until
from trial import Person

MORE = ["dora", "eve", "finn"]  # accounts of the stand-in beside the demo's own


@contextlib.contextmanager
def more_accounts(demo):
    """More accounts at the stand-in, which is restarted for them; afterwards all is as before."""
    accounts = demo.home / "standin" / "accounts.json"
    before = accounts.read_text()
    lists = {path: path.read_text() for path in (demo.home / "access").iterdir()
             if path.name in ("admins", "allowed_users", "blocked_users")}  # fmt: skip
    renumber(demo, {login: 2000 + i for i, login in enumerate(MORE)})
    yield
    accounts.write_text(before)
    for path, text in lists.items():
        path.write_text(text)
    demo.services()["standin"].restart()
    demo.healthy()


def renumber(demo, numbers):
    """Give accounts of the stand-in these numbers; new ones are made."""
    path = demo.home / "standin" / "accounts.json"
    data = json.loads(path.read_text())
    kept = [a for a in data["accounts"] if a["login"] not in numbers]
    new = [{"login": login, "name": login, "id": number} for login, number in numbers.items()]
    path.write_text(json.dumps({**data, "accounts": kept + new}))
    demo.services()["standin"].restart()
    demo.healthy()


@contextlib.contextmanager
def put_back(demo):
    """The directory of the lists; afterwards as before."""
    folder = demo.home / "access"
    names = ("admins", "allowed_users", "blocked_users")
    before = {name: (folder / name).read_text() for name in names}
    yield folder
    for name, text in before.items():
        (folder / name).write_text(text)
    for name in ("recorded_users", "window"):
        (folder / name).unlink(missing_ok=True)
    until(lambda: not json.loads(status(demo))["held"])


def status(demo):
    code, out = demo.services()["hub"].exec_run(["cat", "/srv/state/access.json"])
    assert code == 0, out
    return out.decode()


def started(demo, login):
    """Somebody with a new server."""
    person = Person(demo, login)
    person.stop()
    person.start()
    return person


def runs(demo, login):
    try:
        return demo.user_container(login).status == "running"
    except NotFound:
        return False


def is_in(person):
    """Whether the cookie still opens the hub's own page."""
    return person.web.get("/hub/home", follow_redirects=False).status_code == 200


def until_entry(folder, what):
    """The newest line of the ledger, once it says this."""

    def entries():
        return [json.loads(line.partition(" ")[2]) for line in
                (folder / "ledger").read_text().splitlines()]  # fmt: skip

    until(lambda: entries()[-1]["what"] == what)
    return entries()[-1]
