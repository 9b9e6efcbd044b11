"""Login with GitHub, GitLab and others, with the lists of the site having the last word."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import handlers
import unreachable
from access import fold
from door import Door
from limited import Limited
from names import as_sent
from oauthenticator.github import GitHubOAuthenticator
from oauthenticator.gitlab import GitLabOAuthenticator
from oauthenticator.oauth2 import OAuthenticator
from one_address import with_public_login
from organizations import ask
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError

PRIVATE_NETWORKS = [
    ipaddress.ip_network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]
PRIVATE_SUFFIXES = (".localhost", ".test", ".internal")


def is_private(url: str) -> bool:
    """Whether the host of a URL can only be reached from this machine or a private network."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(PRIVATE_SUFFIXES)
    return address.is_loopback or any(address in net for net in PRIVATE_NETWORKS)


def refuse_public_standin(settings: dict[str, Any]) -> None:
    """Stop here if anybody on the Internet could log in at the stand-in, which asks no password."""
    if settings["login"].get("standin") and not is_private(settings["public_url"]):
        raise SystemExit(
            f"cyberhubs: refusing to start: login.standin is on and public_url"
            f" {settings['public_url']} is a public address; the stand-in lets everybody be anybody."
            f" Use GitHub, or a loopback, private, .localhost, .test or .internal address."
        )


class Refused(HTTPError):
    """A login that the lists do not let in; the page of errors knows it by its reason."""

    def __init__(self, sentence: str) -> None:
        super().__init__(403, sentence, reason="not let in")


class Away(HTTPError):
    """What a login needs does not work just now; nobody is to blame, and it does not count."""

    def __init__(self, sentence: str) -> None:
        super().__init__(503, f"{sentence} Try again in a few minutes.", reason="not just now")


class Listed(Limited):
    """The provider says who somebody is; the site's lists say whether that person may come in."""

    door: Door  # set by jupyterhub_config.py
    provider = ""

    async def check_blocked_users(self, username: str, auth_model: dict[str, Any] | None) -> bool:
        """Leave blocking to check_allowed, which can say why, and asks the same decision."""
        return True

    async def check_allowed(self, username: str, auth_model: dict[str, Any] | None) -> bool:
        """Let in and remember whose account it is, or refuse with a page that says why."""
        if auth_model is None:  # a user put in by hand in the admin panel; the login still decides
            return True
        number = self.number(auth_model)
        doubts = await self.ask_memberships(username, number, auth_model)
        try:
            decision = self.door.enter(username, number)
        except OSError as error:  # a full disk: who came in could not be told from others later
            self.log.error("cannot write down that %s came in: %s", username, error)
            raise Away(f"The hub cannot write to its disk: {error.strerror}.") from error
        if not decision.allowed:
            self.log.warning("refused login of %s (%s): %s", username, number, decision.why)
            raise Refused(f"The account {username} is {decision.why}.{doubts}")
        return True

    async def ask_memberships(self, username: str, number: str, auth_model: dict[str, Any]) -> str:
        """Ask whose member somebody is and write it down; a sentence if that could not be told."""
        return ""

    def normalize_username(self, username: str) -> str:
        """One spelling for one login, as the lists have it: a user of the hub has no other name."""
        return fold(super().normalize_username(username))

    def get_handlers(self, app: Any) -> list[Any]:
        """With ours: JupyterHub asks these before its own."""
        return [*super().get_handlers(app), *handlers.HANDLERS, *unreachable.HANDLERS]

    def number(self, auth_model: dict[str, Any]) -> str:
        """The account as the provider numbers it: a login can be renamed and given to somebody else."""
        raise NotImplementedError


class ListedOAuth(Listed, OAuthenticator):
    """A provider elsewhere, that speaks OAuth."""

    def get_handlers(self, app: Any) -> list[Any]:
        """A login begins at the public address."""
        return with_public_login(super().get_handlers(app))

    async def authenticate(self, handler: Any, data: Any = None, **more: Any) -> Any:
        """Who it is, by the provider; if that does not answer, a page that says so."""
        try:
            return await super().authenticate(handler, data, **more)
        except HTTPClientError as error:
            if 400 <= error.code < 500 and error.code != 429:  # of this login, for example its code
                raise Refused(f"{self.login_service} does not confirm it: {error}.") from error
            raise self.away(error) from error
        except OSError as error:
            raise self.away(error) from error

    def away(self, error: Exception) -> Away:
        """The page for a provider that cannot be asked."""
        self.log.error("the login service %s: %s", self.login_service, error)
        return Away(f"The login service {self.login_service} cannot be used just now: {error}.")

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """The login at the provider, or a page that says why it can be none here."""
        said = str(super().user_info_to_username(user_info))
        try:
            return as_sent(said)
        except ValueError as error:
            raise Refused(str(error)) from None

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Say at every login whether somebody is an admin: True and False, never `as before`."""
        number = self.number(auth_model)
        auth_model["admin"] = self.door.decide(auth_model["name"], number).admin
        return auth_model

    def number(self, auth_model: dict[str, Any]) -> str:
        """By what the provider tells of the account."""
        return f"{self.provider}:{auth_model['auth_state'][self.user_auth_state_key]['id']}"


class ListedGitHub(ListedOAuth, GitHubOAuthenticator):
    """With an account at GitHub; members of the site's organisations need not be on a list."""

    provider = "github"

    async def ask_memberships(self, username: str, number: str, auth_model: dict[str, Any]) -> str:
        """With the token that GitHub has just given."""
        organizations = self.door.live.rules.organizations
        if not organizations:
            return ""
        api = self.userdata_url.removesuffix("/user")
        answer = await ask(api, organizations, username, auth_model["auth_state"]["access_token"])
        try:
            self.door.saw({username: (number, answer)})
        except (OSError, ValueError) as error:  # a damaged file; the decision says so
            self.log.error("cannot write down whose member %s is: %s", username, error)
        if answer.doubts:
            self.log.warning("memberships of %s: %s", username, "; ".join(answer.doubts))
        return "".join(f" {doubt}." for doubt in answer.doubts)


class ListedGitLab(ListedOAuth, GitLabOAuthenticator):
    """With an account at GitLab, its public server or a group's own."""

    provider = "gitlab"
