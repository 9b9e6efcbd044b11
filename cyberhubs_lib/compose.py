"""Docker Compose on the host: its own, or, where it has none, ours in a container."""

from __future__ import annotations

from .contexts import context
from .facts import Facts
from .rendered import services
from .shell import sh
from .site import Site

# what compose does not know: the hub made them, with this label
REMOVE_SERVERS = "docker ps -aq --filter label=cyberhubs.site={} | xargs -r docker rm -f\n"
# the broker made them; Docker removes one when nobody is on it any more
REMOVE_NETWORKS = (
    "docker network ls -q --filter label=cyberhubs.site={} | xargs -r docker network rm\n"
)
SOCKET = "/var/run/docker.sock"


def compose(site: Site, facts: Facts) -> str:
    """Shell text to which a compose command can be appended; it runs in the site's directory."""
    home = site.directory(facts.home)
    if facts.compose:
        return sh("cd {} && docker compose ", home)
    return sh(
        "cd {} && docker run --rm --pull never -v {}:{} -v {}:{} -w {} {} ",
        home, SOCKET, SOCKET, home, home, home, context("compose", site).tag,
    )  # fmt: skip


ANSWER_SECONDS = 120  # for all services together: a cold start takes 15, on a busy host some more
RESTARTS = 3  # of a container meanwhile: a crash loop, in which waiting does not help
LOG_LINES = 8
# of each service its healthcheck in compose.yaml, asked now instead of at Docker's next interval
WAIT_FOR = r"""
container() {
  docker ps -aq --filter "label=com.docker.compose.project=$project" \
    --filter "label=com.docker.compose.service=$1" | head -n 1
}
question='{{range $i, $word := .Config.Healthcheck.Test}}{{if $i}}{{println $word}}{{end}}{{end}}'
answers() {
  docker inspect -f "$question" "$1" | grep . |
    timeout 10 xargs -d '\n' docker exec "$1" >/dev/null 2>&1
}
wait_for() {
  first='' why=''
  while :; do
    id=$(container "$1")
    [ -n "$id" ] || { echo "service $1 has no container"; return 1; }
    set -- "$1" $(docker inspect -f '{{.State.Status}} {{.RestartCount}}' "$id" || echo gone 0)
    [ "$2" != running ] || ! answers "$id" || return 0
    first=${first:-$3}
    case $2 in exited | dead | created | paused) why="is $2" ;; esac
    [ "$3" -lt $((first + restarts)) ] || why="is in a crash loop"
    [ "$(date +%s)" -lt "$end" ] || why=${why:-"does not answer"}
    [ -z "$why" ] || break
    sleep 1
  done
  echo "service $1 $why; the end of its log:"
  docker logs --tail "$lines" "$id" 2>&1 | cut -c 1-300
  return 1
}
"""


def waiting(project: str, seconds: int, then: str) -> str:
    """Shell text: `then`, in a subshell of its own, which may call `wait_for SERVICE`.

    That waits until the service answers, at most `seconds` after the beginning. Exit code 0; or 1,
    and it prints why, with the end of the service's log.
    """
    settings = sh(
        "project={} restarts={} lines={} end=$(($(date +%s) + {}))",
        project, RESTARTS, LOG_LINES, seconds,
    )  # fmt: skip
    return f"(\n{settings}{WAIT_FOR}{then}\n)"


def answering(site: Site) -> str:
    """Shell text: wait until every service of the hub answers, at most ANSWER_SECONDS.

    Exit code 0; or 1, and it prints which do not, each with the end of its log.
    """
    names = " ".join(services(site))
    ask = f"code=0; for s in {names}; do wait_for $s || code=1; done; exit $code"
    return waiting(site.project, ANSWER_SECONDS, ask)
