"""What a site becomes on the server."""

import json
import socket
import subprocess

import pytest
import yaml
from providers import endpoints, github_api
from pydantic import ValidationError

from cyberhubs_lib.contexts import IMAGES, OFFICIAL, OURS, context
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.front_door import bind_address
from cyberhubs_lib.hub_settings import broker_settings, data_root, hub_settings
from cyberhubs_lib.recipes.launch_hub import _port
from cyberhubs_lib.rendered import SERVER, files, settings_of
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_certificate import NEAR
from cyberhubs_lib.site_images import Choice
from cyberhubs_lib.site_isolation import Isolation
from cyberhubs_lib.sitefile import load_site

FACTS = parse_facts("docker_root=/data/docker\nservice_uid=1001\nservice_gid=1001\ndocker_gid=99\n")
PROXY = Isolation(internet="proxy", proxy="http://proxy.uni.test:8080")
GITHUB = {"login": {"client_id": "Ov23"}, "public_url": "http://hub.example.org"}


def env(site):
    lines = files(site, FACTS)[".env"].decode().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_every_variable_of_compose_is_rendered():
    import re

    text = "".join(path.read_text() for path in SERVER.glob("compose*.yaml"))
    used = set(re.findall(r"\$\{(\w+)", text))
    rendered = set(env(load_site("demo").model_copy(update={"isolation": PROXY})))
    assert used <= rendered
    names = ("FILE", "PROFILES", "PROJECT_NAME")  # which compose reads by itself
    assert rendered - used == {f"COMPOSE_{name}" for name in names}


def test_no_registry_is_asked_for_an_image_of_ours():
    """`hub up` before runbook 08 would take whatever a public one has by that name."""
    services = yaml.safe_load((SERVER / "compose.yaml").read_text())["services"]
    assert {service.get("pull_policy") for service in services.values()} == {"never"}


@pytest.mark.parametrize(
    ("isolation", "profiles", "internal", "proxy"),
    [
        (Isolation(), "standin", False, None),
        (Isolation(internet="closed"), "standin", True, None),
        (PROXY, "standin,egress", True, "http://egress:3128"),
    ],
    ids=["open", "closed", "proxy"],
)
def test_the_way_to_the_internet(isolation, profiles, internal, proxy):
    site = load_site("demo").model_copy(update={"isolation": isolation})
    found = files(site, FACTS)
    broker = json.loads(found["broker.json"])
    assert env(site)["COMPOSE_PROFILES"] == profiles
    assert broker["internal"] is json.loads(found["hub.json"])["isolation"]["internal"] is internal
    assert {broker["variables"].get(name) for name in ("http_proxy", "HTTPS_PROXY")} == {proxy}
    assert ("egress" in settings_of(site, FACTS)) is bool(proxy)
    assert env(site)["INTERNET_PROXY"] == ("proxy.uni.test:8080" if proxy else "")


PUBLIC, OWN = "https://github.com/login/oauth/", "https://git.uni.test"


@pytest.mark.parametrize(
    ("login", "authorize", "token", "user"),
    [
        ({}, f"{PUBLIC}authorize", f"{PUBLIC}access_token", "https://api.github.com/user"),
        ({"url": OWN + "/"}, f"{OWN}/login/oauth/authorize", f"{OWN}/login/oauth/access_token",
         f"{OWN}/api/v3/user"),
        ({"provider": "gitlab"}, "https://gitlab.com/oauth/authorize",
         "https://gitlab.com/oauth/token", "https://gitlab.com/api/v4/user"),
        ({"provider": "gitlab", "url": OWN}, f"{OWN}/oauth/authorize", f"{OWN}/oauth/token",
         f"{OWN}/api/v4/user"),
    ],
)  # fmt: skip
def test_where_the_hub_sends_people_and_asks_who_they_are(login, authorize, token, user):
    site = Site(login={"client_id": "x", **login})
    hub = json.loads(files(site, FACTS)["hub.json"])
    assert endpoints(hub["login"]) == {
        "authorize_url": authorize, "token_url": token, "userdata_url": user,
    }  # fmt: skip
    assert not any(path.endswith("accounts.json") for path in files(site, FACTS))


