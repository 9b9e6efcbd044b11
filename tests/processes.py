"""What the lists of processes show while something runs, here and on test servers."""

import base64
import contextlib
import threading
from pathlib import Path


@contextlib.contextmanager
def shown_in_processes(*secrets):
    """Command lines that held a secret, plain or base64, at any moment of the `with`.

    This machine's list has the processes of its containers, too, so those of test servers.
    """
    wanted = [form for text in secrets for form in (text.encode(), base64.b64encode(text.encode()))]
    found, stop = [], threading.Event()

    def look():
        while not stop.wait(0.005):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    line = file.read_bytes()
                    if any(form.rstrip(b"=") in line for form in wanted):
                        found.append(line.replace(b"\0", b" ").decode(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()
