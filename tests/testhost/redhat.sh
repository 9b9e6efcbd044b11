#!/bin/bash
# Makes a relative of Red Hat of the Debian 12 test server (its dnf and systemd have EL9's versions), as far as a runbook can see: os-release, a real
# dnf with a real rpm database, repositories of its own below /srv, and no apt. FAMILY is el9 or al2023.
#
# Packages hold the programs of Debian's of the same purpose, so that they do their work when
# installed; what only has to be there is empty. Not here: SELinux, and all that is in real packages.
set -eu
arch=$(uname -m)
names=/etc/os-release
mkdir -p /etc/rpm
echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros   # Debian's rpm keeps it in root's home

systemctl disable -q docker.service docker.socket containerd.service
systemctl mask -q nftables.service          # Debian's own, not in the package
groupdel docker
rm -rf /var/lib/docker /var/lib/containerd

# package NAME VERSION REPOSITORY [KEY=VALUE]...: one RPM. `debs` are Debian packages whose programs it
# takes along, `tree` is a directory that it holds, `post` a script, the rest lines of the spec.
package() {
    local name=$1 version=$2 repository=$3 debs="" tree="" post="" lines="" root
    shift 3
    for pair in "$@"; do
        case $pair in
        debs=*) debs=${pair#*=} ;;
        tree=*) tree=${pair#*=} ;;
        post=*) post=${pair#*=} ;;
        *) lines+="${pair%%=*}: ${pair#*=}"$'\n' ;;
        esac
    done
    root=$(mktemp -d)
    for deb in $debs; do
        dpkg -L "$deb" | grep -v '^/usr/share/\(doc\|man\|lintian\|locale\|bug\)' | while read -r path; do
            [ -d "$path" ] || echo "$path"
        done | tar -C / -cT - | tar -C "$root" -x
    done
    [ -z "$tree" ] || cp -a "$tree/." "$root/"
    cat > /tmp/spec <<SPEC
Name: $name
Version: $version
Release: 1
Summary: stands in for $name
License: BSD
AutoReqProv: no
${lines}%description
%install
cp -a $root/. %{buildroot}/
%post
$post
exit 0
%files
$(cd "$root" && find . ! -type d | sed 's,^\.,,')
SPEC
    rpmbuild -bb -D "_rpmdir /srv/$repository" -D '_rpmfilename %{name}-%{version}.rpm' -D 'debug_package %nil' \
        -D '__os_install_post %nil' -D '_build_id_links none' -D '_binary_payload w1.gzdio' /tmp/spec > /tmp/log 2>&1 ||
        { tail -20 /tmp/log; exit 1; }
    rm -rf "$root"
}

# unit NAME: a directory with units that do nothing for a long time.
unit() {
    local root
    root=$(mktemp -d)
    mkdir -p "$root/usr/lib/systemd/system" "$root/usr/bin"
    for name in "$@"; do
        case $name in
        *.timer) printf '[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n' ;;
        *) printf '[Service]\nExecStart=/bin/sleep 99999\n[Install]\nWantedBy=multi-user.target\n' ;;
        esac > "$root/usr/lib/systemd/system/$name"
    done
    echo "$root"
}

# What a fresh machine has. Names with a slash or brackets are what other packages ask for.
package bash 5.1.8 base Provides=/bin/sh
package ca-certificates 2024 base
package curl-minimal 7.76.1 base Provides=/usr/bin/curl
package gnupg2 2.3.3 base Provides=/usr/bin/gpg
package kernel 5.14.0 base
package tzdata 2024 base

# What it can get.
package git 2.43.5 base debs=git
package rsync 3.2.5 base debs=rsync
package wget 1.21.1 base debs=wget
package nftables 1.0.9 base debs=nftables
package dnf-plugins-core 4.3.0 base
package perl-interpreter 5.32.1 base Provides=/usr/bin/perl
package perl-IO 1.43 base 'Provides=perl(IO::Socket::INET)' Requires=perl-interpreter
tree=$(unit dnf-automatic-install.timer dnf-automatic-install.service)
printf '#!/bin/sh\n' > "$tree/usr/bin/dnf-automatic"
chmod 755 "$tree/usr/bin/dnf-automatic"
package dnf-automatic 4.14.0 base "tree=$tree"
package chrony 4.5 base "tree=$(unit chronyd.service)"

# Debian 12's own compose is v1: that of Debian 13, unpacked and not installed.
mkdir -p /tmp/trixie/lists/partial
cd /tmp/trixie
sed -n 's/^URIs: *//p; s/^deb  *\(http[^ ]*\).*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    grep -v security | head -n 1 | sed 's/.*/deb & trixie main/' > trixie.list
chown -R _apt .
alone="-o Dir::Etc::sourceparts=- -o Dir::Etc::sourcelist=$PWD/trixie.list -o Dir::State::Lists=$PWD/lists"
apt-get -q $alone -o APT::Get::AllowUnauthenticated=true -o Acquire::AllowInsecureRepositories=true update
apt-get -q $alone --allow-unauthenticated download docker-compose
dpkg-deb -x docker-compose_*.deb compose
rm -rf compose/usr/share

engine="docker.io containerd runc"
if [ "$FAMILY" = el9 ]; then
    release=9
    cat > $names <<'OS'
