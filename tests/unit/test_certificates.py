"""Certificates: the site's keys, pairs of files with each mistake, names that lead elsewhere."""

import socket
from datetime import timedelta

import pytest
from authority import HOUR, Authority, signed, write_pair
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from cyberhubs_lib import reach
from cyberhubs_lib.acme_account import account
from cyberhubs_lib.certificate_checks import Door
from cyberhubs_lib.errors import PreconditionFailed, SettingsError
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.front_door import ports
from cyberhubs_lib.host import Host
from cyberhubs_lib.own_certificate import findings, read_pair
from cyberhubs_lib.params import Params
from cyberhubs_lib.reach import addresses, knock, verdict
from cyberhubs_lib.recipes import launch_hub
from cyberhubs_lib.recipes.certificates import recipe
from cyberhubs_lib.rendered import files
from cyberhubs_lib.shell import mask
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_certificate import Certificate
from cyberhubs_lib.site_types import CHECK_USER
from cyberhubs_lib.sitefile import load_site
from cyberhubs_lib.transport import Local, Result
from cyberhubs_lib.x509_facts import covers, left

NAME = "hub.example.org"
BELOW = f"{CHECK_USER}.{NAME}"
OWN = "certificate: {mode: own, chain_file: a, key_file: b}\n"
PRIVATE = "https://acme.uni.test/directory"

WRONG = {
    "no certificate": ("uid: 5\npublic_url: https://a.org\ncertificate: {mode: none}\n",
                       ["line 2: public_url", "https needs a certificate", "elsewhere"]),
    "plain http": (f"{OWN}public_url: http://a.org\n", ["line 2: public_url", "https://a.org"]),
    "no address at all": (OWN, ["line 1: public_url", "write https://127.0.0.1"]),
    "Amazon's name": ("public_url: https://ec2-3-4.eu.compute.amazonaws.com\n",
                      ["line 1: public_url", "name of your own domain"]),
    "a number": ("public_url: https://192.0.2.1\n", ["line 1: public_url", "internal"]),
    "no domain": ("public_url: https://hub\n", ["line 1: public_url", "hub.example.org"]),
    "a name of the inside": ("public_url: https://hub.uni.test\n", ["Let's Encrypt", "directory"]),
    "no files": ("certificate: {mode: own}\npublic_url: https://a.org\n",
                 ["line 1: certificate", "chain_file and key_file"]),
    "files without mode": ("certificate: {chain_file: a}\npublic_url: https://a.org\n",
                           ["line 1: certificate", "goes with mode: own"]),
    "key of another mode": ("certificate: {mode: internal, email: a@b.org}\n",
                            ["line 1: certificate", "email goes with mode: automatic"]),
    "half a binding": ("certificate: {eab_key_file: a}\npublic_url: https://a.org\n",
                       ["line 1: certificate", "eab_key_id"]),
    "not a directory": ("certificate:\n  directory: http://a.org\n", ["line 2: certificate.directory"]),
    "a line of another's": ('certificate:\n  email: "a@b.org}"\n', ["line 2: certificate.email"]),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_contradictions_are_named(tmp_path, case):
    text, words = WRONG[case]
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(SettingsError) as error:
        load_site(str(tmp_path / "s.yaml"))
    for word in words:
        assert word in str(error.value)


# keys of the site -> mode, what .env holds, published ports
MEANT = [
    ({"public_url": "http://a.org"}, "none", ["FRONT_DOOR=http", "HSTS_SECONDS=0"], [80]),
    ({"public_url": "https://a.org"}, "automatic",
     ["FRONT_DOOR=https", "CERTIFICATE=automatic", "AUTO_HTTPS=disable_redirects", "HTTPS_PORT=443",
      "HSTS_SECONDS=15552000", "COMPOSE_FILE=compose.yaml:compose.https.yaml"], [80, 443]),
    ({"public_url": "https://a.org", "certificate": {"mode": "elsewhere"}}, "elsewhere",
     ["FRONT_DOOR=http", "HTTP_PORT=80", "COMPOSE_FILE=compose.yaml"], [80]),
    ({"public_url": "https://[fd00::7]:8443", "certificate": {"mode": "internal"}}, "internal",
     ["PUBLIC_NAME=fd00::7", "SITE_ADDRESS=https://[fd00::7]", "HSTS_SECONDS=0"], [80, 8443]),
    ({"public_url": "https://a.org",
      "certificate": {"mode": "own", "chain_file": "a", "key_file": "b", "hsts": "never"}},
     "own", ["AUTO_HTTPS=off", "HSTS_SECONDS=0"], [80, 443]),
    ({"public_url": "https://hub.uni.test", "certificate": {"directory": PRIVATE}}, "automatic",
     [f"ACME_DIRECTORY={PRIVATE}"], [80, 443]),
    ({"public_url": "https://a.org"}, "automatic", ["COOKIES=SameSite=Lax; Secure"], [80, 443]),
    ({"limits": {"upload": "300M"}}, "none", ["UPLOAD_LIMIT=300MiB"], [8000]),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "mode", "lines", "published"), MEANT)
