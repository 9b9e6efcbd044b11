"""What an OpenID issuer says is believed only if it is signed by it, for this hub and this login."""

import sys
import threading
import time
from http.server import ThreadingHTTPServer

import jwt
import pytest
from access import fold
from cryptography.hazmat.primitives.asymmetric import rsa
from id_token import by_form, checked_document, nonce_of, verified
from names import as_sent, login_of

from cyberhubs_lib.oauth_app import accepted, form
from cyberhubs_lib.rendered import SERVER
from cyberhubs_lib.site import Site

sys.path.insert(0, str(SERVER / "standin"))
import issuer as standin_issuer
import oauth
import standin

VERIFIER = "v" * 43
NONCE = oauth.challenge_of(VERIFIER)
ADA = {"login": "ada", "id": 7, "name": "Ada Lovelace"}


@pytest.fixture(scope="module")
def handler():
    """The stand-in as an issuer, at an address of its own."""

    class Handler(standin.Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    Handler.standin = oauth.Standin("app", "canary", [ADA])
    Handler.issuer = standin_issuer.Issuer(url, url, "app")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def issuer(handler):
    return handler.issuer


@pytest.fixture
def keys(issuer):
    return jwt.PyJWKClient(issuer.document()["jwks_uri"], cooldown_duration=0)


def signed(issuer, key=None, algorithm="RS256", **claims):
    """A token as the issuer would make it, but for some claims; None leaves one out."""
    good = jwt.decode(issuer.id_token(ADA, NONCE), options={"verify_signature": False})
    kept = {k: v for k, v in {**good, **claims}.items() if v is not None}
    return jwt.encode(kept, key or issuer.key, algorithm=algorithm, headers={"kid": issuer.kid})


def test_what_the_issuer_signed_is_believed(issuer, keys):
    token = issuer.id_token(ADA, NONCE)
    assert verified(token, keys, issuer.url, "app", nonce_of(VERIFIER))["sub"] == "person-7"


WRONG = {
    "audience": ({"aud": "another"}, "Audience"),
    "one of several applications": ({"aud": ["app", "b"], "azp": "b"}, "another application: b"),
    "issuer": ({"iss": "http://127.0.0.1:1"}, "Invalid issuer"),
    "nonce": ({"nonce": "x" * 43}, "nonce is another"),
    "no nonce": ({"nonce": None}, '"nonce" claim'),
    "nonce of no login": ({"nonce": 0}, "nonce is another"),
    "no subject": ({"sub": None}, '"sub" claim'),
    "expired": ({"exp": time.time() - 90}, "expired"),
    "no end": ({"exp": None}, '"exp" claim'),
    "from tomorrow": ({"iat": time.time() + 86400}, "not yet valid"),
}


@pytest.mark.parametrize("name", WRONG)
def test_claims_that_are_wrong_are_refused(issuer, keys, name):
    claims, said = WRONG[name]
    with pytest.raises(jwt.PyJWTError, match=said):
        verified(signed(issuer, **claims), keys, issuer.url, "app", NONCE)


def test_two_clocks_may_differ_a_little(issuer, keys):
    token = signed(issuer, exp=time.time() - 30)
    assert verified(token, keys, issuer.url, "app", NONCE)["sub"] == "person-7"


def test_anybody_elses_signature_is_refused(issuer, keys):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(jwt.InvalidSignatureError):
        verified(signed(issuer, key=other), keys, issuer.url, "app", NONCE)


@pytest.mark.parametrize(("key", "algorithm"), [("canary" * 8, "HS256"), ("", "none")])
def test_a_signature_that_others_can_make_is_refused(issuer, keys, key, algorithm):
    with pytest.raises(jwt.PyJWTError, match="alg"):
        verified(signed(issuer, key or "unused", algorithm), keys, issuer.url, "app", NONCE)


@pytest.mark.parametrize("token", ["", "a.b.c", "nonsense"])
def test_what_is_no_token_is_refused(issuer, keys, token):
    with pytest.raises(jwt.PyJWTError):
        verified(token, keys, issuer.url, "app", NONCE)


def test_a_new_key_is_fetched(handler, issuer, keys):
    verified(issuer.id_token(ADA, NONCE), keys, issuer.url, "app", NONCE)
    renewed = standin_issuer.Issuer(issuer.url, issuer.inside, "app")
    handler.issuer = renewed
    assert verified(renewed.id_token(ADA, NONCE), keys, issuer.url, "app", NONCE)
    with pytest.raises(jwt.PyJWTError, match="signing key"):
        verified(issuer.id_token(ADA, NONCE), keys, issuer.url, "app", NONCE)


def test_a_code_gives_a_signed_token_for_its_own_login(handler, issuer, keys):
    asked = {"redirect_uri": "http://hub/cb", "code_challenge": NONCE, "nonce": NONCE}
    code = handler.standin.give_code("ada", {**asked, "scope": "openid email"})
    answer = handler.with_id_token(
        handler, {"client_id": "app", "client_secret": "canary", "code": code,
                  "code_verifier": VERIFIER},
    )  # fmt: skip
    claims = verified(answer["id_token"], keys, issuer.url, "app", NONCE)
    assert claims["sub"] == "person-7"
    asked_with = handler.standin.asked_with(f"Bearer {answer['access_token']}")
    found = standin_issuer.user(ADA, asked_with["scope"])
    assert found == {"sub": "person-7", "email": "ada@standin.test", "email_verified": True}


def document(**other):
    base = "https://id.example.org"
    told = {"issuer": base, "authorization_endpoint": f"{base}/a", "token_endpoint": f"{base}/t",
            "jwks_uri": f"{base}/k", "userinfo_endpoint": f"{base}/u"}  # fmt: skip
    return {k: v for k, v in {**told, **other}.items() if v is not None}


def test_an_issuer_may_end_with_a_slash_and_tell_nothing_of_userinfo():
    told = document(issuer="https://id.example.org/", userinfo_endpoint=None)
    assert checked_document(told, "https://id.example.org") == told


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([], "no JSON object"),
        (document(issuer="https://evil.example.org"), "of the issuer https://evil"),
        (document(issuer=None), "of the issuer None"),
        (document(jwks_uri=None), "names no jwks_uri"),
        (document(token_endpoint="file:///etc/passwd"), "names no token_endpoint"),
        (document(jwks_uri="http://id.example.org/k"), "without https"),
        (document(userinfo_endpoint="http://id.example.org/u"), "without https"),
    ],
)
def test_a_document_that_is_wrong_is_refused(told, said):
    with pytest.raises(ValueError, match=said):
        checked_document(told, "https://id.example.org")


