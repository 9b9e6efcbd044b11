"""The container that DockerSpawner asks the broker for, with the settings of our demo's hub."""

import json
import sys

import docker
from docker.types import Mount

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.hub_settings import broker_settings
from cyberhubs_lib.rendered import SERVER
from cyberhubs_lib.sitefile import load_site

sys.path.insert(0, str(SERVER / "broker"))
from container import Settings

FACTS = parse_facts("docker_root=/data/docker\n")
DEMO = Settings(**broker_settings(load_site("demo"), FACTS))
(IMAGE,) = DEMO.images
ID = "0123456789abcdef" * 4
BEN = "/v1.41/containers/cyberhubs-demo-user-ben"
ENV = {
    "JUPYTERHUB_API_TOKEN": "s3cret",
    "JUPYTERHUB_OAUTH_SCOPES": '["a", "b"]',
    "CPU_LIMIT": "2.0",
}


def sdk(user="ben", site=DEMO, env=ENV, escaped=None):
    """The body that DockerSpawner 14 has the Docker SDK send, with the settings of our hub."""
    api = docker.APIClient(base_url="tcp://127.0.0.1:1", version="1.41")
    root, shared = site.data_root, {"type": "bind", "propagation": site.propagation}
    mounts = [
        Mount(type="bind", source=f"{root}/jupyterhub_users/{user}", target="/home/user"),
        Mount(source=f"{root}/user", target="/user", **shared),
        Mount(source=f"{root}/data", target="/data", read_only=True, **shared),
    ]
    host = api.create_host_config(
        auto_remove=True, binds={}, links={}, mounts=mounts, mem_limit=site.memory,
        memswap_limit=site.memory, shm_size=site.memory // 2,
        cpu_period=100_000, cpu_quota=int(site.cpus * 100_000), pids_limit=site.processes,
        cap_drop=["ALL"], security_opt=["no-new-privileges"],
        network_mode=f"{site.project}_user-{escaped or user}",
        read_only=site.read_only, dns=["127.0.0.1"] if site.internal else None,
        tmpfs={"/tmp": f"exec,size={site.tmp}"} if site.read_only else None,
        log_config={"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
    )  # fmt: skip
    config = api.create_container_config(
        site.images[0], [], environment=env, volumes=[], ports={"8888/tcp": None},
        user="1000:1000", labels={"cyberhubs.site": site.site}, host_config=host,
    )  # fmt: skip
    sent = {key: value for key, value in config.items() if value is not None}  # as _post_json does
    return json.loads(json.dumps(sent))


GOOD = sdk()
