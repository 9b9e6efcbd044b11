"""Odd values in every form and call of the hub: afterwards all that it is made of still answers."""

import contextlib
import json
import shlex
import subprocess
import time
from subprocess import PIPE
from urllib.parse import quote

import httpx
import pytest
from changing_lists import put_back, runs, started, status
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from laws import until
from manage import SILENT
from trial import Person

REQUESTS = 120  # about 0.1 s each
HALF = "\ud800"  # of a surrogate pair: JSON can say it, no database can hold it
TEXT = st.one_of(
    st.sampled_from(
        ["", "ben", "ada", "BEN", " ben", "nobody", "a b", "a/b", "a?b", "..", "%00", "é"]
    ),
    st.sampled_from(["x" * 10_000, "\0", "\u212a", "admin", "jupyterhub", HALF]),
    st.text(max_size=8),
)
ATOM = st.one_of(TEXT, st.none(), st.booleans(), st.integers(), st.just(10**30), st.floats())
ODD = st.one_of(
    ATOM, st.lists(ATOM, max_size=2), st.dictionaries(TEXT, ATOM, max_size=2), st.just([[]])
)

# JupyterHub's own table (apihandlers/*.py) without shutdown, and its pages: the words of a body. {} is
# a name of somebody or something; nothing here ends ben's server, or ben, if it is understood.
CALLS = {
    "POST /hub/api/users": ["usernames", "admin", "name", "groups", "roles"],
    "POST /hub/api/users/{}": ["name", "admin", "groups", "roles", "auth_state"],
    "PATCH /hub/api/users/ben": ["name", "admin", "groups", "roles", "auth_state"],
    "PATCH /hub/api/users/{}": ["name", "groups", "roles", "auth_state"],
    "POST /hub/api/users/ben/tokens": ["note", "expires_in", "roles", "scopes", "auth"],
    "POST /hub/api/users/{}/tokens": ["note", "expires_in", "roles", "scopes", "auth"],
    "DELETE /hub/api/users/ben/tokens/{}": [],
    "POST /hub/api/users/ben/activity": ["last_activity", "servers"],
    "POST /hub/api/users/ben/server": ["display_name", "user_options", "title"],
    "PATCH /hub/api/users/ben/server": ["name", "display_name", "user_options"],
    "PATCH /hub/api/users/ada/server": ["name", "display_name", "user_options"],
    "POST /hub/api/users/ben/servers/{}": ["display_name", "user_options"],
    "PUT /hub/api/users/ben/servers/{}": ["display_name", "user_options"],
    "PATCH /hub/api/users/ben/servers/{}": ["name", "display_name", "user_options"],
    "GET /hub/api/users/ben/servers/{}/progress": [],
    "POST /hub/api/groups": ["groups", "users", "roles"],
    "POST /hub/api/groups/{}": ["users", "roles", "name"],
    "DELETE /hub/api/groups/{}": [],
    "POST /hub/api/groups/odd/users": ["users"],
    "DELETE /hub/api/groups/odd/users": ["users"],
    "PUT /hub/api/groups/odd/properties": ["x"],
    "POST /hub/api/services/{}": [
        "admin",
        "api_token",
        "oauth_client_id",
        "info",
        "display",
        "user",
    ],
    "POST /hub/api/shares/ben/": ["user", "group", "scopes"],
    "PATCH /hub/api/shares/ben/": ["user", "group", "scopes"],
    "DELETE /hub/api/users/{}/shared/ben/": [],
    "POST /hub/api/share-codes/ben/": ["scopes", "expires_in"],
    "DELETE /hub/api/share-codes/ben/": [],
    "POST /hub/api/proxy": ["x"],
    "PATCH /hub/api/proxy": ["api_url", "auth_token"],
    "POST /hub/api/authorizations/token": ["x"],
    "GET /hub/api/authorizations/cookie/{}": [],
    "GET /hub/api/users": ["state", "sort", "offset", "limit", "name_filter"],
    "GET /hub/api/oauth2/authorize": ["client_id", "redirect_uri", "scope", "state"],
    "POST /hub/api/oauth2/token": ["client_id", "grant_type", "code"],
    "POST /hub/spawn/ben": ["title", "opt-title", "display_name"],
    "POST /hub/login": ["username", "password"],
    "GET /hub/oauth_callback": ["state", "code", "error"],
    "GET /hub/accept-share": ["code", "next"],
    "POST /hub/accept-share": ["code", "next"],
    "GET /hub/token": ["x"],
    "GET /hub/error/{}": [],
}


