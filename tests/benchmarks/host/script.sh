# shellcheck shell=sh disable=SC2154 # the settings (packages, device, ...) and the files come before
# The hand-written way: what an experienced administrator keeps in a drawer, sent through one ssh.
# Idempotent: each part looks first; each change prints a line "changed WHAT".
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

changed() { echo "changed $*"; }

apt() { apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends "$@" >/dev/null; }

installed() { # PACKAGE...: all of them
    [ "$(dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null | grep -cx installed)" = $# ]
}

newer() { # what is installed in another version than the index offers: much quicker than apt-get -s
    # shellcheck disable=SC2046
    apt-cache policy $(dpkg-query -W -f '${binary:Package} ') |
        awk '$1 == "Installed:" {i = $2} $1 == "Candidate:" && i != "(none)" && $2 != i'
}

file() { # PATH MODE CONTENT: true if it was changed
    if printf %s "$3" | cmp -s - "$1" && [ "$(stat -c '%a %u:%g' "$1")" = "$2 0:0" ]
    then return 1; fi
    mkdir -p "${1%/*}"
    printf %s "$3" >"$1.new"
    chmod "$2" "$1.new"
    mv "$1.new" "$1"
    changed "file $1"
}

enabled() { # UNIT...: now and at every boot
    systemctl is-enabled -q "$@" && systemctl is-active -q "$@" && return
    systemctl enable -q --now "$@"
    changed "service $*"
}

fstab() { # PATH LINE: true if it was changed
    grep -qxF "$2" /etc/fstab && return 1
    { grep -v "^[^#][^ ]* $1 " /etc/fstab || :; echo "$2"; } >/etc/fstab.new
    mv /etc/fstab.new /etc/fstab
    changed "fstab $1"
}

prepare_os() {
    stamp=/var/lib/cyberhubs/index-read
    if [ -z "$(find $stamp -mmin -1440 2>/dev/null)" ]; then
        apt-get -q update >/dev/null
        mkdir -p ${stamp%/*}
        touch $stamp
        changed "package index"
    fi
    if newer | grep -q . && apt-get -q -s --with-new-pkgs upgrade | grep -q ^Inst; then
        apt --with-new-pkgs upgrade
        changed updates
    fi
    # shellcheck disable=SC2086 # words
    installed $packages || { apt install $packages; changed packages; }
    systemctl is-enabled -q systemd-timesyncd || {
        systemctl enable -q --now systemd-timesyncd
        changed "time service"
    }
    os_files || :
    # shellcheck disable=SC2086
    enabled $services
    sysctl_file && /usr/lib/systemd/systemd-sysctl /etc/sysctl.d/zz-cyberhubs.conf
    if firewall_files || ! nft list table inet cyberhubs >/dev/null 2>&1; then
        nft -f /etc/cyberhubs/firewall.nft
        nft -s list table inet cyberhubs >/etc/cyberhubs/firewall.loaded
        systemctl daemon-reload
        changed "firewall loaded"
    fi
    systemctl is-enabled -q cyberhubs-firewall || {
        systemctl enable -q cyberhubs-firewall
        changed "firewall at boot"
    }
}

prepare_storage() {
    case $(blkid -p -s TYPE -o value "$device"; blkid -p -s LABEL -o value "$device") in
        "ext4
$label") ;;
        '') mkfs.ext4 -q -L "$label" -i $bytes_per_inode -m 1 "$device"; changed "filesystem $device" ;;
        *) echo "$device is not empty" >&2; exit 1 ;;
    esac
    mkdir -p "$mount"
    touch /etc/fstab
    reload=
    fstab "$mount" "UUID=$(blkid -p -s UUID -o value "$device") $mount ext4 defaults,nofail 0 2" &&
        reload=yes
    mountpoint -q "$mount" || { mount "$mount"; changed "mount $mount"; }
    directories
    binds
    drop_ins && reload=yes
    [ -z "$reload" ] || systemctl daemon-reload
}

directory() { # PATH OWNER:GROUP MODE
    stat -c ' %u:%g %a  %U:%G %a ' "$1" 2>/dev/null | grep -qF " $2 $3 " && return
    mkdir -p "$1"
    chown "$2" "$1"
    chmod "$3" "$1"
    changed "directory $1"
}

bind() { # SOURCE PATH
    mkdir -p "$1" "$2"
    fstab "$2" "$1 $2 none bind,nofail,x-systemd.requires-mounts-for=$mount 0 0" && reload=yes
    [ "$1" -ef "$2" ] || { mount "$2"; changed "bind $2"; }
}

install_docker() {
    restart=
    if daemon_json && systemctl is-active -q docker; then restart=yes; fi
    # shellcheck disable=SC2086
    installed $engine || { apt install $engine; changed engine; }
    [ -z "$restart" ] || systemctl restart docker
    enabled docker.service
    id -Gn "$user" | tr ' ' '\n' | grep -qx docker || {
        usermod -aG docker "$user"
        changed "$user in group docker"
    }
}
