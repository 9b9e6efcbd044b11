"""What a site may say about https and its certificate: contradictions, and what comes of the rest."""

import pytest

from cyberhubs_lib.acme_account import account
from cyberhubs_lib.errors import PreconditionFailed, SettingsError
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.front_door import ports
from cyberhubs_lib.params import Params
from cyberhubs_lib.recipes.certificates import recipe
from cyberhubs_lib.rendered import files
from cyberhubs_lib.shell import mask
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_certificate import Certificate
from cyberhubs_lib.sitefile import load_site

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