@st.composite
def requests(draw):
    """Who asks, how, for what, with which body."""
    call = draw(st.sampled_from(sorted(CALLS)))
    words = st.dictionaries(st.sampled_from([*CALLS[call], "odd"]), ODD, max_size=2)
    known = st.fixed_dictionaries({word: ODD for word in CALLS[call][:1]})
    body = draw(st.one_of(known, known, known, words, words, ODD))
    return draw(st.sampled_from(["ada", "ada", "ben"])), call, draw(TEXT), body


@pytest.fixture(scope="module")
def people(demo_hub):
    """Both with a token and a cookie; ben's server runs. Afterwards what was made is gone."""
    found = {"ada": Person(demo_hub, "ada"), "ben": started(demo_hub, "ben")}
    for person in found.values():
        person.mine = {"Authorization": f"token {person.token()}"}
        person.form = person._xsrf()
        person.api = httpx.Client(base_url=demo_hub.url, headers=person.mine, timeout=60)
    with put_back(demo_hub):  # ada's calls change the lists
        yield found
    api = found["ada"].api
    for group in api.get("/hub/api/groups").json():
        assert api.delete(f"/hub/api/groups/{quote(group['name'], safe='')}").status_code == 204
    found["ben"].stop()


# In the hub's container, for each line read: seconds since the last sign of life,
# and what the broker says.
LOOK = """
import http.client, os, sys, time
for _ in sys.stdin:
    age = time.time() - os.stat("/srv/state/access.json").st_mtime
    broker = http.client.HTTPConnection("broker", 2375, timeout=30)
    broker.request("GET", "/_ping")
    print(f"{age:.0f} {broker.getresponse().status}", flush=True)
"""


@pytest.fixture(scope="module")
def look(demo_hub):
    """A function that asks watch and broker; one process for all, as each takes time to start."""
    command = ["docker", "exec", "-i", demo_hub.services()["hub"].id, "python3", "-c", LOOK]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, bufsize=1) as program:

        def ask():
            program.stdin.write("\n")
            age, answer = program.stdout.readline().split()
            return int(age), int(answer)

        yield ask
        program.stdin.close()


def send(person, call, name, body):
    """One request, as JSON with a token, or a form with the cookie."""
    method, _, path = call.partition(" ")
    with contextlib.suppress(UnicodeEncodeError):  # an address cannot say half a surrogate pair
        path = path.replace("{}", quote(name, safe=""))
        if method == "GET" or "/api/" not in path:
            said = body if isinstance(body, dict) else {"x": body}
            words = {k.replace(HALF, "?"): str(v).replace(HALF, "?") for k, v in said.items()}
            data = {"params": words} if method == "GET" else {"data": words}
            headers = person.mine if "/api/" in path else person.form
            return person.web.request(method, path, headers=headers, follow_redirects=False, **data)
        return person.api.request(method, path, content=json.dumps(body))
    return None


def is_admin(person):
    return person.api.get("/hub/api/user").json()["admin"]