def test_members_are_asked_about_only_where_they_count():
    plain, own = Site(), Site(login={"url": OWN, "organizations": ["Institute", "a:Team"]})
    assert plain.login.scopes == []
    login = json.loads(files(own, FACTS)["hub.json"])["login"]
    assert (login["scope"], login["organizations"]) == (["read:org"], ["institute", "a:team"])
    assert github_api(login) == f"{OWN}/api/v3"
    told = json.loads(files(plain, FACTS)["hub.json"])["login"]
    assert github_api(told) == "https://api.github.com"


def test_a_volume_lies_below_docker():
    site = Site(data_root="demo-data")
    assert data_root(site, FACTS) == "/data/docker/volumes/demo-data/_data"
    assert data_root(Site(), FACTS) == "/mnt"


@pytest.mark.parametrize(("root", "wanted"), [("/mnt", "rslave"), ("demo-data", None)])
def test_later_mounts_reach_servers_that_run(root, wanted):
    """A volume's directory need not lie on a shared mount: there Docker would refuse to start."""
    hub = json.loads(files(Site(**GITHUB, data_root=root), FACTS)["hub.json"])
    assert hub["propagation"] == wanted


@pytest.mark.parametrize(
    ("url", "standin", "address"),
    [
        ("http://127.0.0.1:8000", True, "127.0.0.1"),
        ("http://localhost", False, "127.0.0.1"),
        ("http://172.18.0.2", True, "127.0.0.1"),
        ("http://172.18.0.2", False, "0.0.0.0"),
        ("https://hub.example.org", False, "0.0.0.0"),
    ],
)
def test_where_the_port_is_published(url, standin, address):
    accounts = [{"login": "a"}] if standin else []
    assert bind_address(Site(public_url=url, login={"standin": accounts})) == address


def changed(before, after):
    return {k for k in before if before[k] != after[k]}


def test_a_change_of_the_lists_restarts_nothing():
    before = settings_of(Site(**GITHUB), FACTS)
    assert changed(before, settings_of(Site(**GITHUB, admins=["ada"]), FACTS)) == set()


def test_open_access_touches_only_the_hub():
    before = settings_of(Site(**GITHUB), FACTS)
    assert changed(before, settings_of(Site(**GITHUB, access="open"), FACTS)) == {"hub"}


def test_a_change_of_the_limits_touches_hub_and_broker():
    before, larger = Site(**GITHUB), Site(**GITHUB, limits={"memory": "3M"})
    assert changed(settings_of(before, FACTS), settings_of(larger, FACTS)) == {"hub", "broker"}
    broker = json.loads(files(larger, FACTS)["broker.json"])
    assert broker["memory"] == 3 * 2**20


def test_a_change_of_the_port_touches_the_front_door():
    before = settings_of(Site(**GITHUB), FACTS)
    after = settings_of(Site(**{**GITHUB, "public_url": "http://hub.example.org:81"}), FACTS)
    assert "caddy" in changed(before, after)


