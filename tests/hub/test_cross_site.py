"""Another site's page, in the browser of somebody who is logged in: it does nothing in their name."""

import pytest
from browser import log_in, page_of
from docker.errors import NotFound
from playwright.sync_api import Error
from trial import Person

# Two attackers: a site of its own, which SameSite cookies keep out, and another port of the hub's own
# name, to which the browser does give the cookies: there JupyterHub's own check is all there is.
SITES = ["http://evil.example", "http://127.0.0.1:1"]
FORM = """<form method="post" action="{}" enctype="{}"><input name='{}' value='{}'></form>
<script>document.forms[0].submit()</script>"""
PLAIN, USUAL = "text/plain", "application/x-www-form-urlencoded"  # the first can be JSON


@pytest.fixture
def victim(demo_hub, browser, tmp_path):
    """Ben's browser and, for looking, ben at the API. No server runs."""
    ben = Person(demo_hub, "ben")
    ben.stop()
    with page_of(browser, tmp_path) as page:
        log_in(page, demo_hub.url, "ben")
        yield page, ben
    ben.stop()


def lure(page, site, html):
    """A page of that site, which the browser believes; all that it asks of the hub is real."""
    page.context.unroute_all()
    page.context.route(
        f"{site}/*", lambda route: route.fulfill(content_type="text/html", body=html)
    )
    page.goto(f"{site}/")


def submit(page, site, form):
    """Have a form of that site sent: the answer of the hub."""
    with page.expect_response(lambda reply: reply.request.method == "POST") as answer:
        lure(page, site, form)
    return answer.value


def runs(demo, login):
    try:
        return bool(demo.user_container(login))
    except NotFound:
        return False


def tokens(ben):
    return len(ben.web.get("/hub/api/users/ben/tokens").raise_for_status().json()["api_tokens"])


@pytest.mark.parametrize("site", SITES)
def test_a_form_starts_no_server(demo_hub, victim, site):
    page, _ = victim
    form = FORM.format(f"{demo_hub.url}/hub/spawn/ben", USUAL, "title", "JupyterLab")
    assert submit(page, site, form).status in (302, 403)
    assert not runs(demo_hub, "ben")
    api = FORM.format(f"{demo_hub.url}/hub/api/users/ben/server", PLAIN, '{"a":"', '"}')
    assert submit(page, site, api).status == 403
    assert not runs(demo_hub, "ben")


@pytest.mark.parametrize("site", SITES)
def test_a_form_makes_no_token(demo_hub, victim, site):
    page, ben = victim
    before = tokens(ben)
    form = FORM.format(f"{demo_hub.url}/hub/api/users/ben/tokens", PLAIN, '{"note":"', '"}')
    assert submit(page, site, form).status in (400, 403)  # taken for nobody's
    assert tokens(ben) == before


@pytest.mark.parametrize("site", SITES)
def test_a_script_stops_no_server_and_reads_nothing(demo_hub, victim, site):
    page, ben = victim
    ben.start()
    lure(page, site, "<p>Look at my kittens</p>")
    for method, path in [
        ("DELETE", "/hub/api/users/ben/server"),
        ("GET", "/hub/api/user"),
        ("GET", "/hub/token"),
        ("GET", "/user/ben/api/contents"),
    ]:
        ask = f"fetch('{demo_hub.url}{path}', {{method: '{method}', credentials: 'include'}})"
        with pytest.raises(Error, match="Failed to fetch"):
            page.evaluate(ask)
    assert runs(demo_hub, "ben")
    kernel = f"new WebSocket('{demo_hub.url.replace('http', 'ws')}/user/ben/api/events/subscribe')"
    opened = page.evaluate(
        f"new Promise(done => {{ const s = {kernel};"
        " s.onopen = () => done('open'); s.onerror = () => done('refused'); })"
    )
    assert opened == "refused"


def test_the_same_from_the_hub_s_own_page_works(demo_hub, victim):
    """The same requests are refused above only for the page they come from."""
    page, ben = victim
    before = tokens(ben)
    page.goto(f"{demo_hub.url}/hub/home")
    made = page.evaluate(
        "fetch('/hub/api/users/ben/tokens', {method: 'POST', body: '{}', headers: {'Content-Type':"
        " 'application/json', 'X-XSRFToken': window.jhdata.xsrf_token}}).then(r => r.status)"
    )
    assert made == 201
    assert tokens(ben) == before + 1


@pytest.mark.parametrize("path", ["/hub/home", "/user/ben/lab"])
def test_no_other_site_shows_it_in_a_frame(demo_hub, victim, path):
    page, ben = victim
    ben.start()
    page.goto(demo_hub.url + path)
    lure(page, SITES[1], f"<iframe src='{demo_hub.url}{path}'></iframe>")
    frame = page.frames[1]
    frame.wait_for_load_state()
    assert frame.url.startswith("chrome-error:")