def test_what_a_site_becomes(keys, mode, lines, published):
    site = Site.model_validate(keys)
    assert site.certificate_mode == mode
    assert set(lines) <= set(files(site, parse_facts(""))[".env"].decode().splitlines())
    assert ports(site) == published


def test_a_site_without_https_is_left_alone():
    wanted = recipe(parse_facts(""), Site(), Params())
    assert (wanted.steps, list(wanted.checks)) == ({"certificate": []}, [])


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority.made(tmp_path_factory.mktemp("ca"))


def good(ca, **changes):
    return signed("hub", ca.between, NAME, **changes)


# mistake -> (chain, key) -> labels that are not as they should be
PAIRS = {
    "none": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem), {}, set()),
    "root in the chain": (lambda ca, s: (s.pem + ca.between.pem + ca.root.pem, s.key_pem), {}, set()),
    "not complete": (lambda ca, s: (s.pem, s.key_pem), {}, {"a browser says"}),
    "wrong order": (lambda ca, s: (s.pem + ca.root.pem + ca.between.pem, s.key_pem), {},
                    {"order of the chain"}),
    "another's key": (lambda ca, s: (s.pem + ca.between.pem, good(ca).key_pem), {},
                      {"the key", "a browser says"}),
    "expired": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem),
                {"begin": -9 * HOUR, "end": -HOUR}, {"time left", "a browser says"}),
    "not yet": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem), {"begin": HOUR},
                {"time left", "a browser says"}),
    "a fifth left": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem),
                     {"begin": -80 * HOUR, "end": 20 * HOUR}, {"time left"}),
    "an authority": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem), {"authority": True}, {"kind"}),
}  # fmt: skip


@pytest.mark.parametrize("mistake", PAIRS)
def test_a_pair_with_a_mistake(ca, tmp_path, mistake):
    make, changes, wanted = PAIRS[mistake]
    pair = read_pair(Certificate(**write_pair(tmp_path, *make(ca, good(ca, **changes)))))
    found = findings(pair, NAME, [ca.file])
    assert {f.label for f in found if not f.good} == wanted
    assert all(f.found and f.wanted and f.todo for f in found)


def test_a_name_that_is_not_in_it(ca, tmp_path):
    site = good(ca)
    pair = read_pair(Certificate(**write_pair(tmp_path, site.pem + ca.between.pem, site.key_pem)))
    found = {f.label: f for f in findings(pair, "other.example.org", [ca.file])}
    assert found["names"].found == NAME
    assert "match" in found["a browser says"].found


@pytest.mark.parametrize("more", [[], [f"*.{NAME}"], ["*.example.org"]])
def test_with_subdomains_it_is_for_all_names_below(ca, tmp_path, more):
    site = signed("hub", ca.between, NAME, *more)
    pair = read_pair(Certificate(**write_pair(tmp_path, site.pem + ca.between.pem, site.key_pem)))
    found = {f.label: f for f in findings(pair, NAME, [ca.file], subdomains=True)}
    assert found["names"].good == (more == [f"*.{NAME}"])
    assert found["names"].wanted == f"{NAME} and *.{NAME}"


def test_a_root_that_nobody_knows(ca, tmp_path):
    site = good(ca)
    pair = read_pair(Certificate(**write_pair(tmp_path, site.pem + ca.between.pem, site.key_pem)))
    (said,) = [f for f in findings(pair, NAME, []) if f.label == "a browser says"]
    assert "issuer certificate" in said.found
    assert "ca_certificates" in said.todo