@pytest.mark.parametrize(
    ("methods", "form_is_it"),
    [(None, False), ([], False), (["client_secret_basic"], False),
     (["private_key_jwt", "client_secret_post"], True)],
)  # fmt: skip
def test_where_the_client_secret_goes(methods, form_is_it):
    told = document(token_endpoint_auth_methods_supported=methods)
    assert by_form(told) is form_is_it


@pytest.mark.parametrize(
    ("said", "settings", "login"),
    [
        ("ada", {}, "ada"),
        ("Ada", {}, "ada"),
        ("0000-0002-1825-0097", {}, "0000-0002-1825-0097"),  # of ORCID
        ("ada_l", {}, "ada_l"),
        ("Ada@Uni.example.org", {"domain": "uni.example.org"}, "ada"),
        ("ada.lovelace@uni.example.org", {"domain": "Uni.example.org", "dots": True},
         "ada_lovelace"),
        ("ada.b.lovelace", {"dots": True}, "ada_b_lovelace"),
        ("jean-luc.p", {"dots": True}, "jean-luc_p"),
    ],
)  # fmt: skip
def test_how_somebody_is_called(said, settings, login):
    assert login_of({"preferred_username": said}, "preferred_username", **settings) == login


@pytest.mark.parametrize(
    ("said", "settings", "why"),
    [
        ("Ada Lovelace", {}, "cannot be a name here"),
        ("../ada", {}, "cannot be a name here"),
        ("", {}, "sends no preferred_username"),
        (None, {}, "sends no preferred_username"),
        (7, {}, "sends no preferred_username"),
        ("ada.lovelace", {}, "login.username_dots"),
        ("ada@uni.example.org", {}, "login.username_domain"),
        ("ada@else.example.org", {"domain": "uni.example.org"}, "no account of uni.example.org"),
        ("ada", {"domain": "uni.example.org"}, "no account of uni.example.org"),
        ("ada@else.example.org@uni.example.org", {"domain": "uni.example.org"}, "cannot be a name"),
        ("ada@sub.uni.example.org", {"domain": "uni.example.org"}, "no account of"),
        ("ada_lovelace", {"dots": True}, "stands for a dot"),  # else it could be ada.lovelace
        ("@uni.example.org", {"domain": "uni.example.org"}, "no account of|cannot be a name"),
        ("ada@\N{KELVIN SIGN}it.edu", {"domain": "kit.edu"}, "cannot be a name"),
    ],
)
def test_who_cannot_be_called_anything(said, settings, why):
    with pytest.raises(ValueError, match=why):
        login_of({"preferred_username": said}, "preferred_username", **settings)


