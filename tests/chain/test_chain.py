"""From a bare server to a logged-in notebook, with papermill alone; then all of it once more."""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import rehearsal
from browser import (
    WAIT,
    Notebook,
    arrive,
    choose,
    drawn,
    log_in,
    new_notebook,
    page_of,
    stop_server,
    visit,
)
from laws import at_work, changed, kill_at_each_cell, kill_when, planned, until
from playwright.sync_api import expect
from processes import shown_in_processes
from roll_back import differences, roll_back, state
from testhost.testhost import TestHost

from cyberhubs_lib import start
from cyberhubs_lib.cell import run_cell
from cyberhubs_lib.certificate_checks import ROOT
from cyberhubs_lib.check_server import check_server
from cyberhubs_lib.contexts import context
from cyberhubs_lib.engine import engine
from cyberhubs_lib.errors import HostBusy, HostChanged
from cyberhubs_lib.host import PASSWORD_VARIABLE, connect
from cyberhubs_lib.proof import log_in as status_of_login
from cyberhubs_lib.served import trust
from cyberhubs_lib.site_types import CHECK_USER
from cyberhubs_lib.sitefile import load_site
from cyberhubs_lib.table import RUNBOOKS

READABLE = "find / -xdev -type f -perm -o=r -size -2M ! -path '/proc/*' ! -path '/sys/*'"

HUB = [name for name, entry in RUNBOOKS.items() if entry.root == "remote"]
NO_FILES = "07_certificates"  # the front door's own authority makes what it needs
HOME = "/opt/cyberhubs/rehearsal"
CONTEXTS = [context(name, rehearsal.OF_IMAGES) for name in ("base", "edge")]
BASE, EDGE = (found.tag for found in CONTEXTS)
BASE_ROW, EDGE_ROW = (f"image {found.title}" for found in CONTEXTS)
# How it is known that a runbook is in the middle of its work: one image of some, not all services.
MIDDLE = {
    "08_get_images": f"docker image inspect {BASE}",
    "09_launch_hub": "docker ps -q --filter name=cyberhubs-rehearsal | grep .",
}
# What a run with nothing to do must not touch: files, images, containers and since when they run.
# Users' networks and routes come with a server, that of the proof too, and go by themselves; and after
# a restart of Docker the proof is made, and noted, once more.
SNAPSHOT = f"""
find /etc /usr/local -xdev -printf '%p %i %m %U:%G %T@\\n' | sort | sha256sum
find {HOME} ! -path '{HOME}/routes*' ! -path '{HOME}/proven*' -printf '%p %i %m %U:%G %T@\\n' | sort
docker images -a --no-trunc --format '{{{{.Repository}}}}:{{{{.Tag}}}} {{{{.ID}}}}' | sort
docker ps -aq | sort | xargs -r docker inspect -f '{{{{.Id}}}} {{{{.State.StartedAt}}}}'
docker volume ls -q
docker network ls --no-trunc --format '{{{{.ID}}}} {{{{.Name}}}}' | grep -v _user-
"""


def snapshot(server):
    return server.sh(f"{{ {SNAPSHOT} }} 2>/dev/null; true")[1].splitlines()


@pytest.fixture(scope="module")
def before():
    """Runbook -> what there was on the server before it."""
    return {}


@pytest.fixture(scope="module")
def chain(operator, tmp_path_factory):
    """A bare server with a data disk, and its site."""
    with TestHost.up("chain", disk_gib=12) as server:
        operator.knows(server)
        yield operator, server, rehearsal.site_file(server, tmp_path_factory.mktemp("site"))


def more(server, name):
    """The parameters beside the site that a runbook needs to have something to do."""
    given = {"03": {"confirm": str(server.device)}, "10": {"allow": "dora"}}
    return given.get(name[:2], {})


def run(chain, name):
    operator, server, site = chain
    done = operator.papermill(name, site=str(site), **more(server, name))
    assert done.code == 0, done.out
    return done


