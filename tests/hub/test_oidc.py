"""The same hub with an OpenID issuer: what it signs is believed, and nothing else."""

import json
import re
import sys
import time

import httpx
import pytest
from trial import Person

LOGIN = """login:
  provider: oidc
  title: Observatory
  username_claim: email
  username_domain: standin.test
"""
NOTES = "/srv/jupyterhub_users/.accounts"


@pytest.fixture(scope="module")
def hub(demo_hub):
    """The demo with an OpenID issuer; afterwards GitHub's again."""
    before = demo_hub.site.read_text()
    demo_hub.site.write_text(before.replace("login:\n", LOGIN))
    demo_hub.in_hub(f"cd {NOTES} && mkdir ../kept && mv * ../kept/")  # they are GitHub's
    try:
        demo_hub.again()  # its proof logs in, too
        yield demo_hub
    finally:
        demo_hub.in_hub(f"cd {NOTES} && rm -f * && mv ../kept/* . && rmdir ../kept")
        demo_hub.site.write_text(before)
        demo_hub.again()
        demo_hub.healthy()


@pytest.fixture
def spoilt(hub):
    """A way to change the stand-in's files, which are put back afterwards."""
    folder, before = hub.home / "standin", {}

    def change(name, old, new):
        path = folder / name
        before.setdefault(path, path.read_text())
        assert re.search(old, path.read_text())
        path.write_text(re.sub(old, new, path.read_text(), count=1))
        hub.services()["standin"].restart()
        hub.healthy()

    yield change
    for path, text in before.items():
        path.write_text(text)
    hub.services()["standin"].restart()
    hub.healthy()


def test_people_come_in_with_an_account_at_the_issuer(hub):
    assert Person(hub, "mallory").reply.status_code == 403
    ben = Person(hub, "ben")
    assert ben.reply.status_code == 200
    account = f"oidc:{hub.url}/github-standin#person-1002"
    assert hub.in_hub(f"cat {NOTES}/ben") == f"{account}\n"
    assert "Observatory stand-in" in ben.web.get("/hub/logout").text
    done = hub.operator.call(
        sys.executable, "-m", "cyberhubs_lib", "access", "explain", "ben", "--site", str(hub.site)
    )
    assert f"account {account}" in done.out


def test_no_more_is_asked_than_who_somebody_is(hub):
    place = httpx.get(f"{hub.url}/hub/oauth_login").headers["location"]
    asked = httpx.URL(place).params
    assert place.startswith(f"{hub.url}/github-standin/authorize?")
    assert asked["scope"] == "openid email"
    assert asked["nonce"] == asked["code_challenge"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"nonce": nonce', '"nonce": nonce[::-1]', "the nonce is another one"),
        ('"aud": self.client_id', '"aud": "another"', "Audience"),
        ('"iss": self.url', '"iss": self.url + "x"', "Invalid issuer"),
        ("now \\+ SECONDS", "now - SECONDS", "expired"),
        (
            "claims, self.key",
            "claims, rsa.generate_private_key(public_exponent=65537, key_size=2048)",
            "Signature verification failed",
        ),
        ('claims, self.key, algorithm="RS256"', 'claims, "k" * 64, algorithm="HS256"', "alg"),
    ],
)
def test_what_is_not_signed_for_this_login_is_refused(hub, spoilt, old, new, why):
    spoilt("issuer.py", old, new)
    person = Person(hub, "ben")
    assert person.reply.status_code == 403
    assert "cannot be believed" in person.said
    assert why in person.said
    assert person.web.get("/hub/home").url.path != "/hub/home"


def test_an_account_that_is_another_one_has_no_part_in_the_files(hub, spoilt):
    assert Person(hub, "ben").reply.status_code == 200
    spoilt("accounts.json", '"id": 1002', '"id": 4242')
    assert "not the one that had this name here" in Person(hub, "ben").said
    spoilt("accounts.json", '"id": 1003', '"id": 1002')  # mallory's, now ben's account renamed
    allowed = hub.home / "access" / "allowed_users"
    before = allowed.read_text()
    allowed.write_text(f"{before}mallory\n")
    try:
        assert "known here as ben" in Person(hub, "mallory").said
    finally:
        allowed.write_text(before)


def test_a_name_of_another_domain_is_refused(hub, spoilt):
    spoilt("issuer.py", r'DOMAIN = "standin.test"', 'DOMAIN = "elsewhere.test"')
    assert "ben@elsewhere.test is no account of standin.test" in Person(hub, "ben").said
    spoilt("issuer.py", '"email_verified": True', '"email_verified": False')
    assert "has not verified" in Person(hub, "ben").said


def test_the_hub_starts_while_the_issuer_is_away(hub):
    services = hub.services()
    services["standin"].stop()
    try:
        services["hub"].restart()
        people = httpx.Client(base_url=hub.url, timeout=60)
        end = time.monotonic() + 60
        while people.get("/hub/health").status_code != 200:
            assert time.monotonic() < end, "the hub does not start"
            time.sleep(0.2)
        page = people.get("/hub/oauth_login")
        assert page.status_code == 503
        assert "Observatory stand-in cannot be used just now" in page.text
    finally:
        services["standin"].start()
        hub.healthy()
    assert Person(hub, "ben").reply.status_code == 200


def test_hub_json_holds_what_the_site_says(hub):
    login = json.loads((hub.home / "hub.json").read_text())["login"]
    assert login["username"] == {
        "username_claim": "email", "domain": "standin.test", "dots": False,
    }  # fmt: skip
