"""Users' servers under names of their own, by https: runbooks, Lab, one user's page at another's."""

import re

import pytest
from browser import arrive, choose, log_in, new_notebook, page_of
from playwright.sync_api import Error, expect
from whole_hub import RUNBOOKS, Hub

NAME = "hub.localhost"  # browsers look up no name that ends so
KEYS = f"""
public_url: https://{NAME}
certificate: {{mode: internal}}
subdomains: true
docs: {{readers: users}}
"""
BEN, ADA = f"https://ben.{NAME}", f"https://ada.{NAME}"


@pytest.fixture(scope="module")
def hub(_alone, operator, tmp_path_factory):
    with Hub(operator, tmp_path_factory.mktemp("names"), "tls-names", KEYS) as made:
        yield made


@pytest.fixture(scope="module")
def ben(browser, hub):
    """Ben's browser with a running Lab."""
    yield from at_work(browser, "ben")


@pytest.fixture(scope="module")
def ada(browser, hub):
    """Ada's; she is an administrator, so ben's server lets her in, too."""
    yield from at_work(browser, "ada")


def at_work(browser, login):
    with page_of(browser, ignore_https_errors=True) as page:
        log_in(page, f"https://{NAME}", login)
        choose(page, "JupyterLab")
        arrive(page, f"https://{login}.{NAME}/user/{login}/lab")
        yield page


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_runbook(hub, runbook):
    done = hub.run(runbook)
    assert done.code == 0, done.out
    if runbook.startswith("07"):
        assert f"*.{NAME} leads to" in done.rows("ok")
    if runbook.startswith("09"):  # a websocket to a server under its own name
        assert "a cell in a new server prints" in done.rows("ok")


def test_the_page_once_more_proves_what_is_served(hub):
    done = hub.run("07_certificates")
    assert done.code == 0, done.out
    assert f"a browser says of *.{NAME}" in done.rows("ok")
    assert {row["status"] for row in done.reports["Verify"]["rows"]} == {"ok"}


def test_a_notebook_works(hub, ben):
    assert ben.url.startswith(f"{BEN}/user/ben/lab")
    notebook = new_notebook(ben, "Python 3")
    notebook.write(notebook.cells.first, "print(6 * 7)")
    notebook.step()
    shown = notebook.cells.first.locator(".jp-OutputArea-output").first
    expect(shown).to_have_text("42")


def test_cookies_are_each_for_one_name_by_https_and_for_no_script(hub, ben):
    cookies = {(c["name"], c["domain"]): c for c in ben.context.cookies()}
    logins = [c for c in cookies.values() if c["name"].startswith("__Host-jupyterhub")]
    assert {c["domain"] for c in logins} == {NAME, f"ben.{NAME}"}, cookies.keys()
    assert all(c["httpOnly"] for c in logins)
    ours = [c for c in cookies.values() if "jupyterhub" in c["name"] or c["name"] == "_xsrf"]
    assert all(c["secure"] and c["sameSite"] == "Lax" for c in ours), ours
    scripts = ben.evaluate("document.cookie")
    assert "jupyterhub" not in scripts


def answer(page, ask):
    """What a script of the page is told."""
    return page.evaluate(f"{ask}.then(reply => reply.text(), error => 'no: ' + error.message)")


def of_its_own(page, path):
    """What a script is told by the server of its page, whose token it can read."""
    token = "document.cookie.match(/_xsrf=([^;]*)/)[1]"
    return answer(page, f"fetch('{path}', {{headers: {{'X-XSRFToken': {token}}}}})")


def test_a_script_of_ben_s_server_does_nothing_as_ada(hub, ben, ada):
    """Ada looks at ben's server; scripts of a page there run in her browser."""
    own = of_its_own(ada, "/user/ada/api/contents?content=1")
    assert '"path":""' in own.replace(" ", ""), own  # what the next ones would like to see
    mine = ada.evaluate("document.cookie.match(/_xsrf=([^;]*)/)[1]")
    page = ada.context.new_page()
    page.goto(f"{BEN}/user/ben/lab")
    if "/oauth2/authorize" in page.url:  # the hub asks whether ben's server may know who she is
        page.get_by_role("button", name="Authorize").click()
    page.wait_for_url(re.compile(re.escape(f"{BEN}/user/ben/lab")))
    assert mine not in page.evaluate("document.cookie")
    read = "{credentials: 'include'}"
    for address in (
        f"{ADA}/user/ada/api/contents?content=1",
        f"https://{NAME}/hub/api/user",
        f"https://{NAME}/hub/home",
        f"https://{NAME}/hub/token",
    ):
        assert answer(page, f"fetch('{address}', {read})") == "no: Failed to fetch", address
    # sent without being read: nothing may come of it
    blind = "{method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}'}"
    for address in (
        f"{ADA}/user/ada/api/terminals",
        f"{ADA}/user/ada/api/kernels",
        f"https://{NAME}/hub/api/users/ada/tokens",
    ):
        with page.expect_response(address) as sent:
            page.evaluate(f"fetch('{address}', {blind})")
        assert sent.value.status == 403, address
    assert of_its_own(ada, "/user/ada/api/terminals").strip() == "[]"
    socket = f"wss://ada.{NAME}/user/ada/api/events/subscribe"
    opened = page.evaluate(
        f"new Promise(done => {{ const s = new WebSocket('{socket}');"
        " s.onopen = () => done('open'); s.onerror = () => done('refused'); })"
    )
    assert opened == "refused"
    # a plain page: Chromium at times does not hear that a second JupyterLab is to be closed, and the
    # whole run waits for it at its end
    with page.expect_popup() as window:
        page.evaluate(f"window.other = window.open('{ADA}/user/ada/api/status'); null")
    window.value.wait_for_load_state()
    assert '"kernels"' in window.value.content()
    with pytest.raises(Error, match="SecurityError"):
        page.evaluate("window.other.document.cookie")
    window.value.close()
    page.close()


def test_a_server_plants_no_cookie_for_its_neighbours(hub, ben, ada):
    """A browser takes none with the prefix for a whole domain, and the hub reads no other."""
    name = next(c["name"] for c in ada.context.cookies() if "__Host-jupyterhub-hub" in c["name"])
    plant = f"document.cookie = '{name}=planted; domain={NAME}; path=/; secure'"
    ben.evaluate(plant)
    assert "planted" not in str(ben.context.cookies())


def test_the_book_has_a_name_of_its_own(hub, ben):
    page = ben.context.new_page()
    page.goto(f"https://{NAME}/docs")
    assert page.url.startswith(f"https://docs--service.{NAME}/services/docs/")
    page.close()
