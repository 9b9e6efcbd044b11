"""The book of the site under /services/docs/: plain files, for logged-in users or for everyone."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler, StaticFileHandler, authenticated, url

ASK_AGAIN = 5  # seconds for which the hub's answer about somebody counts


class OpenFiles(StaticFileHandler):
    """The files as they are; a changed book is seen at once."""

    def set_extra_headers(self, path: str) -> None:
        """Make the browser ask whether a page has changed."""
        self.set_header("Cache-Control", "no-cache")


class UserFiles(HubOAuthenticated, OpenFiles):
    """The same files for people whom the hub knows."""

    @authenticated
    async def get(self, path: str, include_body: bool = True) -> None:
        """Serve a file, after a login if there was none."""
        await super().get(path, include_body)

    @authenticated
    async def head(self, path: str) -> None:
        """Answer like get, without the file."""
        await super().get(path, include_body=False)

    def check_xsrf_cookie(self) -> None:
        """Let a style sheet load its fonts, as JupyterHub lets pages load pictures.

        Browsers ask for fonts in mode `cors`, for which JupyterHub wants a token that a style sheet
        cannot send. Nothing leaks: a script can neither read a font nor claim to load one.
        """
        if self.request.headers.get("Sec-Fetch-Dest") != "font":
            super().check_xsrf_cookie()


class ToSlash(RequestHandler):
    """/services/docs is not a directory for a browser, /services/docs/ is."""

    def get(self) -> None:
        """Send the browser there."""
        self.redirect(self.request.path + "/")


def application(root: str, prefix: str, for_everyone: bool) -> Application:
    """The whole service; `prefix` ends in a slash."""
    files = OpenFiles if for_everyone else UserFiles
    options = {"path": root, "default_filename": "index.html"}
    return Application(
        [
            (prefix + "oauth_callback", HubOAuthCallbackHandler),
            (prefix.rstrip("/"), ToSlash),
            url(prefix + "(.*)", files, options),
        ],
        cookie_secret=os.urandom(32),
    )


def main() -> None:
    """Run under JupyterHub, which says by environment where to listen."""
    root, who = sys.argv[1:]
    HubOAuth.instance(cache_max_age=ASK_AGAIN)  # that of all handlers; JupyterHub's is 5 minutes
    app = application(root, os.environ["JUPYTERHUB_SERVICE_PREFIX"], who == "everyone")
    app.listen(urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port, xheaders=True)
    IOLoop.current().start()


if __name__ == "__main__":
    main()