@pytest.mark.parametrize("name", RUNBOOKS)
def test_runbook(chain, before, name):
    """Those of the hub first dry, then killed at work and at each cell: the run goes on from there."""
    operator, server, site = chain
    if name in HUB:
        before[name], untouched = state(server), snapshot(server)
        given = {"site": str(site), **more(server, name)}
        dry = operator.papermill(name, dry_run="true", **given)
        assert dry.code == 0, dry.out
        assert dry.rows("would change") or dry.rows("unknown") or name == NO_FILES
        assert snapshot(server) == untouched
        if name in MIDDLE:
            kill_when(lambda: server.sh(MIDDLE[name])[0] == 0, operator, name, site=str(site))
        kill_at_each_cell(operator, name, **given)
    done = run(chain, name)
    assert done.rows("failed") == done.rows("unknown") == []


def trusted(server):
    """What somebody trusts who was given the root of the hub's own authority."""
    code, root = server.sh(f"docker exec cyberhubs-rehearsal-caddy-1 cat {ROOT}")
    assert code == 0, root
    return trust(pem=root)


def test_somebody_from_outside_is_let_in(chain):
    site = load_site(str(chain[2]))
    tls = trusted(chain[1])
    page = httpx.get(f"http://{chain[1].ip}/hub/login", follow_redirects=True, verify=tls)
    assert (page.status_code, page.url.scheme) == (200, "https")
    assert status_of_login(site, "ben", tls) == "welcome"
    assert status_of_login(site, "mallory", tls) == "403"


COUNT = """import itertools, pathlib, time
pathlib.Path("begun").touch()
for n in itertools.count():
    print(n, flush=True)
    if pathlib.Path("enough").exists(): break
    time.sleep(1)"""


def test_a_restart_of_docker_costs_no_line(chain):
    """live-restore: the containers go on, and so do the connections to them."""
    _, server, site = chain
    home, tls = f"/mnt/jupyterhub_users/{CHECK_USER}", trusted(server)
    token = server.sh(f"cat {HOME}/secrets/check_token")[1].strip()
    headers = {"Authorization": f"token {token}"}
    with check_server(load_site(str(site)), token, tls) as url, ThreadPoolExecutor(1) as thread:
        cell = thread.submit(run_cell, url, headers, COUNT, tls)
        until(lambda: server.sh(f"cat {home}/begun")[0] == 0)
        code, out = server.sh(
            "systemctl reset-failed docker; systemctl restart docker && docker info"
        )
        assert code == 0, out
        server.sh(f"touch {home}/enough")
        lines = [int(line) for line in cell.result().split()]
    assert lines == list(range(len(lines)))
    server.sh(f"rm {home}/begun {home}/enough")


FILL = """import subprocess
done = subprocess.run("head -c 2G /dev/zero > large", shell=True, capture_output=True, text=True)
print(done.stderr)"""
BENS_HOME = "/mnt/jupyterhub_users/ben"  # its limit is 1 GiB


def save(page):
    """Ctrl+S, and what is said if it fails."""
    page.keyboard.press("Control+s")
    page.locator(".jp-Dialog").or_(page.get_by_text("Saving completed")).first.wait_for()
    return " ".join(page.locator(".jp-Dialog-content").all_inner_texts())


def prints(notebook, source, output):
    notebook.write(notebook.cells.first, source)
    notebook.step()
    shown = notebook.cells.first.locator(".jp-OutputArea-output").first
    expect(shown).to_contain_text(output, timeout=4 * WAIT)


