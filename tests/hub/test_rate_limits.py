"""Too many refused logins and too many starts have to wait; nobody can say to be somebody else."""

import json
import re
import time

import httpx
import pytest
from trial import Person, on_the_way

FORGED = {"X-Forwarded-For": "198.51.100.7", "X-Real-Ip": "198.51.100.7"}
# A code that is none, as somebody who guesses would bring it; prints the status.
GUESS = """
import sys, urllib.parse, urllib.request, http.cookiejar
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *a): return None
web = urllib.request.build_opener(
    Stay, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
web.addheaders = [("X-Forwarded-For", "198.51.100.7"), ("X-Real-Ip", "198.51.100.7")]
def get(path):
    try: return web.open(sys.argv[1] + path)
    except urllib.error.HTTPError as reply: return reply
to = get("/hub/oauth_login?redirected=1").headers["Location"]  # not to the public address first
state = urllib.parse.parse_qs(urllib.parse.urlsplit(to).query)["state"][0]
print(get("/hub/oauth_callback?" + urllib.parse.urlencode({"code": "none", "state": state})).status)
"""


@pytest.fixture(scope="module")
def strict(demo_hub):
    """The demo's hub with narrow limits; afterwards as before."""
    before = demo_hub.site.read_text()
    narrow = before.replace("starts: 1000", "starts: 2").replace("logins: 1000", "logins: 4")
    with demo_hub.with_site(narrow):
        yield demo_hub


def guess(hub, where, address):
    """From inside a container, at this address of the hub: the status."""
    code, out = where.exec_run(["python3", "-c", GUESS, address])
    assert code == 0, out
    return int(out)


def test_a_third_start_within_ten_minutes_has_to_wait(strict):
    ben = Person(strict, "ben")
    for _ in range(2):
        ben.stop()
        ben.start()
    ben.stop()
    with pytest.raises(httpx.HTTPStatusError) as refused:
        ben.start()
    reply = refused.value.response
    assert reply.status_code == 429
    assert "2 starts in 10 minutes are the limit for one user." in reply.json()["message"]
    assert 0 < int(reply.headers["Retry-After"]) <= 600
    page = ben.press_start()
    assert page.status_code == 429
    assert re.search(r"2 starts in 10 minutes .* Try again in \d+ seconds", page.text)
    ada = Person(strict, "ada")  # others are not kept
    ada.start()
    ada.stop()


def test_a_login_service_that_is_away_counts_for_nobody(strict):
    standin = strict.services()["standin"]
    ways = [on_the_way(strict, "ben") for _ in range(6)]
    standin.stop()
    try:
        assert {web.get(back).status_code for web, back in ways} == {503}
    finally:
        standin.start()
        strict.healthy()
    assert Person(strict, "ben").reply.status_code == 200


def test_refused_logins_of_one_address_have_to_wait(strict):
    """Seen by the front door, whatever a visitor says; others, and who is in, are not kept."""
    ben = Person(strict, "ben")
    for _ in range(6):  # who comes in does not count
        assert Person(strict, "ben").reply.status_code == 200
    late, seen = None, []
    while 429 not in seen:
        late = Person(strict, "mallory")
        seen.append(late.reply.status_code)
    assert seen[:-1] == [403] * len(seen[:-1])
    assert len(seen) <= 5  # runbook 09 has been refused from here, too
    assert 0 < int(late.reply.headers["Retry-After"]) <= 60
    page = re.sub(r"\s+", " ", late.reply.text)
    assert "<h1>Please wait a little</h1>" in page
    assert re.search(r"Too many logins were refused, .* Try again in \d+ seconds", page)
    late.web.headers.update(FORGED)
    first = late.web.get("/hub/oauth_login")
    assert late.web.post(first.url, data={"login": "mallory"}).status_code == 429
    assert ben.web.get("/hub/home").status_code == 200
    inside = strict.services()["standin"]  # another address of the front door's network
    seen = [guess(strict, inside, "http://caddy") for _ in range(5)]
    assert 429 not in seen[:4], seen
    assert seen[4] == 429


