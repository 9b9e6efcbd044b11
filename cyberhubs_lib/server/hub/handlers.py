"""JupyterHub's API with our checks: what is asked before its own handlers."""

from __future__ import annotations

import listed_users
import strict_api
from jupyterhub import apihandlers

CHECKED = (
    listed_users.Users,
    listed_users.User,
    strict_api.Tokens,
    strict_api.Groups,
    strict_api.Group,
    strict_api.GroupUsers,
    strict_api.Proxy,
    strict_api.Service,
)


def strict(handler: type) -> type:
    """JupyterHub's handler with the checks; with no more than those of all parts if it has none."""
    own = [checked for checked in CHECKED if issubclass(checked, handler)]
    return own[0] if own else type(handler.__name__, (strict_api.Strict, handler), {})


HANDLERS = [(path, strict(handler)) for path, handler in apihandlers.default_handlers]
