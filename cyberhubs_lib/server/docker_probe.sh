# The proof of runbook 04: one container, made of the host's own programs, so without a registry, on a
# network like a user's: the packet filter knows it by its interface's name.
# Expects user, ssh_port, registry, and what 08 will build with: package_servers, authorities (PEM), and
# http_proxy and the like if the build gets them; prints a line for each question, and what is missing was not
# answered. Leaves nothing behind.
container=cyberhubs-probe
image=cyberhubs/probe:check

# The engine itself, where nothing has to be waited for: the program `docker` takes longer to start.
engine() { # METHOD PATH [curl's options]
    method=$1 path=$2; shift 2
    curl -s -m 30 --noproxy '*' --unix-socket /var/run/docker.sock -X "$method" "$@" "http://localhost$path"
}
clear() {
    engine DELETE "/containers/$container?force=1"
    engine DELETE "/networks/$container" &
    engine DELETE "/images/$image?force=1"
    wait
} >/dev/null 2>&1

# One at a time, since the names are fixed. The lock is a file that is there anyway.
program=$(command -v docker) || { echo "runs=no Docker"; exit 0; }
exec 9<"$program"
flock -w 20 9 || { echo "runs=not asked: another run of this proof takes more than 20 s"; exit 0; }
trap clear EXIT

# The image is nothing but the names that lead to /usr, which is lent to the container as it is. perl: a
# server of one line in what every host has. SELinux would not let a container read the host's files.
make() {
    # shellcheck disable=SC2046 # words on purpose
    tar -cf - -C / $(cd / && ls -d bin lib lib64 2>/dev/null) | docker import - "$image" &
    engine POST /networks/create -f -H 'Content-Type: application/json' -d "{\"Name\": \"$container\", \"CheckDuplicate\": true,
        \"Options\": {\"com.docker.network.bridge.name\": \"cu-probe\"}}" || return 1
    wait
    docker run -d --name "$container" --network "$container" -p 127.0.0.1::8000 --log-driver none \
        -v /usr:/usr:ro --security-opt label=disable "$image" perl -e '
        use IO::Socket::INET;
        my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 5) or die;
        while (my $c = $s->accept) { <$c>; print $c "HTTP/1.0 200 OK\r\n\r\n"; close $c }'
} >/dev/null

# Any name of the Internet would do; where the host's packages come from is known to be needed. Its
# address may hold a login, which nobody must see, and a port; a number is no name.
name() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/yum.repos.d/* 2>/dev/null |
        grep -v '^ *#' | grep -o 'https*://[^/ ]*' | grep -v '[$]' |
        sed 's,.*//,,; s,.*@,,; s,:[0-9]*$,,' | grep -v -e '^[0-9.]*$' -e '^\[' | head -n 1 | grep . ||
        echo registry-1.docker.io
}

# One call for all that is asked inside. The host itself is where that network's way out begins.
# 169.254.169.254 is where the clouds answer: who asks there gets the machine's credentials.
inside() {
    docker exec "$container" sh -c '
    if getent hosts "$1" >/dev/null; then echo name=yes; else echo "name=not $1"; fi
    echo "files=$(ulimit -n)"
    reached() { # 7: refused; 28: no answer
        curl -s -o /dev/null -m 3 "http://$1/"
        case $? in 7 | 28) return 1 ;; esac
    }
    if reached 169.254.169.254; then echo metadata=open; else echo metadata=closed; fi
    gateway=$(perl -ane "print join q(.), reverse map hex, \$F[2] =~ /../g if \$F[1] eq q(00000000)" \
        /proc/net/route)
    if reached "$gateway:$2"; then echo ssh=open; else echo ssh=closed; fi' sh "$(name)" "$ssh_port"
}

# As a build does: over its proxy, trusting what Debian's packages trust and the site's authorities, and
# not what else the host was told to trust.
packages() {
    [ -n "$package_servers" ] || return 0
    # shellcheck disable=SC2086 # words on purpose
    echo "$authorities" | docker exec -i -e http_proxy -e https_proxy -e no_proxy "$container" sh -c '
    cat /usr/share/ca-certificates/mozilla/*.crt /usr/share/pki/ca-trust-source/*.p11-kit - \
        >/authorities.pem 2>/dev/null
    for server do {
        said=$(curl -sS -o /dev/null -m 10 --cacert /authorities.pem "https://$server/" 2>&1) && said=yes
        said=${said#curl: (*) }
        echo "$server=${said%%
*}"
    } & done
    wait' sh $package_servers
}

outside() {
    address=$(docker port "$container" 8000)
    for _ in 1 2 3 4 5; do
        curl -s -o /dev/null -m 5 "http://$address/" && echo port=yes && break
        sleep 0.2
    done
}

# What needs no container. The engine itself is asked about a registry, since its authorities and its
# proxy count; http, which is for mirrors, needs neither.
other='{{if ne .Name "cyberhubs-probe"}}{{range .IPAM.Config}}{{.Subnet}} {{end}}{{end}}'
besides() {
    echo "account=$(su -s /bin/sh -c 'docker ps -q >/dev/null && echo ok' "$user" 2>&1 | tail -n 1)"
    # shellcheck disable=SC2046 # words on purpose
    echo "networks=$(docker network inspect -f "$other" $(docker network ls -q) 2>/dev/null | xargs)"
    case $registry in
    http:*) echo "registry=$(curl -s -o /dev/null -m 4 -w '%{http_code}' "$registry/v2/")" ;;
    *) echo "registry=$(engine GET "/distribution/$registry/cyberhubs/probe/json" -m 4 \
        -w ' %{http_code}' | tr -d '\n')" ;;
    esac
}

if make 2>/dev/null || { clear; make; }; then # after what a probe that was killed has left
    echo runs=yes
    inside &
    packages &
    outside
    wait
fi
trap - EXIT
clear &
besides
wait
