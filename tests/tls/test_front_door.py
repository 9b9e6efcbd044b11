"""The front door with a real authority, with a certificate of its own, with its own authority."""

import ipaddress
import json
import ssl
import time

import pytest
from authority import HOUR, Authority, signed, write_pair
from front_door import NAME, Load, automatic
from pebble import KEY, Pebble

from cyberhubs_lib.certificate_checks import served_checks
from cyberhubs_lib.own_certificate import read_pair

LIFETIME = 24  # seconds; renewed after 16


@pytest.fixture(scope="module")
def pebble(_alone, tmp_path_factory):
    made = Pebble.up("cyberhubs-test-pebble", tmp_path_factory.mktemp("pebble"), LIFETIME)
    yield made
    made.down()


@pytest.fixture(scope="module")
def door(pebble, tmp_path_factory):
    """With certificates that hold for seconds, from a real authority."""
    found = automatic(tmp_path_factory.mktemp("door"), 1, pebble)
    found.up((pebble.container, "pebble"))
    found.trust.load_verify_locations(cadata=pebble.issuing_root())
    found.wait()
    yield found
    found.clear()


def rows(door, pair=None):
    """Label -> row of runbook 07's proof."""
    checks = served_checks(door.site, pair)
    answers = door.host.batch([check.question for check in checks])
    return {c.label: c.row(a) for c, a in zip(checks, answers, strict=True)}


def test_a_certificate_is_there_and_http_leads_to_https(door):
    status, headers, body, _ = door.request()
    assert (status, body) == (200, "https")
    assert headers["Strict-Transport-Security"] == "max-age=15552000"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    status, headers, _, _ = door.request(path="/hub/?a=b", port=80)
    assert (status, headers["Location"]) == (308, f"https://{NAME}/hub/?a=b")


def test_what_does_not_answer_is_tried_again(door):
    """By a page that loads itself again, or by a program: JupyterLab does at 503, and not at 502."""
    path = "/github-standin/"  # which is not here
    status, headers, body, _ = door.request(path=path, Accept="text/html,*/*;q=0.8")
    assert (status, headers["Retry-After"], headers["Cache-Control"]) == (503, "5", "no-store")
    assert "<title>Temporarily unavailable</title>" in body
    assert '<meta http-equiv="refresh" content="5">' in body
    assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    status, headers, body, _ = door.request("PUT", path, b"{}")
    assert (status, headers["Retry-After"]) == (503, "5")
    assert json.loads(body)["message"].startswith("Temporarily unavailable")


def test_only_modern_protocols(door):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.deprecated_call():
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError, match=r"(?i)protocol version|unsupported protocol"):
        door.connection(old)
    door.trust.set_alpn_protocols(["h3", "h2", "http/1.1"])
    with door.connection() as found:
        assert found.version() == "TLSv1.3"
        assert found.selected_alpn_protocol() == "h2"
    door.trust.set_alpn_protocols(["http/1.1"])
    assert "Alt-Svc" not in door.request()[1]


def test_the_secret_of_the_account_is_for_the_service_account_alone(door):
    file = door.folder / "certificate" / "acme" / "account.caddy"
    assert file.stat().st_mode & 0o777 == 0o600
    assert KEY in file.read_text()
    assert KEY not in str(door.container.attrs) + door.container.logs().decode()
    assert KEY not in "".join(p.read_text() for p in door.folder.glob("*") if p.is_file())


def test_it_renews_and_nobody_notices(door):
    began = time.monotonic()
    with Load(door) as load:
        load.until(certificates=3, seconds=4 * LIFETIME)
    seconds = time.monotonic() - began
    print(f"{len(load.served)} new connections in {seconds:.0f} s, {len(load.serials)} certificates,"
          f" {len(load.failed)} failed, {load.heard} answers in one websocket")  # fmt: skip
    assert load.failed == []
    assert len(load.served) > 100
    assert load.heard > 5 * seconds


def test_a_large_upload_is_refused(door_of, tmp_path):
    """And with the front door's own authority: no HSTS, and people know what to trust."""
    door = door_of(tmp_path, 3, certificate={"mode": "internal"}, limits={"upload": "1M"})
    door.up()
    door.trust = ssl.create_default_context()
    door.trust.check_hostname, door.trust.verify_mode = False, ssl.CERT_NONE
    door.wait()
    assert door.request("PUT", "/", b"x" * 1_000_000)[2] == "1000000"
    status, _, said, _ = door.request("PUT", "/", b"x" * 1_100_000)
    assert (status, said) == (413, "This hub takes at most 1MiB in one request.")
    assert door.request()[1]["Strict-Transport-Security"] == "max-age=0"
    found = rows(door)
    assert {row.status for row in found.values()} == {"ok"}, found
    assert found["issued by"].was.startswith("Caddy Local Authority")
    assert len(found["root to be trusted, SHA-256"].was) == 95


