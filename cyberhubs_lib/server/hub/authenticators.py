"""The ways to log in: `login.provider` of the site file -> the class that does it."""

from login import ListedGitHub, ListedGitLab
from oidc import ListedOIDC

AUTHENTICATORS = {found.provider: found for found in (ListedGitHub, ListedGitLab, ListedOIDC)}