NAME="Rocky Linux"
VERSION="9.6 (Blue Onyx)"
ID="rocky"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.6"
PLATFORM_ID="platform:el9"
PRETTY_NAME="Rocky Linux 9.6 (Blue Onyx)"
OS
    package fuse-sshfs 3.7.3 epel debs=sshfs
    tree=$(mktemp -d)
    mkdir -p "$tree/etc/yum.repos.d"
    printf '[epel]\nname=EPEL\nbaseurl=file:///srv/epel\nenabled=1\ngpgcheck=0\n' > "$tree/etc/yum.repos.d/epel.repo"
    package epel-release 9 base "tree=$tree"
    docker=docker/linux/centos/9/$arch/stable
    package docker-ce 29.0.0 $docker "debs=$engine" Requires=docker-ce-cli \
        'post=getent group docker >/dev/null || groupadd -r docker'
    package docker-ce-cli 29.0.0 $docker
    package containerd.io 2.1.0 $docker
    package docker-compose-plugin 2.40.0 $docker tree=/tmp/trixie/compose
    gpg --batch -q --passphrase '' --quick-generate-key tests@example.org rsa3072 sign
    rpmsign -D '__gpg /usr/bin/gpg' -D '_gpg_name tests@example.org' --addsign /srv/$docker/*.rpm
    gpg --armor --export tests@example.org > /srv/docker/linux/centos/gpg
    gpg --with-colons --list-keys tests@example.org | awk -F: '$1 == "fpr" {print $10; exit}' > /srv/fingerprint
    createrepo_c -q "/srv/$docker"
    createrepo_c -q /srv/epel
else
    release=2023.7.20250331
    cat > $names <<'OS'
NAME="Amazon Linux"
VERSION="2023"
ID="amzn"
ID_LIKE="fedora"
VERSION_ID="2023"
PLATFORM_ID="platform:al2023"
PRETTY_NAME="Amazon Linux 2023.7.20250331"
OS
    tree=$(mktemp -d)
    mkdir -p "$tree/etc/sysconfig" "$tree/lib/systemd/system"   # where Debian 12 has it
    echo 'OPTIONS="--default-ulimit nofile=32768:65536"' > "$tree/etc/sysconfig/docker"
    sed 's,/etc/default/docker,/etc/sysconfig/docker,; s,DOCKER_OPTS,OPTIONS,' \
        /lib/systemd/system/docker.service > "$tree/lib/systemd/system/docker.service"
    package docker 25.0.8 base "debs=$engine" "tree=$tree" \
        'post=getent group docker >/dev/null || groupadd -r docker'
fi
package system-release $release base "Provides=system-release(releasever) = $release"

# The machine's own state: dnf's, then the packages of the beginning; the rest is gone from the disk.
sed -i 's/^enabled.*/enabled = 0/' /etc/dnf/plugins/local.conf   # Debian's, keeps copies of packages
printf '[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\n' > /etc/dnf/dnf.conf
mkdir -p /etc/yum.repos.d
where=/srv/base
if [ "$FAMILY" = al2023 ]; then   # a repository a release, as Amazon has them
    mkdir -p /srv/releases
    mv /srv/base /srv/releases/$release
    where='/srv/releases/$releasever'
fi
printf '[base]\nname=base\nbaseurl=file://%s\nenabled=1\ngpgcheck=0\n' "$where" > /etc/yum.repos.d/base.repo
# Where the packages were made from: a name for 04's proof that containers find names.
printf '[source]\nname=source\nbaseurl=http://deb.debian.org\nenabled=0\n' > /etc/yum.repos.d/source.repo
createrepo_c -q "${where/\$releasever/$release}"
dnf -q -y --releasever=$release install system-release bash ca-certificates curl-minimal gnupg2 kernel tzdata
dnf -q clean all

# Then updates appear: a kernel, which wants a restart, and another package.
if [ "$FAMILY" = al2023 ]; then
    cp -a /srv/releases/$release /srv/releases/latest
    updates=releases/latest
else
    updates=base
fi
package kernel 5.14.1 $updates
package tzdata 2025 $updates
createrepo_c -q /srv/$updates

for deb in git rsync wget nftables sshfs $engine; do
    dpkg -L "$deb" | while read -r path; do [ -d "$path" ] || rm -f "$path"; done
done

# Authorities: rpm's tool makes one bundle of the local ones and those of the system.
mkdir -p /etc/pki/tls/certs /etc/pki/ca-trust/source/anchors
cat > /usr/bin/update-ca-trust <<'TRUST'
#!/bin/sh
cat /etc/ssl/certs/ca-certificates.crt /etc/pki/ca-trust/source/anchors/* \
    > /etc/pki/tls/certs/ca-bundle.crt 2>/dev/null || :
TRUST
chmod 755 /usr/bin/update-ca-trust
update-ca-trust

# Nothing of Debian's tools is left to be used by mistake.
apt-get clean
mkdir /opt/debian
for tool in apt apt-get apt-cache dpkg dpkg-query dpkg-deb update-ca-certificates debootstrap; do
    ! path=$(command -v $tool) || mv "$path" /opt/debian/
done
rm -rf /etc/apt/sources.list* /root/rpmbuild /root/.gnupg /tmp/* /var/lib/cyberhubs
