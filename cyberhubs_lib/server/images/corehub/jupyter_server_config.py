"""Every user's server: who may come in, what it shows of the home, and that a full one does no harm."""

import asyncio
import os
import sqlite3
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyterhub.services.auth import HubOAuth, _ExpiringDict
from jupyterhub.singleuser import extension
from nbformat.sign import SQLiteSignatureStore
from traitlets import default

OTHERS_SECONDS = 5


class Answers(_ExpiringDict):
    """What the hub says of who comes with a cookie or token, so that it is not asked each time.

    Of the owner it counts for JupyterHub's five minutes: who may no longer use this server has none,
    and who may works on while the hub restarts. Of anybody else, an administrator say, it counts
    for seconds: they may have lost that right, and the server goes on.
    """

    def __setitem__(self, key, value):
        """Remember an answer, None for somebody unknown."""
        super().__setitem__(key, value)
        if not value or value["name"] != os.environ.get("JUPYTERHUB_USER"):
            self.timestamps[key] -= self.max_age - OTHERS_SECONDS


class Visitors(HubOAuth):
    """JupyterHub's own way to know who comes, with that memory."""

    @default("cache")
    def _answers(self):
        return Answers(self.cache_max_age)


extension.HubOAuth = Visitors  # there is no setting for it


class Connection(ZMQChannelsWebsocketConnection):
    """A browser's connection to a kernel, which loses no output when it comes back."""

    def nudge(self):
        """Wait until new channels to the kernel carry messages; those that were kept do so already.

        jupyter_server 2.21 tries these too, if the kernel seems idle, and drops what it hears first.
        """
        if not self.channels["iopub"].receiving():  # into the buffer for whoever comes back
            return super().nudge()
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class Signatures(SQLiteSignatureStore):
    """Which notebooks the user trusts, kept in the home as ever.

    nbformat writes down each visit, and if it cannot (the home is full), the notebook does not open.
    """

    def check_signature(self, digest, algorithm):
        """Whether it is known; without the date of the visit if need be."""
        try:
            return super().check_signature(digest, algorithm)
        except sqlite3.OperationalError:
            self.db.rollback()
            known = "SELECT 1 FROM nbsignatures WHERE algorithm = ? AND signature = ?"
            return self.db.execute(known, (algorithm, digest)).fetchone() is not None

    def store_signature(self, digest, algorithm):
        """Left out if need be: the save that follows tells the user why."""
        try:
            super().store_signature(digest, algorithm)
        except sqlite3.OperationalError:
            self.db.rollback()


c = get_config()  # noqa: F821  Jupyter provides it
c.ServerApp.kernel_websocket_connection_class = Connection
c.NotebookNotary.store_factory = lambda: Signatures(
    str(Path(jupyter_data_dir(), "nbsignatures.db"))
)

# The trash would lie in the same home, and with a full one not even the move into it works.
c.FileContentsManager.delete_to_trash = False
c.FileContentsManager.always_delete_dir = True

# The bar at the lower edge: red from 90 % on.
c.ResourceUseDisplay.track_disk_usage = True
c.ResourceUseDisplay.disk_path = "/home/user"
c.ResourceUseDisplay.enable_prometheus_metrics = False
