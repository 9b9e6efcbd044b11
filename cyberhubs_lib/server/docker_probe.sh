# The proof of runbook 04: one container, made of the host's own programs, so without a registry, on a
# network like a user's: the packet filter knows it by its interface's name.
# Prints a line for each question; what is missing was not answered. Leaves nothing behind.
container=cyberhubs-probe
image=cyberhubs/probe:check
clear() {
    docker rm -f "$container"
    docker network rm "$container" &
    docker rmi -f "$image"
    wait
} >/dev/null 2>&1
trap clear EXIT

# The image is nothing but the names that lead to /usr, which is lent to the container as it is. perl: a
# server of one line in what every host has. SELinux would not let a container read the host's files.
make() {
    # shellcheck disable=SC2046 # words on purpose
    tar -cf - -C / $(cd / && ls -d bin lib lib64 2>/dev/null) | docker import - "$image" &
    docker network create -o com.docker.network.bridge.name=cu-probe "$container" || return 1
    wait
    docker run -d --name "$container" --network "$container" -p 127.0.0.1::8000 --log-driver none \
        -v /usr:/usr:ro --security-opt label=disable "$image" perl -e '
        use IO::Socket::INET;
        my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 5) or die;
        while (my $c = $s->accept) { <$c>; print $c "HTTP/1.0 200 OK\r\n\r\n"; close $c }'
} >/dev/null
make 2>/dev/null || { clear; make; } || exit 0  # what a probe that was killed has left
echo runs=yes

# Any name of the Internet would do; where the host's packages come from is known to be needed.
name=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/yum.repos.d/* 2>/dev/null |
    grep -v '^ *#' | grep -o 'https*://[^/ ]*' | grep -v '[$]' | head -n 1 | sed 's,.*//,,')
name=${name:-registry-1.docker.io}
# The published port, and the host itself as that network sees it.
read -r port gateway <<EOF
$(docker inspect "$container" -f '{{(index (index .NetworkSettings.Ports "8000/tcp") 0).HostPort}}
    {{- range .NetworkSettings.Networks}} {{.Gateway}}{{end}}')
EOF
# One call for all that is asked inside. 169.254.169.254 is where the clouds answer: who asks there
# gets the machine's credentials.
docker exec "$container" sh -c '
    if getent hosts "$1" >/dev/null; then echo name=yes; else echo "name=not $1"; fi
    echo "files=$(ulimit -n)"
    reached() { # 7: refused; 28: no answer
        curl -s -o /dev/null -m 3 "http://$1/"
        case $? in 7 | 28) return 1 ;; esac
    }
    if reached 169.254.169.254; then echo metadata=open; else echo metadata=closed; fi
    if reached "$2"; then echo ssh=open; else echo ssh=closed; fi' sh "$name" "$gateway:${ssh_port:-22}"

for _ in 1 2 3 4 5; do
    curl -s -o /dev/null -m 5 "http://127.0.0.1:$port/" && echo port=yes && break
    sleep 0.2
done
