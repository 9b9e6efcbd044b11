"""Login at any OpenID issuer: a university's, an institute's Keycloak, CILogon, ORCID."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import quote

import jwt
from id_token import by_form, checked_document, nonce_of, verified
from login import ListedOAuth, Refused
from names import login_of
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import OAuthLoginHandler
from tornado.httpclient import HTTPClientError
from traitlets import Bool, Unicode

HOUR = 3600  # seconds for which the issuer's document holds


class OIDCLogin(OAuthLoginHandler):
    """The way to the issuer, which is read from its document, and with a nonce."""

    async def get(self) -> None:
        """Look where to go, then go."""
        await self.authenticator.discover()
        super().get()

    def authorize_redirect(self, *args: Any, extra_params: dict[str, Any], **more: Any) -> None:
        """The PKCE challenge once more: the issuer signs it with the account (id_token.py)."""
        extra_params = {**extra_params, "nonce": extra_params["code_challenge"]}
        super().authorize_redirect(*args, extra_params=extra_params, **more)


class ListedOIDC(ListedOAuth, GenericOAuthenticator):
    """With an account at the issuer of login.url.

    The hub reads the issuer's document itself, at the first login and again each hour: it needs the
    issuer's keys anyway, and it must start while the issuer is down, for those who are in already.
    """

    provider = "oidc"
    login_handler = OIDCLogin
    issuer = Unicode(config=True, help="login.url: without a slash at its end")
    document_url = Unicode(config=True, help="where the hub reads the issuer's document")
    domain = Unicode(config=True, help="whose names come in, without @DOMAIN")
    dots = Bool(False, config=True, help="whether dots in names become _")

    said_issuer = ""  # as the issuer itself writes it
    until = 0.0  # when the document is read again, by time.monotonic
    keys: jwt.PyJWKClient

    async def discover(self) -> None:
        """Read the issuer's document, unless that was done within the hour."""
        if time.monotonic() < self.until:
            return
        try:
            found = await self.httpfetch(self.document_url, "reading the issuer's document",
                                         validate_cert=self.validate_server_cert)  # fmt: skip
            document = checked_document(found, self.issuer)
        except (HTTPClientError, OSError, ValueError) as error:
            page = self.away(error)
            if self.said_issuer:
                return  # its keys tell whether what was known is still so
            raise page from error
        self.authorize_url = document["authorization_endpoint"]
        self.token_url = document["token_endpoint"]
        self.userdata_url = document.get("userinfo_endpoint", "")
        self.basic_auth = not by_form(document)
        if not self.said_issuer or self.keys.uri != document["jwks_uri"]:
            # no pause between two questions: nobody but the issuer sends us a token with a new key
            self.keys = jwt.PyJWKClient(document["jwks_uri"], timeout=10, cooldown_duration=0)
        self.said_issuer = document["issuer"]
        self.until = time.monotonic() + HOUR

    async def get_token_info(self, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to a code, whose id_token is what the issuer signed for this very login."""
        await self.discover()  # the hub may have been restarted meanwhile
        info: dict[str, Any] = await super().get_token_info(handler, params)
        nonce = nonce_of(params["code_verifier"])
        try:
            claims = await asyncio.to_thread(
                verified,
                info.get("id_token", ""),
                self.keys,
                self.said_issuer,
                self.client_id,
                nonce,
            )
        except jwt.PyJWTError as error:
            self.log.error("refused an id_token of %s: %s", self.issuer, error)
            raise Refused(
                f"What {self.login_service} says of you cannot be believed: {error}."
                " An administrator has to look at it."
            ) from error
        return {**info, "claims": claims}

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """Everything that the issuer says of a person, in its token and when asked."""
        claims: dict[str, Any] = token_info["claims"]
        more = await super().token_to_user(token_info) if self.userdata_url else {}
        if more and more.get("sub") != claims["sub"]:
            raise Refused(f"{self.login_service} speaks of two accounts in one login.")
        return {**more, **claims}

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """The name on this hub."""
        try:
            return login_of(user_info, self.username_claim, self.domain, self.dots)
        except ValueError as error:
            raise Refused(str(error)) from None

    def number(self, auth_model: dict[str, Any]) -> str:
        """The account as this issuer, and no other, names it for ever."""
        sub = auth_model["auth_state"][self.user_auth_state_key]["sub"]
        return f"{self.provider}:{self.issuer}#{quote(str(sub), safe='-._~@:|')}"