def test_a_user_s_server_cannot_say_to_be_somebody_else(strict):
    """At the hub itself, which it can reach; it cannot reach the proxy's door."""
    ada = Person(strict, "ada")
    if ada.reply.status_code == 429:  # of the test before
        strict.services()["hub"].restart()
        strict.healthy()
        ada = Person(strict, "ada")
    ada.start()
    try:
        inside = strict.user_container("ada")
        seen = [guess(strict, inside, "http://hub:8081") for _ in range(5)]
        assert 429 not in seen[:4], seen
        assert seen[4] == 429
        assert Person(strict, "mallory").reply.status_code == 403  # not for others
        look = "import socket; socket.create_connection(('proxy', 8000), 2)"
        code, out = inside.exec_run(["python3", "-c", look])
        assert (code, b"ConnectionRefusedError" in out) == (1, True), out
    finally:
        ada.stop()
    log = strict.services()["hub"].logs().decode()
    mine = [net["IPAddress"] for net in inside.attrs["NetworkSettings"]["Networks"].values()]
    assert any(f"too many refused logins: {ip}" in log for ip in mine)


# A hub with a password form, and its own proxy, in one container.
FORM = """
import sys; sys.path.insert(0, "/srv/hub")
from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from limited import Limited
from rate import Rate
class Form(Limited, SharedPasswordAuthenticator): pass
Limited.by_address = Rate(1000, 60)
Limited.proxy.name = "localhost"
c.JupyterHub.authenticator_class = Form
c.JupyterHub.default_url = "/hub/home"
c.JupyterHub.db_url = "sqlite:////tmp/hub.sqlite"
c.Form.allow_all = True
c.Form.user_password = "a-word-of-the-workshop"
"""
GUESSES = """
import http.cookiejar, json, re, sys, threading, urllib.error, urllib.parse, urllib.request
def log_in(name, password):
    web = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    url = "http://127.0.0.1:8000/hub/login"
    token = re.search('name="_xsrf" value="([^"]+)"', web.open(url).read().decode())[1]
    form = urllib.parse.urlencode({"username": name, "password": password, "_xsrf": token})
    try: reply = web.open(url, form.encode())
    except urllib.error.HTTPError as refused: reply = refused
    seen.append((reply.status, reply.headers["Retry-After"], reply.read().decode()))
    return seen[-1]
seen = []
threads = [threading.Thread(target=log_in, args=(sys.argv[1], "guess")) for _ in range(30)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
tried = sorted(status for status, _, _ in seen)
right = log_in(sys.argv[1].upper(), "a-word-of-the-workshop")
print(json.dumps([tried, right, log_in("ben", "a-word-of-the-workshop")[0]]))
"""


def test_of_thirty_passwords_at_once_ten_are_tried(demo_hub, tmp_path):
    """For one name, in whatever letters; then not even the right one; other names come in."""
    (tmp_path / "form.py").write_text(FORM)
    binds = {str(tmp_path): {"bind": "/form", "mode": "ro"},
             str(demo_hub.home / "hub"): {"bind": "/srv/hub", "mode": "ro"}}  # fmt: skip
    hub = demo_hub.engine.containers.run(
        demo_hub.services()["hub"].image, ["jupyterhub", "--config", "/form/form.py"],
        detach=True, volumes=binds, working_dir="/tmp",
        environment={"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while hub.exec_run(["curl", "-fsS", "http://127.0.0.1:8000/hub/health"])[0]:
            assert time.monotonic() < end, hub.logs().decode()
            time.sleep(0.5)
        code, out = hub.exec_run(["python3", "-c", GUESSES, "ada"])
        assert code == 0, out
        tried, (status, wait, page), other = json.loads(out)
    finally:
        hub.remove(force=True)
    assert tried == [403] * 10 + [429] * 20
    assert (status, 0 < int(wait) <= 60) == (429, True)
    assert "Too many logins were refused, of this name or from your network." in page
    assert other == 200