@pytest.mark.parametrize(
    ("said", "another"),
    [("vo\xdf", "voss"), ("\N{LATIN SMALL LIGATURE FI}ona", "fiona"), ("@ada", "ada"), (" ada", "ada"),
     ("\N{LATIN SMALL LETTER LONG S}am", "sam"), ("\N{KELVIN SIGN}arl", "karl")],
)  # fmt: skip
def test_nobody_gets_the_name_of_another(said, another):
    assert fold(said) == another  # as a list would be read
    for refuses in (as_sent, lambda name: login_of({"sub": name}, "sub")):
        assert refuses(another) == another
        with pytest.raises(ValueError, match="cannot be a name here: letters a to z"):
            refuses(said)


def test_an_address_counts_only_if_it_is_verified():
    user = {"email": "ada@uni.example.org"}
    for unsure in (user, {**user, "email_verified": False}, {**user, "email_verified": "true"}):
        with pytest.raises(ValueError, match="has not verified"):
            login_of(unsure, "email", "uni.example.org")
    assert login_of({**user, "email_verified": True}, "email", "uni.example.org") == "ada"


def site_of(issuer, url=""):
    return Site(login={"provider": "oidc", "url": url or issuer.url, "client_id": "app"})


def test_runbook_06_asks_the_issuer(handler, issuer):
    current = handler.issuer
    assert accepted(site_of(current), "canary") == (True, "accepts id and secret")
    assert accepted(site_of(current), "guessed") == (False, "refuses id or secret")
    found = accepted(site_of(current, current.url.replace("127.0.0.1", "localhost")), "canary")
    assert found == (False, f"calls itself {current.url}")
    assert accepted(site_of(current, "http://127.0.0.1:9"), "x")[1].startswith("could not be asked")


def test_what_goes_to_the_issuer_is_said():
    site = Site(public_url="https://hub.example.org",
                login={"provider": "oidc", "url": "https://id.example.org/realms/uni/"})  # fmt: skip
    assert form(site) == {
        "Redirect URI": "https://hub.example.org/hub/oauth_callback",
        "Confidential": "yes",
        "Scopes": "openid profile",
        "Grant type": "authorization code, with PKCE (S256)",
    }
    assert (site.login.name, site.login.address) == (
        "id.example.org", "https://id.example.org/realms/uni",
    )  # fmt: skip