def test_whoever_has_a_full_home_reads_why_and_goes_on(chain, browser, tmp_path):
    """Fill it, save, stop, start, delete, save."""
    server, url = chain[1], load_site(str(chain[2])).public_url
    with page_of(browser, tmp_path, ignore_https_errors=True) as page:
        log_in(page, url, "ben")
        choose(page, "JupyterLab")
        arrive(page, f"{url}/user/ben/lab")
        notebook = new_notebook(page, "Python 3")
        prints(notebook, "print(6 * 7)", "42")
        page.keyboard.press("Control+s")
        page.get_by_role("button", name="Rename and Save").click()
        page.locator(".jp-Dialog").wait_for(state="detached")
        prints(notebook, FILL, "No space left on device")
        assert "No space left on device" in save(page)
        bar = page.locator("#jp-main-statusbar")
        expect(bar).to_contain_text(re.compile(r"Disk: +9\d\d"), timeout=WAIT)
        page.screenshot(path=tmp_path / "full.png")
        assert "print(6 * 7)" in server.sh(f"cat {BENS_HOME}/Untitled.ipynb")[1]  # as saved before

        stop_server(page, url)
        page.get_by_role("button", name="Start My Server").click()
        choose(page, "JupyterLab")
        arrive(page, f"{url}/user/ben/lab")
        visit(page, f"{url}/user/ben/lab/tree/Untitled.ipynb")
        drawn(page, ".jp-NotebookPanel .jp-Cell")
        notebook = Notebook(page)
        notebook.wait_until_ready()
        large = page.locator(".jp-DirListing-item", has_text="large")
        large.click()
        page.keyboard.press("Delete")
        page.locator(".jp-Dialog").get_by_role("button", name="Delete").click()
        expect(large).to_be_hidden()
        prints(notebook, "print(6 * 9)", "54")
        assert save(page) == ""
        assert "print(6 * 9)" in server.sh(f"cat {BENS_HOME}/Untitled.ipynb")[1]
        stop_server(page, url)


def test_all_of_it_once_more_by_one_command_changes_nothing(chain):
    operator, server, site = chain
    before = snapshot(server)
    done = operator.call(sys.executable, "-m", "cyberhubs_lib", "up", "--site", str(site))
    assert done.code == 0, done.out
    assert snapshot(server) == before
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines] == list(RUNBOOKS)
    assert all(" ok" in line and "changed" not in line for line in lines)


