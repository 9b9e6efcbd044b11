"""A whole hub by https with its own authority: the runbooks' proof, cookies, a cell by websocket."""

import re

import httpx
import pytest
from whole_hub import RUNBOOKS, Hub

from cyberhubs_lib.proof import log_in

KEYS = """
public_url: https://127.0.77.6
bind_address: 127.0.77.6
certificate: {mode: internal}
"""


@pytest.fixture(scope="module")
def hub(_alone, operator, tmp_path_factory):
    with Hub(operator, tmp_path_factory.mktemp("hub"), "tls-hub", KEYS) as made:
        yield made


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_runbook(hub, runbook):
    done = hub.run(runbook)
    assert done.code == 0, done.out
    if runbook.startswith("09"):  # by https and wss, through the public address
        assert {
            "the public address answers",
            "ada logs in",
            "a cell in a new server prints",
        } <= set(done.rows("ok"))


def test_the_page_once_more_proves_what_is_served(hub):
    done = hub.run("07_certificates")
    assert done.code == 0, done.out
    assert {row["status"] for row in done.reports["Verify"]["rows"]} == {"ok"}


def test_cookies_are_for_https_and_for_no_script(hub):
    tls = hub.tls()
    assert log_in(hub.site, "ada", tls) == "welcome"
    with httpx.Client(verify=tls, follow_redirects=True, timeout=20) as web:
        page = web.get(f"{hub.site.public_url}/hub/oauth_login")
        reply = web.post(page.url, data={"login": "ada"})
        sent = [line for one in [*reply.history, reply, *page.history, page]
                for line in one.headers.get_list("set-cookie")]  # fmt: skip
    logins = [line for line in sent if not re.match(r'[^=]+=("")?;', line)]  # one that goes
    assert {"_xsrf"} < {line.partition("=")[0] for line in logins}
    for line in logins:
        assert re.findall(r"(?i)samesite=(\w+)", line) == ["Lax"], line.partition("=")[0]
        assert re.search(r"(?i); *secure", line), line.partition("=")[0]
        name = line.partition("=")[0]
        assert re.search(r"(?i); *httponly", line) or name == "_xsrf", name


def test_pages_say_who_may_show_them_in_a_frame(hub):
    reply = httpx.get(f"{hub.site.public_url}/hub/login", verify=hub.tls())
    policy = reply.headers.get_list("content-security-policy")
    assert len(policy) == 1
    assert "frame-ancestors 'none'" in policy[0]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert httpx.get("http://127.0.77.6/hub/login").headers["location"] == (
        "https://127.0.77.6/hub/login"
    )


def test_without_trust_nobody_is_fooled(hub):
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{hub.site.public_url}/hub/login")
