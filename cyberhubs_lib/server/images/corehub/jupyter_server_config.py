"""Every user's server: who may come in, what it shows of the home, and that a full one does no harm."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

from jupyter_client.jsonutil import json_default
from jupyter_core.paths import jupyter_data_dir
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyterhub.services.auth import HubOAuth, _ExpiringDict
from jupyterhub.singleuser import extension
from nbformat.sign import SQLiteSignatureStore
from traitlets import default

sys.path.insert(0, str(Path(__file__).parent))
import memory

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
    """A browser's connection to a kernel.

    It loses no output when it comes back; and if the kernel is ended for memory, the cell that ran says
    so, as well as JupyterLab's dialog that it "appears to have died".
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.running, self.ended = {}, memory.ended()

    def handle_outgoing_message(self, stream, outgoing_msg):
        """Keep what runs: an `execute_input` says which request it is."""
        _, (_, header, parent, *_) = self.session.feed_identities(outgoing_msg)
        if b'"execute_input"' in header:
            self.running = self.session.unpack(parent)
        super().handle_outgoing_message(stream, outgoing_msg)

    def on_kernel_restarted(self):
        """The reason, while the page still waits for the cell; then that it restarts."""
        self._say_if_for_memory()
        super().on_kernel_restarted()

    def on_restart_failed(self):
        """The same."""
        self._say_if_for_memory()
        super().on_restart_failed()

    def _say_if_for_memory(self):
        ended, self.ended = self.ended, memory.ended()
        process = getattr(self.kernel_manager.provisioner, "process", None)
        if self.ended == ended or getattr(process, "returncode", None) != -signal.SIGKILL:
            return
        said = (
            f"The programs of your server needed more memory than {memory.limit()}, so this kernel was"
            " ended. What was in its variables is lost; saved files are still there."
        )
        content = {"ename": "MemoryLimit", "evalue": said, "traceback": [f"MemoryLimit: {said}"]}
        message = self.session.msg("error", content, parent=self.running)
        if self.subprotocol == "v1.kernel.websocket.jupyter.org":
            packed = serialize_msg_to_ws_v1(message, "iopub", self.session.pack)
            self.write_message(packed, binary=True)
        else:
            self.write_message(json.dumps({**message, "channel": "iopub"}, default=json_default))

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
c.AsyncMappingKernelManager.kernel_manager_class = "memory.Kernel"
c.ServerApp.terminado_settings = {"shell_command": memory.first(["bash", "-l"])}
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
