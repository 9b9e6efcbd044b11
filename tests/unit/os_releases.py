"""The os-release of hosts of each system, and the facts that such a host tells.

The texts are what hosts of these releases print, shortened. Amazon documents its own beside those of
Fedora, Debian and Ubuntu: docs.aws.amazon.com/linux/al2/ug/ident-os-release.html; the fields are those
of os-release(5), for Enterprise Linux as in the packages *-release of 9.4 and 9.6.
"""

import subprocess

from cyberhubs_lib.facts import parse_facts, question

ROCKY = """\
NAME="Rocky Linux"
VERSION="9.6 (Blue Onyx)"
ID="rocky"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.6"
PLATFORM_ID="platform:el9"
PRETTY_NAME="Rocky Linux 9.6 (Blue Onyx)"
ANSI_COLOR="0;32"
LOGO="fedora-logo-icon"
CPE_NAME="cpe:/o:rocky:rocky:9::baseos"
REDHAT_SUPPORT_PRODUCT="Rocky Linux"
REDHAT_SUPPORT_PRODUCT_VERSION="9.6"
"""
ALMA = """\
NAME="AlmaLinux"
VERSION="9.6 (Sage Margay)"
ID="almalinux"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.6"
PLATFORM_ID="platform:el9"
PRETTY_NAME="AlmaLinux 9.6 (Sage Margay)"

ALMALINUX_MANTISBT_PROJECT="AlmaLinux-9"
SUPPORT_END=2032-06-01
"""
RHEL = """\
NAME="Red Hat Enterprise Linux"
VERSION="9.4 (Plow)"
ID="rhel"
ID_LIKE="fedora"
VERSION_ID="9.4"
PLATFORM_ID="platform:el9"
PRETTY_NAME="Red Hat Enterprise Linux 9.4 (Plow)"
REDHAT_BUGZILLA_PRODUCT="Red Hat Enterprise Linux 9"
"""
AMAZON = """\
NAME="Amazon Linux"
VERSION="2023"
ID="amzn"
ID_LIKE="fedora"
VERSION_ID="2023"
PLATFORM_ID="platform:al2023"
PRETTY_NAME="Amazon Linux 2023.8.20250808"
CPE_NAME="cpe:2.3:o:amazon:amazon_linux:2023"
VENDOR_NAME="AWS"
SUPPORT_END="2029-06-30"
"""
JAMMY = """\
PRETTY_NAME="Ubuntu 22.04.2 LTS"
NAME="Ubuntu"
VERSION_ID="22.04"
VERSION="22.04.2 LTS (Jammy Jellyfish)"
VERSION_CODENAME=jammy
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=jammy
"""
NOBLE = """\
PRETTY_NAME="Ubuntu 24.04.1 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04.1 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=noble
"""
BOOKWORM = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
"""
TRIXIE = BOOKWORM.replace("12", "13").replace("bookworm", "trixie")
ALL = {"trixie": TRIXIE, "rocky": ROCKY, "alma": ALMA, "rhel": RHEL, "amazon": AMAZON, "jammy": JAMMY,
       "noble": NOBLE, "bookworm": BOOKWORM}  # fmt: skip


def facts(os_release, folder, user="nobody-there", tools="", memory=3039744):
    """As a host with this file, memory and tools answers the real question."""
    file, meminfo = folder / "os-release", folder / "meminfo"
    file.write_text(os_release)
    meminfo.write_text(f"MemTotal:       {memory:>8} kB\nMemFree:          215860 kB\n")
    script = tools + question(user).replace("/etc/os-release", str(file))
    script = script.replace("/proc/meminfo", str(meminfo)).replace("/swapfile", str(folder / "no"))
    return parse_facts(subprocess.run(["sh"], input=script, text=True, capture_output=True).stdout)
