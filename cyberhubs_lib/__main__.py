"""python -m cyberhubs_lib: the command line, with Ctrl-C quiet from the first moment on."""

import sys


def main() -> int:
    """Exit code of the command; 130 after Ctrl-C, also while Python still imports."""
    try:
        from .cli import main as command

        return command()
    except KeyboardInterrupt:
        print("\nstopped; run it again and it goes on from what it finds", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
