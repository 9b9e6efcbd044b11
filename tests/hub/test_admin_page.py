"""What an administrator does on JupyterHub's admin page is written to the lists, and stays."""

import json
import time

import httpx
import pytest
from browser import page_of
from changing_lists import put_back
from laws import until
from trial import Person

UNDONE = 8  # seconds in which the watch has undone what the lists do not say


@pytest.fixture(scope="module")
def lists(demo_hub):
    with put_back(demo_hub) as folder:
        yield folder


@pytest.fixture(scope="module")
def api(demo_hub, lists):
    """JupyterHub's API with a token of ada's."""
    token = {"Authorization": f"token {Person(demo_hub, 'ada').token()}"}
    with httpx.Client(base_url=f"{demo_hub.url}/hub/api", headers=token, timeout=60) as client:
        yield client


@pytest.fixture
def page(demo_hub, lists, browser, tmp_path):
    """The admin page, as ada sees it."""
    with page_of(browser, tmp_path) as page:
        page.goto(f"{demo_hub.url}/hub/login")
        page.get_by_text("Sign in with GitHub stand-in").click()
        page.get_by_role("button", name="ada").click()
        page.goto(f"{demo_hub.url}/hub/admin")
        yield page
        page.screenshot(path=tmp_path / "admin.png")


def names(folder, name):
    return {line.partition("#")[0].strip() for line in (folder / name).read_text().splitlines()}


def last(folder, count=1):
    """The newest lines of the ledger: who, what, to whom, from where."""
    lines = (folder / "ledger").read_text().splitlines()[-count:]
    found = [json.loads(line.partition(" ")[2]) for line in lines]
    return [(one["who"], one["what"], one["logins"], one["run"]) for one in found]


def users(api):
    """Login -> whether an administrator, as the hub has them."""
    return {one["name"]: one["admin"] for one in api.get("/users").json()}


def test_add_users(lists, api, page):
    page.get_by_role("button", name="Add Users").click()
    page.locator("#add-user-textarea").fill("Dora\neve")
    with page.expect_response(lambda reply: reply.request.method == "POST") as saved:
        page.locator("#submit").click()
    assert saved.value.status == 201
    assert {"dora", "eve"} <= names(lists, "allowed_users")
    assert last(lists) == [("ada", "allow", ["dora", "eve"], "admin page")]
    time.sleep(UNDONE)
    assert users(api) == users(api) | {"dora": False, "eve": False}


def test_what_the_page_says_and_does_not_offer(page):
    page.get_by_text("change this hub's access lists").wait_for()
    page.get_by_role("button", name="Add Users").wait_for()
    assert not page.get_by_text("Manage Groups").is_visible()


def test_the_admin_tick(lists, api, page):
    for tick, what in ((True, "admin"), (False, "unadmin")):
        row = page.locator("tr", has=page.get_by_text("eve", exact=True))
        row.get_by_role("button", name="Edit User").click()
        page.locator("#admin-check").set_checked(tick)
        with page.expect_response(lambda reply: reply.request.method == "PATCH") as saved:
            page.get_by_role("button", name="Apply").click()
        assert saved.value.status == 200
        assert ("eve" in names(lists, "admins")) == tick
        assert last(lists) == [("ada", what, ["eve"], "admin page")]
        time.sleep(UNDONE)
        assert users(api)["eve"] == tick
    assert "eve" in names(lists, "allowed_users")


def test_an_administrator_who_is_one_no_more_may_still_come_in(lists, api):
    assert api.post("/users/finn", json={"admin": True}).status_code == 201
    lines = [line for line in (lists / "allowed_users").read_text().splitlines() if line != "finn"]
    (lists / "allowed_users").write_text("\n".join(lines) + "\n")
    assert api.patch("/users/finn", json={"admin": False}).status_code == 200
    assert "finn" in names(lists, "allowed_users")
    assert "finn" not in names(lists, "admins")


def test_another_name_takes_files_and_lists_along(demo_hub, lists, api):
    ben = Person(demo_hub, "ben")
    ben.stop()
    ben.start()
    demo_hub.user_container("ben").exec_run(["sh", "-c", "echo kept > ~/mine"])
    running = api.patch("/users/ben", json={"name": "benjamin"})
    assert (running.status_code, running.json()["message"]) == (
        409,
        "ben's server runs: stop it first",
    )
    ben.stop()
    for old, new in (("ben", "benjamin"), ("benjamin", "ben")):
        renamed = api.patch(f"/users/{old}", json={"name": new, "admin": False})
        assert (renamed.status_code, renamed.json()["name"]) == (200, new)
        assert demo_hub.file(new, "mine") == "kept\n"
        assert new in names(lists, "allowed_users")
        assert old not in names(lists, "allowed_users")
        assert last(lists) == [("ada", "rename", [old, new], "admin page")]
        time.sleep(UNDONE)
        assert {old, new} & users(api).keys() == {new}
    ben = Person(demo_hub, "ben")
    ben.start()
    ben.stop()


def test_no_files_are_mixed_by_another_name(demo_hub, lists, api):
    demo_hub.in_hub("mkdir -p /srv/jupyterhub_users/carl && touch /srv/jupyterhub_users/carl/x")
    before = last(lists)
    refused = api.patch("/users/ben", json={"name": "carl"})
    assert refused.status_code == 409
    assert "carl has files of its own" in refused.json()["message"]
    assert "ben" in users(api)
    assert last(lists) == before
    demo_hub.in_hub("rm -r /srv/jupyterhub_users/carl")


def test_who_is_blocked_is_not_added_in_silence(demo_hub, lists, api):
    demo_hub.access("block", "gwen")
    for refused in (api.post("/users", json={"usernames": ["gwen"]}), api.post("/users/gwen")):
        assert refused.status_code == 409
        assert "gwen is blocked: `./cyberhubs access unblock gwen`" in refused.json()["message"]
    assert "gwen" not in names(lists, "allowed_users")


def test_delete(lists, api):
    assert api.delete("/users/eve").status_code == 204
    assert "eve" not in names(lists, "allowed_users")
    assert last(lists) == [("ada", "remove", ["eve"], "admin page")]
    time.sleep(UNDONE)
    assert "eve" not in users(api)


def test_what_the_hub_does_by_itself_changes_no_list(demo_hub, lists, api):
    """The watch makes the same calls: it deletes people, and makes administrators."""
    demo_hub.access("remove", "dora")
    demo_hub.access("admin", "finn")
    until(lambda: users(api).get("finn"))
    until(lambda: "dora" not in users(api))
    time.sleep(UNDONE)
    assert [what for _, what, _, _ in last(lists, 2)] == ["remove", "admin"]
    assert all(run != "admin page" for _, _, _, run in last(lists, 2))


def test_who_may_not_change_it_changes_no_list(demo_hub, lists):
    ben, before = Person(demo_hub, "ben"), last(lists)
    for method, path, body in (
        ("POST", "/hub/api/users", {"usernames": ["hal"]}),
        ("POST", "/hub/api/users/hal", {}),
        ("PATCH", "/hub/api/users/ada", {"admin": False}),
        ("DELETE", "/hub/api/users/finn", None),
    ):
        assert ben.web.request(method, path, json=body, headers=ben._xsrf()).status_code == 403
    assert last(lists) == before