@pytest.mark.parametrize(
    ("mode", "port", "believed"),
    [("internal", 443, ""), ("elsewhere", 80, "198.51.100.7, ")],
)
def test_what_visitors_say_of_their_address_is_thrown_away(door_of, tmp_path, mode, port, believed):
    """But what another server says that does the https; here it comes from a private address."""
    door = door_of(tmp_path, 7, certificate={"mode": mode})
    door.up()
    door.trust = ssl.create_default_context()
    door.trust.check_hostname, door.trust.verify_mode = False, ssl.CERT_NONE
    end = time.monotonic() + 30
    while True:
        try:
            seen = door.request(
                path="/?header=X-Forwarded-For&header=X-Real-Ip", port=port,
                X_Forwarded_For="198.51.100.7", X_Real_Ip="198.51.100.7",
            )  # fmt: skip
            if seen[0] == 200:
                break
        except OSError:
            pass
        assert time.monotonic() < end, door.container.logs(tail=20).decode()
        time.sleep(0.1)
    forwarded, real = seen[2].split(" | ")
    assert forwarded == believed + real
    assert ipaddress.ip_address(real).is_private


def own(door, folder, ca, **changes):
    """A new certificate of the site's own, written as the runbook does; its serial number."""
    made = signed("hub", ca.between, door.name, **changes)
    write_pair(folder, made.pem + ca.between.pem, made.key_pem)
    door.certificate()
    return made.certificate.serial_number


def test_a_certificate_of_its_own_is_changed_while_people_work(door_of, tmp_path):
    ca = Authority.made(tmp_path)
    made = signed("hub", ca.between, "127.0.77.4")
    wanted = write_pair(tmp_path, made.pem + ca.between.pem, made.key_pem)
    door = door_of(tmp_path / "server", 4, certificate=wanted, ca_certificates=[str(ca.file)])
    door.folder.mkdir()
    door.up()
    door.wait()
    with Load(door) as load:
        load.until(certificates=1, seconds=10)
        serial = own(door, tmp_path, ca)
        load.until(certificates=2, seconds=10)
        time.sleep(1)
    assert load.failed == []
    assert load.serials == [made.certificate.serial_number, serial]
    assert {row.status for row in rows(door, read_pair(door.site.certificate)).values()} == {"ok"}
    assert (door.folder / "certificate" / "own.pem").stat().st_mode & 0o777 == 0o600
    # one that expired is noticed, by the clock and by a browser
    own(door, tmp_path, ca, begin=-9 * HOUR, end=-HOUR)
    bad = {label: row.was for label, row in rows(door).items() if row.status == "failed"}
    assert set(bad) == {"its time", "a browser says of it"}
    assert bad["its time"].startswith("expired on")
    # and one of which a fifth is left, by the clock alone
    own(door, tmp_path, ca, begin=-80 * HOUR, end=20 * HOUR)
    bad = {label: row.was for label, row in rows(door).items() if row.status == "failed"}
    assert bad == {"its time": "20 hours of 4 days left"}
    # without any nothing is served, not one that nobody trusts
    (door.folder / "certificate" / "own.pem").unlink()
    with pytest.raises(ssl.SSLError):
        door.connection()
    assert "404" in rows(door)["issued by"].was


def test_an_authority_that_cannot_see_the_name_says_why(pebble, tmp_path):
    """07 tells what Caddy heard from it."""
    door = automatic(tmp_path, 5, pebble, "no-such-name.test")
    try:
        door.name = "another.test"  # on the network
        door.up((pebble.container, "pebble"))
        end = time.monotonic() + 20
        while b"will retry" not in door.container.logs():
            assert time.monotonic() < end, door.container.logs().decode()
            time.sleep(0.2)
        with pytest.raises(ssl.SSLError, match="alert"):
            door.connection()
        door.site = door.site.model_copy(update={"public_url": f"https://{door.address}"})
        said = rows(door)["issued by"].was
        assert said.startswith("no certificate is served: urn:ietf:params:acme:error:")
        assert "no such host" in said
    finally:
        door.clear()
