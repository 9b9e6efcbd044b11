"""The menu that a user's server is chosen from."""

from __future__ import annotations

from html import escape
from typing import Any

from spawn_error import SpawnError


def choose(menu: list[dict[str, str]], title: Any) -> dict[str, str]:
    """The menu's entry of that title, the first if none was asked for; anything else is refused.

    With one entry there is no form, and JupyterHub repeats what was chosen from an older menu.
    """
    if title is None or len(menu) == 1:
        return menu[0]
    for entry in menu:
        if entry["title"] == title:
            return entry
    titles = ", ".join(entry["title"] for entry in menu)
    raise SpawnError(f"The menu of this hub has no entry {title!r}. It has: {titles}.", "menu", 400)


def menu_html(menu: list[dict[str, str]]) -> str:
    """The form before a start: one radio button an entry; nothing if there is nothing to choose."""
    if len(menu) < 2:
        return ""
    several = len({entry["image"] for entry in menu}) > 1  # else its name tells nobody anything
    rows = []
    for number, entry in enumerate(menu):
        title, image = escape(entry["title"], quote=True), escape(entry["image"])
        rows.append(
            f'<div class="form-check"><label class="form-check-label">'
            f'<input class="form-check-input" type="radio" name="title" value="{title}"'
            f"{' checked' if number == 0 else ''}> {title}"
            + (f' <small class="text-muted">{image}</small>' if several else "")
            + "</label></div>"
        )
    return f'<fieldset aria-label="What to start">{"".join(rows)}</fieldset>'
