"""The settings of the Docker engine on a host, for a site that has a mirror of its own."""

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.resources.daemon_json import settings
from cyberhubs_lib.site_host import Docker

FACTS = parse_facts("open_files=20000\n")
DAEMON = settings(Docker(registry_mirrors=["https://mirror.example.org"]), FACTS)
