"""cyberhubs: runbooks that set up, prove and document a research group's own JupyterHub."""

from .begin import start

__all__ = ["start"]
