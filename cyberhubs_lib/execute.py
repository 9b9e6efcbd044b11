"""Execute notebooks headless by papermill, several in a row in one Python process.

Python's start, the imports and the ssh connection are then paid once. Papermill keeps the records as
ever; it is only given a kernel that it does not end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from jupyter_client import AsyncKernelClient, AsyncKernelManager

from .change import RECORD
from .errors import RunFailed

# names, outputs, history; counts from 1 again. The name of the new record comes instead.
FORGET = "__import__('os').environ[{!r}] = {!r}; get_ipython().reset(new_session=True)"
FORGET_SECONDS = 60  # of a process that lives: a busy machine may stand still for a while


class Kernel:
    """The Python process: `with Kernel() as kernel: kernel.execute(...)`, as often as one likes.

    Nothing of a notebook is left for the next but the imported modules and the ssh connection. A
    notebook that fails ends the process, and the next one gets another.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cyberhubs-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "kernel.log"
        self._manager: _Manager | None = None

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        with _errors_to(self._log):
            self._end()
        self._folder.cleanup()

    def execute(self, source: Path, out: Path, parameters: dict[str, object]) -> None:
        """Execute `source`; the record is `out`, also of one that fails. Raises RunFailed."""
        import papermill  # takes seconds to import: only when it is needed
        from nbclient.exceptions import DeadKernelError
        from papermill.exceptions import PapermillExecutionError

        logging.getLogger("papermill").setLevel(logging.ERROR)
        # after Ctrl-C asyncio tells, with a traceback, of the tasks that nobody waited for any more
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        os.environ[RECORD] = str(out)  # for a process that is started now
        try:
            with _errors_to(self._log), self._lent(out) as manager:
                papermill.execute_notebook(
                    source, out, parameters, kernel_name="python3", progress_bar=False, km=manager
                )
        except DeadKernelError:
            end = "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
            raise RunFailed(
                f"{source.stem} stopped: its Python process ended",
                expected="a process that lasts to the end of the runbook",
                todo="run it again; if it happens again, is this machine out of memory?",
                evidence=end,
            ) from None
        except PapermillExecutionError as error:
            said = str(error.evalue)
            first = said if said.startswith(str(error.ename)) else f"{error.ename}: {said}"
            raise RunFailed(
                f"{source.stem} stopped; run again it goes on from there. Record: {out}\n{first}",
            ) from None

    @contextlib.contextmanager
    def _lent(self, out: Path) -> Iterator[_Manager]:
        """The process for one notebook: a new one, or the one before, its notebook forgotten."""
        if self._manager and not self._manager.forgets(out):
            self._end()
        if not self._manager:
            # socket files instead of TCP: nobody else on this machine can listen to the kernel
            sockets = f"{self._folder.name}/kernel"
            self._manager = _Manager(kernel_name="python3", transport="ipc", ip=sockets)
        try:
            yield self._manager
        except BaseException:  # Ctrl-C, too
            self._end()
            raise
        self._manager.leave()

    def _end(self) -> None:
        from nbclient.util import run_sync

        manager, self._manager = self._manager, None
        if manager and manager.has_kernel:
            manager.leave()
            # after Ctrl-C in the middle of its start: that too says that it is done, and only one may
            with contextlib.suppress(asyncio.InvalidStateError):
                run_sync(manager.shutdown_kernel)()


class _Manager(AsyncKernelManager):
    """Closes the client of each notebook; nbclient leaves it open if the kernel is not its own."""

    used: AsyncKernelClient | None = None

    def client(self, **options: object) -> AsyncKernelClient:  # type: ignore[override]
        """A new one; nbclient asks for it."""
        self.used = super().client(**options)
        return self.used

    def leave(self) -> None:
        """Close it."""
        if self.used:
            self.used.stop_channels()

    def forgets(self, out: Path) -> bool:
        """Make the process forget a notebook, for that of another record; False if it is dead."""
        from nbclient.util import run_sync

        client = self.blocking_client()
        client.start_channels()
        try:
            asked = client.execute(FORGET.format(RECORD, str(out)), silent=True)
            end = time.monotonic() + FORGET_SECONDS
            while run_sync(self.is_alive)() and time.monotonic() < end:
                with contextlib.suppress(queue.Empty):
                    if client.get_shell_msg(timeout=0.5)["parent_header"]["msg_id"] == asked:
                        return True
        finally:
            client.stop_channels()
        return False


@contextlib.contextmanager
def _errors_to(log: Path) -> Iterator[None]:
    """Standard error of this process and of the kernel goes to a file, not into the terminal."""
    sys.stderr.flush()
    keep = os.dup(2)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 2)
            yield
    finally:
        sys.stderr.flush()
        os.dup2(keep, 2)
        os.close(keep)
