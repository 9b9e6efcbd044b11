# The proof of runbook 04: one container, made of the host's own programs, so without a registry, on a
# network like a user's: the packet filter knows it by its interface's name.
# Prints a line for each question; what is missing was not answered. Leaves nothing behind.
container=cyberhubs-probe
image=cyberhubs/probe:check
clear() {
    docker rm -f "$container"
    docker network rm "$container"
    docker rmi -f "$image"
} >/dev/null 2>&1
trap clear EXIT
clear

# The image is nothing but the names that lead to /usr, which is lent to the container as it is. perl: a
# server of one line in what every host has. SELinux would not let a container read the host's files.
# shellcheck disable=SC2046 # words on purpose
tar -cf - -C / $(cd / && ls -d bin lib lib64 2>/dev/null) | docker import - "$image" >/dev/null
docker network create -o com.docker.network.bridge.name=cu-probe "$container" >/dev/null || exit 0
docker run -d --name "$container" --network "$container" -p 127.0.0.1::8000 --log-driver none -v /usr:/usr:ro \
    --security-opt label=disable "$image" perl -e '
    use IO::Socket::INET;
    my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 5) or die;
    while (my $c = $s->accept) { <$c>; print $c "HTTP/1.0 200 OK\r\n\r\n"; close $c }' >/dev/null || exit 0
echo runs=yes

# Any name of the Internet would do; where the host's packages come from is known to be needed.
name=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/yum.repos.d/* 2>/dev/null |
    grep -v '^ *#' | grep -o 'https*://[^/ ]*' | grep -v '[$]' | head -n 1 | sed 's,.*//,,')
name=${name:-registry-1.docker.io}
# The host itself, as that network sees it.
gateway=$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "$container")
# One call for all that is asked inside. 169.254.169.254 is where the clouds answer: who asks there
# gets the machine's credentials.
docker exec "$container" sh -c '
    if getent hosts "$1" >/dev/null; then echo name=yes; else echo "name=not $1"; fi
    echo "files=$(ulimit -n)"
    if curl -s -o /dev/null -m 3 http://169.254.169.254/; then echo metadata=open
    else echo metadata=closed; fi
    perl -MIO::Socket::INET -e "print q(ssh=), IO::Socket::INET->new(
        PeerAddr => q($2), Timeout => 3) ? q(open) : q(closed), qq(\n)"' sh "$name" "$gateway:${ssh_port:-22}"

port=$(docker port "$container" 8000 | sed 's/.*://')
for _ in 1 2 3 4 5; do
    curl -s -o /dev/null -m 5 "http://127.0.0.1:$port/" && echo port=yes && break
    sleep 0.2
done