@pytest.mark.parametrize(
    ("settings", "anew"),
    [
        ({"limits": {"upload": "2G"}}, {"caddy"}),
        ({"public_url": "http://hub.example.org:81"}, {"caddy", "hub"}),
        ({"bind_address": "192.0.2.7"}, {"caddy"}),
        ({"title": "Another"}, {"hub"}),
        ({"data_root": "/data"}, {"hub", "broker"}),
        ({"subdomains": True}, {"caddy", "proxy", "hub"}),
        ({"limits": {"disk": "1G"}}, {"hub"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_setting_makes_anew_only_what_it_is_for(settings, anew):
    """With the proxy all connections are cut, with Caddy too."""
    before, after = Site(**GITHUB), Site(**{**GITHUB, **settings})
    assert changed(settings_of(before, FACTS), settings_of(after, FACTS)) == anew


def test_another_system_account_is_for_those_that_run_with_it():
    facts = parse_facts(
        "docker_root=/data/docker\nservice_uid=1002\nservice_gid=1001\ndocker_gid=99\n"
    )
    before, after = settings_of(Site(**GITHUB), FACTS), settings_of(Site(**GITHUB), facts)
    assert {"caddy", "proxy"} <= changed(before, after)
    assert "broker" not in changed(before, after)


@pytest.mark.parametrize("name", OURS)
def test_each_image_names_the_one_base(name):
    first = (IMAGES / name / "Dockerfile").read_text().splitlines()[0]
    assert first == f"ARG BASE={OFFICIAL}"


def test_an_image_is_anew_when_its_files_or_authorities_change(tmp_path):
    (tmp_path / "a.crt").write_text("x")
    plain, other = Site(), Site(ca_certificates=[f"{tmp_path}/*.crt"])
    assert context("hub", plain).digest == context("hub", Site()).digest
    assert context("hub", plain).digest != context("hub", other).digest
    assert context("hub", plain).tar().read() == context("hub", plain).tar().read()


def test_sites_with_other_authorities_have_images_of_their_own(tmp_path):
    """One engine may hold both; the menu calls them the same."""
    (tmp_path / "a.crt").write_text("x")
    corehub, foreign = Choice(title="a"), Choice(title="b", image="quay.io/jupyter/base:1")
    sites = [Site(menu=[corehub, foreign], ca_certificates=c) for c in ([], [f"{tmp_path}/*.crt"])]
    tags = [context("corehub", site).tag for site in sites]
    assert len(set(tags)) == 2
    for site, tag in zip(sites, tags, strict=True):
        assert f"HUB_IMAGE={context('hub', site).tag}" in files(site, FACTS)[".env"].decode()
        assert broker_settings(site, FACTS)["images"] == sorted([tag, foreign.image])
        menu = hub_settings(site, FACTS)["menu"]
        assert [(e["image"], e["tag"]) for e in menu] == [
            (corehub.image, tag), (foreign.image, foreign.image)
        ]  # fmt: skip


def test_a_port_that_somebody_has_is_told_from_a_free_one():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        site = Site(name="no-such-hub", public_url=f"http://127.0.0.1:{port}")
        question = ["sh", "-c", _port(site, port)]
        assert subprocess.run(question, capture_output=True, text=True).stdout == "free\n"
        server.listen()
        assert subprocess.run(question, capture_output=True, text=True).stdout == "taken\n"


@pytest.mark.parametrize(
    ("certificate", "believed"),
    [
        ({}, []),
        ({"mode": "internal"}, []),
        ({"mode": "elsewhere"}, list(NEAR)),
        ({"mode": "elsewhere", "other_server": ["192.0.2.10", "2001:db8::/64"]},
         ["192.0.2.10/32", "2001:db8::/64"]),
    ],
)  # fmt: skip
def test_only_a_server_before_ours_may_say_who_comes(certificate, believed):
    site = Site(login={"client_id": "x"}, public_url="https://hub.example.org",
                certificate=certificate)  # fmt: skip
    assert json.loads(files(site, FACTS)["hub.json"])["behind"] == believed
    assert env(site)["BEHIND"] == (" ".join(believed) or "255.255.255.255/32")


def test_another_server_goes_only_with_elsewhere():
    with pytest.raises(ValidationError, match="other_server goes with mode: elsewhere"):
        Site(public_url="https://hub.example.org", certificate={"other_server": ["192.0.2.10"]})


NAMES = {"login": {"client_id": "x"}, "public_url": "http://hub.example.org:81", "subdomains": True}


def test_with_subdomains_each_server_has_a_name():
    site = Site(**NAMES)
    assert json.loads(files(site, FACTS)["hub.json"])["subdomains"] is True
    assert env(site)["HOST_ROUTING"] == "--host-routing"
    assert env(site)["DOCS"] == "http://docs--service.hub.example.org:81/services/docs/"
    assert site.server_url("ben") == "http://ben.hub.example.org:81/user/ben"
    https = {**NAMES, "public_url": "https://hub.example.org", "certificate": {"mode": "internal"}}
    assert (
        env(Site(**https))["SITE_ADDRESS"] == "https://hub.example.org, https://*.hub.example.org"
    )


def test_without_them_there_is_one_name():
    site = Site(**{**NAMES, "subdomains": False})
    assert env(site)["HOST_ROUTING"] == ""
    assert env(site)["DOCS"] == "/services/docs/"
    assert site.server_url("ben") == "http://hub.example.org:81/user/ben"


@pytest.mark.parametrize(
    ("url", "certificate", "why"),
    [
        ("http://127.0.0.1:8000", {}, "not 127.0.0.1; for a trial on this machine take hub.local"),
        ("http://localhost", {}, "not localhost"),
        ("http://[2001:db8::1]", {}, "not 2001:db8::1"),
        ("https://hub.example.org", {}, r"a certificate for \*.hub.example.org"),
    ],
)
def test_where_there_can_be_none(url, certificate, why):
    with pytest.raises(ValidationError, match=why):
        Site(**{**NAMES, "public_url": url, "certificate": certificate})
