"""The ways to log in: `login.provider` of the site file -> the class that does it."""

from login import ListedGitHub, ListedGitLab
from oidc import ListedOIDC
from password import ListedPassword

WAYS = (ListedGitHub, ListedGitLab, ListedOIDC, ListedPassword)
AUTHENTICATORS = {way.provider: way for way in WAYS}