def sound(hub, people):
    """The hub answers all, each name is one, and ben's server is known, by way of the broker."""
    ada, ben = people["ada"], people["ben"]
    for path in ("users?include_stopped_servers=1", "groups"):
        reply = ada.api.get(f"/hub/api/{path}")
        if reply.status_code == 403:  # she took her right from herself; the lists give it back
            until(lambda: is_admin(ada))
            reply = ada.api.get(f"/hub/api/{path}")
        assert reply.status_code == 200, reply.text
        names = [one["name"] for one in reply.json()]
        assert all(isinstance(name, str) and name for name in names), names
        assert path == "groups" or {"ada", "ben"} <= set(names)
    page = ben.web.get("/hub/home", follow_redirects=False)  # asks the broker about the container
    assert page.status_code == 200
    assert 'id="stop"' in page.text


def all_answer(hub):
    """The watch has looked a moment ago, without an alarm of its own making, and the broker answers."""
    hub.in_hub("curl -fsS http://broker:2375/_ping")
    look = "echo $(($(date +%s) - $(stat -c %Y /srv/state/access.json)))"
    until(lambda: int(hub.in_hub(look)) < 5)
    assert json.loads(status(hub))["alarms"] == []


def test_odd_values(demo_hub, people, look):
    counted, began = {}, time.monotonic()

    @settings(
        max_examples=REQUESTS,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @example(("ada", "POST /hub/api/groups/{}", "odd", {"users": ["ben"]}))
    @example(("ada", "PATCH /hub/api/users/ben", "", {"name": "ben", "admin": False}))
    @example(("ada", "PATCH /hub/api/users/ben", "", {"name": "bob"}))
    @example(("ada", "PATCH /hub/api/users/ben", "", {"roles": []}))
    @example(("ada", "PATCH /hub/api/users/ben", "", {"groups": ["odd"]}))
    @example(("ada", "POST /hub/api/groups", "", {"groups": [None], "users": ["ben"]}))
    @example(("ada", "POST /hub/api/users", "", {"usernames": "ben"}))
    @example(("ben", "POST /hub/api/users/ben/tokens", "", {"note": HALF}))
    @example(("ben", "POST /hub/api/users/ben/tokens", "", {"note": 10**30}))
    @given(requests())
    def odd(request):
        who, call, name, body = request
        reply = send(people[who], call, name, body)
        if reply is not None:
            kind = reply.status_code // 100
            counted[kind] = counted.get(kind, 0) + 1
        sound(demo_hub, people)
        age, answer = look()
        assert age < SILENT
        assert answer == 200

    odd()
    all_answer(demo_hub)
    print(f"answers by hundreds: {counted}; {time.monotonic() - began:.0f} s")


REFUSED = [{"roles": []}, {"groups": ["another"]}, {"auth_state": {}}]


@pytest.mark.parametrize("body", REFUSED)
def test_what_cannot_change_there_is_said(people, body):
    ada = people["ada"]
    reply = ada.api.patch("/hub/api/users/ben", json=body)
    assert reply.status_code == 400
    assert f"{next(iter(body))} cannot change here" in reply.json()["message"]


# the second is one whom the running hub has not read yet
BREAK = """
import sqlite3
db = sqlite3.connect("/srv/state/jupyterhub.sqlite", timeout=30)
db.execute("UPDATE users SET name = NULL WHERE name = 'ben'")
db.execute("INSERT INTO users (admin, cookie_id) VALUES (0, 'odd')")
db.commit()
"""


def test_a_user_whose_name_an_older_hub_lost_has_it_again(demo_hub, people):
    """The last one: the hub also starts with all that the tests before have left in its database."""
    demo_hub.in_hub(f"python3 -c {shlex.quote(BREAK)}")
    until(lambda: "whom the lists do not reach: 1;" in status(demo_hub))
    ada = people["ada"]
    assert ada.api.get("/hub/api/users").status_code == 200  # the others
    assert "ALARM: users without a usable name" in ada.web.get("/hub/admin").text
    demo_hub.services()["hub"].restart()
    demo_hub.healthy()
    log = demo_hub.services()["hub"].logs(tail=500).decode()
    assert "is ben again" in log
    assert "had no usable name: deleted" in log
    assert runs(demo_hub, "ben")
    sound(demo_hub, people)
    all_answer(demo_hub)
