"""python -m cyberhubs_lib: the command line, with Ctrl-C quiet from the first moment on."""

import os
import sys

STOPPED = 130  # 128 + SIGINT, as shells have it


def main() -> int:
    """Exit code of the command; 130 after Ctrl-C, also while Python still imports."""
    try:
        from .cli import main as command

        return command()
    except KeyboardInterrupt:
        print("\nstopped; run it again and it goes on from what it finds", file=sys.stderr)
        return STOPPED


def leave(code: int) -> None:
    """End the process with this exit code.

    Python ends itself by SIGINT, whatever the code, if a Ctrl-C came in the middle of `exec` of a
    text, of which imports are full (Modules/main.c, unhandled_keyboard_interrupt). So not by Python.
    """
    if code == STOPPED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())
