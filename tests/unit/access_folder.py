"""An access directory as people leave it, and a time at which a window may close."""

from datetime import datetime, timedelta, timezone

NOW = datetime.now(timezone.utc)
LATER = (NOW + timedelta(hours=1)).isoformat()


def access_folder(tmp_path):
    """With one administrator, and two people on the list."""
    path = tmp_path / "access"
    path.mkdir()
    (path / "admins").write_text("ada\n")
    (path / "allowed_users").write_text("# people\nBen # since May\ncarl")
    (path / "blocked_users").write_text("")
    return path
