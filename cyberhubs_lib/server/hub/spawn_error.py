"""A start that cannot work."""

from __future__ import annotations

from jupyterhub.spawner import SpawnException


class SpawnError(SpawnException):
    """A start that cannot work, with a message for the user's page, the API and the log."""

    def __init__(self, message: str, reason: str, status_code: int = 503) -> None:
        super().__init__(message, reason=reason, status_code=status_code)
        self.jupyterhub_message = message  # what the page of the menu shows