TAMPER = [
    ("06_configure_hub", "echo >> hub.json", [f"file {HOME}/hub.json"]),
    ("06_configure_hub", "chown root hub", [f"directory {HOME}/hub"]),
    ("06_configure_hub", "chmod 644 secrets/check_token", [f"secret {HOME}/secrets/check_token"]),
    ("06_configure_hub", "rm broker/shape.py access/blocked_users; chmod 600 Caddyfile",
     [f"file {HOME}/access/blocked_users", f"file {HOME}/Caddyfile",
      f"file {HOME}/broker/shape.py"]),
    ("08_get_images", f"docker rmi -f {BASE}", [BASE_ROW]),
    ("08_get_images", f"docker tag {BASE} {EDGE}", [EDGE_ROW]),  # of another recipe
    ("09_launch_hub", "docker stop -t 1 cyberhubs-rehearsal-caddy-1", ["service caddy"]),
    ("09_launch_hub", "docker rm -f cyberhubs-rehearsal-hub-1", ["service hub"]),
    ("09_launch_hub", "sleep 1; touch secrets/proxy_token",  # younger than the containers
     ["service proxy", "service hub"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "tamper", "shown"), TAMPER)
def test_what_was_tampered_with_is_shown_and_put_right(chain, in_process, name, tamper, shown):
    site = str(chain[2])
    code, out = chain[1].sh(f"cd {HOME} && {tamper}")
    assert code == 0, out
    assert planned(name, site=site) == shown
    assert changed(name, site=site) == shown
    assert planned(name, site=site) == []


SYSCTLS, DAEMON = "/etc/sysctl.d/zz-cyberhubs.conf", "/etc/docker/daemon.json"
MEANWHILE = [  # before the plan, and between plan and apply
    ("02_prepare_os", "limits", f"rm {SYSCTLS}", f"echo net.core.somaxconn = 9999 > {SYSCTLS}"),
    ("03_prepare_storage", "directories", "chmod 700 /mnt/user", "chmod 711 /mnt/user"),
    ("04_install_docker", "settings", f"echo '{{}}' > {DAEMON}",
     f"""echo '{{"debug": false}}' > {DAEMON}"""),
    ("05_mount_data", "mounts", "systemctl stop mnt-data-archive.mount",
     "systemctl start mnt-data-archive.mount"),
    ("06_configure_hub", "settings", "echo 1 >> hub.json", "echo 2 >> hub.json"),
    ("08_get_images", "base", f"docker rmi -f {BASE}", f"docker tag {EDGE} {BASE}"),
    ("09_launch_hub", "services", "docker stop -t 1 cyberhubs-rehearsal-caddy-1",
     "docker start cyberhubs-rehearsal-caddy-1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "step", "tamper", "then"), MEANWHILE)
def test_a_host_that_changed_since_the_plan_is_left_alone(
    chain, in_process, name, step, tamper, then
):
    _, server, site = chain
    server.sh(f"cd {HOME} && {tamper}")
    run = start(name, site=str(site))
    run.requirements()
    run.plan(step)
    server.sh(f"cd {HOME} && {then}")
    before = snapshot(server)
    with pytest.raises(HostChanged, match="nothing was changed"):
        run.apply(step)
    assert snapshot(server) == before
    changed(name, site=str(site))


def test_the_second_of_two_says_who_is_first(chain, in_process):
    operator, server, site = chain
    with at_work(operator, server) as first:
        for name in list(RUNBOOKS)[1:]:
            assert planned(name, site=str(site)) == []  # to look is allowed
            with pytest.raises(HostBusy, match=f"04_install_docker by .*, process {first.pid}"):
                changed(name, site=str(site))


def test_drift_looks_at_the_hub_too(chain):
    operator, server, site = chain
    drift = [sys.executable, "-m", "cyberhubs_lib", "drift", "--site", str(site)]
    done = operator.call(*drift)
    assert done.code == 0, done.out
    server.sh(
        "echo ' ' >> /opt/cyberhubs/rehearsal/hub.json; docker stop cyberhubs-rehearsal-hub-1"
    )
    done = operator.call(*drift)
    assert done.code == 2
    found = [line.split("  ")[0] for line in done.out.splitlines() if "would change" in line][1:]
    assert found == ["06 file /opt/cyberhubs/rehearsal/hub.json", "09 service hub"]
    assert operator.call(*[*drift[:3], "up", "--site", str(site)]).code == 0


def test_images_lie_on_the_data_disk(chain):
    _, out = chain[1].sh("df --output=source /var/lib/docker | tail -1; findmnt -no SOURCE /mnt")
    assert len(set(out.split())) == 1


def test_no_secret_is_anywhere_it_should_not_be(chain):
    operator, server, _ = chain
    _, secrets = server.sh("cat /opt/cyberhubs/rehearsal/secrets/*_t* /opt/*/*/secrets/oauth*")
    canaries = [secrets[i : i + 64] for i in range(0, len(secrets.strip()), 64)]
    assert len(canaries) == 3
    for notebook in (operator.home / "runs").glob("*.ipynb"):
        assert not any(canary in notebook.read_text() for canary in canaries)
    for canary in canaries:
        _, found = server.sh(f"{READABLE} -exec grep -lsF {canary} {{}} + ; ps axww | grep -F "
                             f"{canary} | grep -v grep | head -3")  # fmt: skip
        assert found == ""


def test_the_hub_comes_back_after_a_restart_of_the_server(chain):
    """By itself, before any runbook; and who was logged in still is, with the same server."""
    _, server, site = chain
    hub, tls = load_site(str(site)).public_url, trusted(server)
    with httpx.Client(base_url=hub, timeout=30, follow_redirects=True, verify=tls) as browser:
        page = browser.get("/hub/oauth_login")
        assert browser.post(page.url, data={"login": "ben"}).status_code == 200
        server.reboot()
        until(lambda: answers(f"{hub}/hub/health", tls), 90)
        home = browser.get("/hub/home")
        assert home.url.path == "/hub/home"
        assert 'user: "ben"' in home.text
    done = run(chain, "09_launch_hub")
    assert done.rows("changed") == []
    assert "a cell in a new server prints" in done.rows("ok")


def answers(url, tls):
    try:
        return httpx.get(url, timeout=5, verify=tls).status_code == 200
    except httpx.HTTPError:
        return False


GITHUB = """\
name: github
host: {host}
public_url: https://hub.example.org
login: {{client_id: Iv1.0123456789, client_secret_file: {file}}}
"""


def test_the_client_secret_goes_from_a_private_file_to_a_private_file(chain, tmp_path):
    operator, server, _ = chain
    canary, file, site = "canary-of-github-4711", tmp_path / "secret", tmp_path / "github.yaml"
    site.write_text(GITHUB.format(host=server.host, file=file))

    def configure(**env):
        return operator.papermill("06_configure_hub", env=env, site=str(site))

    assert "is not there" in configure().out
    file.write_text(canary + "\n")
    file.chmod(0o644)
    assert "can be read by others" in configure().out
    file.chmod(0o600)
    other = "canary-by-variable-0815"
    with shown_in_processes(canary, other) as shown:
        done = configure()
        assert done.code == 0, done.out
        path = "/opt/cyberhubs/github/secrets/oauth_client_secret"
        assert server.sh(f"stat -c %a {path}; cat {path}")[1] == f"600\n{canary}"
        assert configure(CYBERHUBS_CLIENT_SECRET=other).rows("changed") == [f"file {path}"]
    assert shown == []
    for secret in (canary, other):
        assert secret not in "".join(p.read_text() for p in (operator.home / "runs").iterdir())
        assert server.sh(f"{READABLE} -exec grep -lsF {secret} {{}} +")[1] == ""


def test_a_service_account_of_its_own_and_sudo_with_a_password(chain, tmp_path, in_process):
    operator, server, _ = chain
    canary, site = "canary-of-sudo-4711", tmp_path / "astro.yaml"
    server.set_password("pwsudo", canary)
    site.write_text(f"host: {server.login('pwsudo')}\nservice_user: astro\n"
                    "login: {standin: [{login: ada}]}\nimages: {source: copy}\n"
                    "ca_certificates: [/usr/local/share/ca-certificates/*.crt]\n")  # fmt: skip
    env = {PASSWORD_VARIABLE: canary}
    dry = operator.papermill("06_configure_hub", env=env, site=str(site), dry_run="true")
    assert "account astro" in dry.rows("failed")
    assert "directory /opt/cyberhubs/astro/hub" in dry.rows("unknown")
    with shown_in_processes(canary) as shown:
        for name in ("02_prepare_os", "04_install_docker", "06_configure_hub", "08_get_images"):
            done = operator.papermill(name, env=env, site=str(site))
            assert done.code == 0, done.out
    assert shown == []
    assert server.sh("stat -c %U /opt/cyberhubs/astro/secrets/proxy_token")[1] == "astro\n"
    os.environ[PASSWORD_VARIABLE] = canary
    try:
        with engine(connect(server.login("pwsudo"))) as client:
            assert client.ping()
    finally:
        del os.environ[PASSWORD_VARIABLE]


def test_roll_back_as_the_pages_say(chain, before):
    """From the last runbook of the hub to the first; another hub on this server stays."""
    _, server, _ = chain
    for name in reversed(HUB):
        words = {"08": {}, "10": {"SITE": "rehearsal", "LOGIN": "dora"}}
        roll_back(server, name, **words.get(name[:2], {"SITE": "rehearsal"}))
        # what the hub keeps with the access lists, and the copy of them
        stays = [
            "astro",
            "rehearsal.access",
            "/opt/cyberhubs directory",  # with the other hub in it
            f"{HOME}/routes",  # of the proxy, while it ran; with the settings they go, and so does
            f"{HOME}/proven",
            "/opt/cyberhubs/github",
            " /etc/",
            ":x:",
            "/mnt/jupyterhub_users/",
            "/mnt/home_images/",
        ]
        if name.startswith("10"):
            assert "dora" not in server.sh(f"cat {HOME}/access/allowed_users")[1]
        assert differences(before[name], state(server), *stays) == []
