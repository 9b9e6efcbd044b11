# Makes /srv/repository/debian on a Debian 12 host and prints the fingerprint of its key.
#
# Docker's own repository lies outside of what tests may use. This one has its form, Docker's package
# names and a key of its own; in the packages are Debian 12's engine and Debian 13's compose.
set -e
apt-get -q update
apt-get -qy install --no-install-recommends apt-utils gnupg >/dev/null
top=/srv/repository/debian
arch=$(dpkg --print-architecture)
index=dists/bookworm/stable/binary-$arch
mkdir -p $top/pool "$top/$index" /tmp/trixie/lists/partial
cd /tmp/trixie

# Debian 13's compose, without making that release known to the host.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    grep -o 'https*://[^ ]*' | grep -v security | head -n 1)
echo "deb $mirror trixie main" > trixie.list
chown -R _apt .
alone="-o Dir::Etc::sourceparts=- -o Dir::Etc::sourcelist=$PWD/trixie.list -o Dir::State::Lists=$PWD/lists"
apt-get -q $alone -o APT::Get::AllowUnauthenticated=true -o Acquire::AllowInsecureRepositories=true update
apt-get -q $alone --allow-unauthenticated download docker-compose
dpkg-deb -x docker-compose_*.deb compose

# package NAME DEPENDS [FILES]
package() {
    mkdir -p "$1/DEBIAN"
    [ -z "$3" ] || cp -a "$3/." "$1/"
    {
        printf 'Package: %s\nVersion: 5:29.0.0\nArchitecture: %s\n' "$1" "$arch"
        printf 'Maintainer: tests\nDescription: stands in for Docker'\''s\n'
        [ -z "$2" ] || printf 'Depends: %s\n' "$2"
    } > "$1/DEBIAN/control"
    dpkg-deb -Zgzip -z1 -b "$1" $top/pool >/dev/null
}
# the engine's own package under another name: Debian's and Docker's exclude each other
apt-get -q download docker.io
dpkg-deb -R docker.io_*.deb docker-ce
sed -i -E 's/^Package: .*/Package: docker-ce/; s/^Version: .*/Version: 5:29.0.0/
    /^(Conflicts|Breaks|Replaces|Provides|Recommends|Suggests|Source):/d' docker-ce/DEBIAN/control
dpkg-deb -Zgzip -z1 -b docker-ce $top/pool >/dev/null
package docker-ce-cli "" ""
package containerd.io "" ""
package docker-compose-plugin "" compose

cd $top
apt-ftparchive packages pool > "$index/Packages"
release="-o APT::FTPArchive::Release::Suite=bookworm -o APT::FTPArchive::Release::Components=stable"
apt-ftparchive $release -o "APT::FTPArchive::Release::Architectures=$arch" release dists/bookworm \
    > /tmp/Release
gpg --batch -q --passphrase '' --quick-generate-key tests@example.org ed25519 sign 2>/dev/null
gpg --batch --clearsign -o dists/bookworm/InRelease /tmp/Release
gpg --batch --armor --export tests@example.org > gpg
gpg --batch --with-colons --list-keys tests@example.org | awk -F: '$1 == "fpr" {print $10; exit}'
