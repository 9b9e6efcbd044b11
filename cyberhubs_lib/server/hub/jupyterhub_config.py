"""Settings of the hub: a table. What differs between sites comes from hub.json and secrets/."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, "/srv/hub")  # the modules beside this file
from access import CHECK_USER
from aiohttp import ClientTimeout
from authenticators import AUTHENTICATORS
from database import repair
from door import Door, rules_of
from limited import MINUTE, Limited
from login import Listed, refuse_public_standin
from manage import status
from menu import menu_html
from providers import endpoints
from rate import Rate
from spawn import STARTS_SECONDS, HubSpawner
from traitlets.log import get_logger
from unreachable import UnreachableHandler

STATE = Path("/srv/state")  # the volume hub_state
DATABASE = STATE / "jupyterhub.sqlite"


def secret(name: str) -> str:
    """A secret that compose handed over as a file; it never is an environment variable."""
    return Path("/run/secrets", name).read_text().strip()


def crypt_keys() -> list[bytes]:
    """The key of the stored logins, and that before it: what it has encrypted stays readable.

    The first hubs kept theirs in the volume, beside what it encrypts. It goes at the first rotation:
    whoever logged in since is encrypted with the newer one.
    """
    keys, first = secret("crypt_key").split(), STATE / "crypt_key"
    if len(keys) > 1:
        first.unlink(missing_ok=True)
    elif first.exists():
        keys.append(first.read_text().strip())
    return [bytes.fromhex(key) for key in keys]


os.umask(0o077)  # the database too is for nobody else
settings = json.loads(Path("/srv/hub.json").read_text())
refuse_public_standin(settings)
for sentence in repair(DATABASE, STATE):
    get_logger().warning(sentence)
Listed.door = Door(rules_of(settings))
Limited.by_address = Rate(settings["limits"]["refused_logins"], MINUTE)
Limited.behind = settings["behind"]
public_url = settings["public_url"].rstrip("/")
uid, gid = settings["uid"], settings["gid"]

c = get_config()  # noqa: F821  JupyterHub provides it

# Addresses. The proxy has a container of its own, so that a restart of the hub cuts nobody off.
c.JupyterHub.public_url = public_url + "/"  # from it: cookies that are Secure under https
if settings["subdomains"]:  # each user's server is another site to a browser, USER.NAME
    c.JupyterHub.subdomain_host = public_url
    # no server can plant a cookie for its neighbours or the hub; browsers know such only with https
    c.JupyterHub.cookie_host_prefix_enabled = public_url.startswith("https:")
c.JupyterHub.bind_url = "http://:8000"
c.JupyterHub.hub_bind_url = "http://0.0.0.0:8081"
# Two names: by the first the proxy comes, on a network that no user's server is on, so that the hub
# can tell what the front door says of a visitor's address from what a user's server says (rate.py).
# `hub` is the hub's name on every user's network, and these come and go.
c.JupyterHub.hub_connect_url = "http://hub-control:8081"
c.HubSpawner.hub_connect_url = "http://hub:8081"
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.cleanup_servers = False
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://proxy-api:8001"
c.ConfigurableHTTPProxy.auth_token = secret("proxy_token")
c.JupyterHub.last_activity_interval = 10  # the proxy's routes are compared this often, too
# How long its event loop is blocked, measured twice a second and not twenty times: that alone was half
# of what an idle hub did.
c.PeriodicMetricsCollector.event_loop_interval_resolution = 0.5
# A hub made anew asks running servers at once, and may not be on their networks yet: such a request
# is never answered, and must not hold up the next one. All that the hub itself asks is near.
c.JupyterHubHTTPClient.session_options = {"timeout": ClientTimeout(total=300, sock_connect=2)}
# Until it has asked, it says of servers that none runs. But it answers nobody meanwhile, and one whose
# start is under way waits for its answer, half a minute at most: neither may wait for the other.
c.JupyterHub.init_spawners_timeout = 10

# Pages: four of JupyterHub's, each with a few lines more.
c.JupyterHub.template_paths = ["/srv/hub/templates"]
c.JupyterHub.template_vars = {
    "title": settings["title"],
    "contact": settings["contact"],
    "standin": settings["login"]["standin"],
    "everybody": settings["access"] == "open",
    "open_until": lambda user: Listed.door.open_until(),  # called at each page
    "alarms": lambda user: status()["alarms"] if user and user.admin else [],
    "login_service_name": settings["login"]["url"].removeprefix("https://"),
    "provider": settings["login"]["name"],
    "shared_password": settings["login"]["provider"] == "password",
}

# State.
c.JupyterHub.db_url = f"sqlite:///{DATABASE}"
c.JupyterHub.upgrade_db = True  # after a newer JupyterHub came; it keeps a copy beside the file
c.JupyterHub.cookie_secret = bytes.fromhex(secret("cookie_secret"))
c.CryptKeeper.keys = crypt_keys()

# Login. The lists decide (access.py); watch.py, a service below, ends what they no longer allow, so
# JupyterHub itself has nothing to ask again.
login = settings["login"]
c.JupyterHub.authenticator_class = AUTHENTICATORS[login["provider"]]
if login["provider"] == "password":
    c.Listed.user_password = secret("login_secret")
    c.Listed.admin_password = secret("admin_password")
else:
    for name, value in endpoints(login).items():
        c.Listed[name] = value
    c.Listed.client_id = login["client_id"]
    c.Listed.client_secret = secret("login_secret")
    c.Listed.oauth_callback_url = public_url + "/hub/oauth_callback"
    c.Listed.login_service = login["name"] + (" stand-in" if login["standin"] else "")
    c.Listed.scope = login["scope"]
    # the provider's tokens are kept only if watch.py has something to ask with them
    c.Listed.enable_auth_state = bool(login["organizations"])
c.Listed.auth_refresh_age = 0
c.Listed.any_allow_config = True  # the lists are ours; no warning that there are none

# Servers of the users.
limits = settings["limits"]
c.JupyterHub.active_server_limit = limits["servers"]
c.JupyterHub.concurrent_spawn_limit = limits["starting"]
HubSpawner.starts = Rate(limits["starts"], STARTS_SECONDS)
HubSpawner.hub_settings = settings
c.JupyterHub.spawner_class = HubSpawner
c.HubSpawner.options_form = menu_html(settings["menu"])
c.HubSpawner.options_from_form = "simple"
c.HubSpawner.apply_user_options = lambda spawner, options: None  # HubSpawner.start does it
c.HubSpawner.prefix = settings["container_prefix"]
c.HubSpawner.name_template = "{prefix}{username}"
c.HubSpawner.use_internal_ip = True
c.HubSpawner.remove = True
c.HubSpawner.client_kwargs = {"timeout": 150}  # longer than the broker waits for Docker
c.HubSpawner.mem_limit = limits["memory"]
c.HubSpawner.cpu_limit = limits["cpus"]
# What a server writes for itself, not into the home: with a full home it must still start and run.
c.HubSpawner.environment = {"JUPYTER_RUNTIME_DIR": "/tmp/jupyter-runtime"}
c.HubSpawner.start_timeout = limits["start_seconds"]  # until it listens
c.HubSpawner.http_timeout = limits["start_seconds"]  # until it answers, which is soon after
c.HubSpawner.extra_create_kwargs = {
    "user": f"{uid}:{gid}",
    "labels": {"cyberhubs.site": settings["site"]},
}
isolation = settings["isolation"]
c.HubSpawner.extra_host_config = {
    "read_only": isolation["read_only"],
    # exec: installers compile there and run what they made; nosuid and nodev are Docker's own
    **({"dns": ["127.0.0.1"]} if isolation["internal"] else {}),  # broker/container.py says why
    **({"tmpfs": {"/tmp": f"exec,size={isolation['tmp']}"}} if isolation["read_only"] else {}),
    "memswap_limit": limits["memory"],  # broker/container.py says why, also of the next line
    "shm_size": limits["memory"] // 2,
    "pids_limit": limits["processes"],
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "log_config": {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
}

UnreachableHandler.memory = f"{limits['memory'] / 2**30:.3g} GiB"

# Services, each with the rights that it needs and no more.
c.JupyterHub.services = [
    {"name": "check", "api_token": secret("check_token")},
    {"name": "access", "command": [sys.executable, "/srv/hub/watch.py"]},
]
c.JupyterHub.load_roles = [
    # only an administrator may take an administrator's rights; no other service is one
    {"name": "admin", "services": ["access"]},
    {
        "name": "check",
        "services": ["check"],
        "scopes": [
            f"{scope}!user={CHECK_USER}"
            for scope in ("admin:users", "admin:servers", "access:servers")
        ],
    },
]

culling = settings["culling"]
if culling["idle_minutes"] or culling["max_age_hours"]:
    command = [sys.executable, "-m", "jupyterhub_idle_culler"]
    command += [f"--timeout={culling['idle_minutes'] * 60 or 10**9}"]  # to the culler 0 is at once
    command += [f"--max-age={culling['max_age_hours'] * 3600}"]
    command += ["--cull-every=60"]  # its own default is half of the timeout
    c.JupyterHub.services.append({"name": "culler", "command": command})
    scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
    c.JupyterHub.load_roles.append({"name": "culler", "services": ["culler"], "scopes": scopes})

docs = settings.get("docs")
if docs:
    c.JupyterHub.services.append(
        {
            "name": "docs",
            "url": "http://hub-control:9001",
            "command": [sys.executable, "/srv/hub/docs_service.py", docs["path"], docs["for"]],
            "oauth_no_confirm": True,  # it is part of the hub: no page that asks to trust it
        }
    )
    c.JupyterHub.load_roles.append(
        {"name": "user", "scopes": ["self", "access:services!service=docs"]}
    )

# A token ends, whoever made it for whom: also those that an administrator made who is one no more.
c.JupyterHub.token_expires_in_max_seconds = 30 * 24 * 3600