@pytest.mark.parametrize(
    ("chain", "key", "mode", "words"),
    [
        ("", "k", 0o600, "chain_file"), ("no PEM", "k", 0o600, "full chain"),
        (None, "no PEM", 0o600, "holds no private key"), (None, "k", 0o644, "chmod 600"),
        (None, "locked", 0o600, "locked with a password"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used(ca, tmp_path, chain, key, mode, words):
    site = good(ca)
    if key == "locked":
        form = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        key = site.key.private_bytes(*form).decode()
    wanted = write_pair(tmp_path, site.pem if chain is None else chain,
                        site.key_pem if key == "k" else key)  # fmt: skip
    (tmp_path / "key.pem").chmod(mode)
    with pytest.raises(PreconditionFailed, match=words):
        read_pair(Certificate(**wanted))
    site = Site(public_url=f"https://{NAME}", certificate=wanted)
    made = recipe(parse_facts("service_uid=1"), site, Params())
    assert made.steps == {"certificate": []}
    (row,) = [c.row(Result(0)) for c in made.requirements if c.label == "files of the certificate"]
    assert row.status == "failed"
    assert row.note


def test_the_key_is_masked_wherever_it_is_printed(ca, tmp_path):
    site = good(ca)
    wanted = write_pair(tmp_path, site.pem + ca.between.pem, site.key_pem)
    made = recipe(
        parse_facts("service_uid=1\nservice_gid=1"),
        Site(public_url=f"https://{NAME}", certificate=wanted), Params(),
    )  # fmt: skip
    (file,) = made.steps["certificate"]
    assert file.mode == "600"
    body = site.key_pem.splitlines()[1]
    assert body not in mask(file.content.decode())
    assert len(mask(file.change(None))) < len(file.change(None)) - len(body)


@pytest.mark.parametrize(
    ("given", "name", "is_it"),
    [
        ("hub.example.org", "hub.example.org", True), ("hub.example.org", "HUB.example.ORG", True),
        ("*.example.org", "hub.example.org", True), ("*.example.org", "a.b.example.org", False),
        ("*.example.org", "example.org", False), ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False), ("fd00::7", "fd00:0::7", True),
    ],
)  # fmt: skip
def test_which_names_it_covers(given, name, is_it):
    assert covers(signed("x", None, given).certificate, name) is is_it


def test_the_subject_is_no_name():
    assert not covers(signed("hub.example.org").certificate, "hub.example.org")


@pytest.mark.parametrize(
    ("days", "gone", "good", "said"),
    [
        (90, 0, True, "90 days of 90 days left"), (90, 67, True, "23 days of 90 days left"),
        (90, 68, False, "22 days of 90 days left"), (6, 4.6, False, "34 hours of 6 days left"),
        (45, 33, True, "12 days"), (45, 34, False, "11 days"), (90, 91, False, "expired on"),
        (90, -1, False, "valid only from"),
    ],
)  # fmt: skip
def test_a_quarter_of_the_lifetime(days, gone, good, said):
    day = timedelta(days=1)
    made = signed("x", begin=timedelta(0), end=days * day).certificate
    found = left(made, made.not_valid_before_utc + gone * day)
    assert found[0] is good
    assert said in found[1]


NAMES = [
    # found, the host's own, where ssh goes -> status, words
    (set(), {"192.0.2.1"}, set(), "failed", "no such name"),
    ({"9.9.9.1"}, {"9.9.9.1"}, set(), "ok", "the host"),
    ({"9.9.9.1"}, {"10.0.0.5"}, {"9.9.9.1"}, "ok", "where ssh finds it"),
    ({"9.9.9.2"}, {"9.9.9.1"}, {"9.9.9.1"}, "failed", "9.9.9.2, but the host has 9.9.9.1"),
    ({"9.9.9.2"}, {"10.0.0.5"}, {"10.0.0.5"}, "warning", "10.0.0.5"),
    ({"10.0.0.6"}, {"10.0.0.5"}, {"10.0.0.5"}, "failed", "10.0.0.6"),
    ({"9.9.9.1", "2600::1"}, {"9.9.9.1"}, {"9.9.9.1"}, "failed", "2600::1, but"),
    ({"9.9.9.1", "2600::1"}, {"10.0.0.5"}, {"9.9.9.1"}, "failed", "2600::1, but"),
]


@pytest.mark.parametrize(("found", "own", "ssh", "status", "words"), NAMES)
def test_whether_a_name_leads_to_the_host(found, own, ssh, status, words):
    said = verdict(found, own, ssh)
    assert said[0] == status
    assert words in said[1]


def test_a_port_is_knocked_at():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert knock("127.0.0.1", port) == (True, "reached; nobody listens yet")
        server.listen()
        assert knock("127.0.0.1", port) == (True, "answers")
    assert knock("no-such-name.invalid", 80) == (False, "no such name")


def test_the_account_is_lines_for_the_caddyfile(tmp_path, monkeypatch):
    key = tmp_path / "key"
    key.write_text("canary-of_EAB-4711==\n")
    key.chmod(0o600)
    wanted = Certificate(email="a@b.org", eab_key_id="kid", eab_key_file=str(key), ca_root="r")
    assert account(wanted, "hub.uni.test").decode().splitlines()[1:] == [
        "email a@b.org", "trusted_roots /etc/caddy/certificate/acme/root.pem",
        "eab kid canary-of_EAB-4711==",
    ]  # fmt: skip
    assert "canary" not in mask(account(wanted, "hub.uni.test").decode())
    monkeypatch.setenv("CYBERHUBS_EAB_KEY", "by-variable")
    assert b"eab kid by-variable" in account(wanted, "hub.uni.test")
    monkeypatch.setenv("CYBERHUBS_EAB_KEY", "x\n}")
    with pytest.raises(PreconditionFailed, match="not base64url"):
        account(wanted, "hub.uni.test")
    monkeypatch.delenv("CYBERHUBS_EAB_KEY")
    with pytest.raises(PreconditionFailed, match="has no key"):
        account(Certificate(eab_key_id="kid"), "hub.uni.test")


ERROR = (
    '{"level":"error","logger":"tls.obtain","error":"[a.org] Obtain: HTTP 400'
    ' urn:ietf:params:acme:error:dns - no such host (ca=https://acme.test/dir)"}'
)
SAID = "urn:ietf:params:acme:error:dns - no such host"


@pytest.mark.parametrize(
    ("printed", "door"),
    [
        ("", Door(False, "", "")),
        ("runs\n", Door(True, "", "")),
        (f"runs\n{ERROR}\n", Door(True, "", SAID)),
        (f"runs\n-----BEGIN CERTIFICATE-----\nAA\n{ERROR}",
         Door(True, "-----BEGIN CERTIFICATE-----\nAA", SAID)),
        ("runs\n{half", Door(True, "", "")),
    ],
)  # fmt: skip
def test_what_the_front_door_tells(printed, door):
    assert Door.of(Result(0, printed)) == door


@pytest.mark.parametrize(
    ("known", "good", "said"),
    [
        ({"hub.example.org": {"192.0.2.1"}}, False, "no such name"),
        ({"hub.example.org": {"192.0.2.1"}, BELOW: {"192.0.2.9"}}, False, "192.0.2.9"),
        ({"hub.example.org": {"192.0.2.1"}, BELOW: {"192.0.2.1"}}, True, "192.0.2.1"),
        ({}, False, "no such name"),
    ],
)
@pytest.mark.parametrize("mode", ["none", "elsewhere", "internal"])
def test_names_below_lead_where_the_name_leads(monkeypatch, known, good, said, mode):
    """Asked by 07 in all modes, also where it has nothing to do for a certificate."""
    monkeypatch.setattr(reach, "addresses", lambda name: known.get(name, set()))
    scheme = "http" if mode == "none" else "https"
    site = Site(public_url=f"{scheme}://{NAME}", certificate={"mode": mode}, subdomains=True)
    asked = {c.label: c for c in recipe(parse_facts(""), site, Params()).requirements}
    row = asked[f"*.{NAME} leads to"].row(Result(0, "", ""))
    assert (row.status == "ok", row.was) == (good, said)


def test_names_below_localhost_are_this_machine():
    assert addresses("ada.hub.localhost") == {"127.0.0.1"}
    assert addresses("no-such-name.test") == set()


@pytest.mark.parametrize(
    ("name", "left_by_07", "said", "status"),
    [
        ("hub.example.org", "hub.example.org", "looked at by 07", "ok"),
        ("hub.example.org", "old.example.org", "07 looked at another name", "failed"),
        ("hub.example.org", "", "07 was not run", "failed"),
    ],
)
def test_09_asks_no_authority_before_07_has_looked(tmp_path, name, left_by_07, said, status):
    """Caddy does as soon as it starts, and an authority counts attempts that fail."""
    site = Site(public_url=f"https://{name}", server_dir=str(tmp_path))
    folder = tmp_path / "certificate" / "acme"
    if left_by_07:
        folder.mkdir(parents=True)
        (folder / "account.caddy").write_bytes(account(site.certificate, left_by_07))
    wanted = {c.label: c for c in launch_hub.recipe(parse_facts(""), site, Params()).requirements}
    check = wanted[f"certificate of {name}"]
    row = check.row(Host(Local(), root=False).run(check.question))
    assert (row.was, row.status) == (said, status)


@pytest.mark.parametrize("url", ["http://hub.example.org", "https://localhost"])
def test_09_asks_07_for_nothing_where_no_authority_is_asked(url):
    mode = {"mode": "internal"} if url.startswith("https") else {}
    site = Site(public_url=url, certificate=mode)
    asked = launch_hub.recipe(parse_facts(""), site, Params()).requirements
    assert not any(check.label.startswith("certificate") for check in asked)
