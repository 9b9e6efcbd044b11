"""What of a site concerns Caddy: where it listens, and the variables that the Caddyfile reads."""

from __future__ import annotations

from .site import Site


def bind_address(site: Site) -> str:
    """Where the port is published: everywhere, but with the stand-in only here unless the site says."""
    name = site.public_name
    if site.bind_address:
        return site.bind_address
    here = name == "localhost" or name.endswith(".localhost") or name.startswith("127.")
    return "127.0.0.1" if here or site.login.standin else "0.0.0.0"


def http_port(site: Site) -> int:
    """The port of plain http: the public one, or 80 to redirect, and where another does the https."""
    return 80 if site.public_url.startswith("https:") else site.port


def ports(site: Site) -> list[int]:
    """All that the front door publishes."""
    return [http_port(site), *([site.port] if site.speaks_https else [])]


# Half a year. Only where everybody trusts the certificate: else there would be no way around it.
HSTS_SECONDS = 180 * 24 * 3600


def _https_address(site: Site) -> str:
    """The names for which the front door speaks https, as the Caddyfile writes them."""
    name = site.public_name
    if site.certificate_mode == "own":  # any; the Caddyfile says why
        return "https://"
    if ":" in name:
        return f"https://[{name}]"
    return f"https://{name}" + (f", https://*.{name}" if site.subdomains else "")


NOBODY = "255.255.255.255/32"  # an address that no visitor has


def variables(site: Site) -> dict[str, str]:
    """What the Caddyfile reads."""
    mode, hsts = site.certificate_mode, site.certificate.hsts
    strict = hsts == "always" or (hsts == "auto" and mode in ("automatic", "own"))
    name = site.public_name
    return {
        "FRONT_DOOR": "https" if site.speaks_https else "http",
        "PUBLIC_URL": site.public_url,
        "PUBLIC_NAME": name,
        "SITE_ADDRESS": _https_address(site),
        "COOKIES": "SameSite=Lax" + ("; Secure" if site.public_url.startswith("https:") else ""),
        "DOCS": site.service_url("docs"),
        "CERTIFICATE": mode,
        "AUTO_HTTPS": "off" if mode == "own" else "disable_redirects",
        "ACME_DIRECTORY": site.certificate.directory,
        "HSTS_SECONDS": str(HSTS_SECONDS if strict else 0),
        "UPLOAD_LIMIT": f"{site.limits.upload}iB",
        "BEHIND": " ".join(site.certificate.behind(site.public_url)) or NOBODY,
    }
