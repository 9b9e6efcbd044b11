"""A table that is redrawn in place while somebody watches."""

from __future__ import annotations

import os

from .host import LIVE
from .report import Report


class Live:
    """A table that is redrawn in place while somebody watches; headless it does nothing."""

    def __init__(self, first: Report):
        self.handle = None
        if LIVE in os.environ:
            from IPython.display import display

            self.handle = display(first.bundle(), raw=True, display_id=True)

    def show(self, report: Report) -> None:
        """Redraw."""
        if self.handle:
            self.handle.update(report.bundle(), raw=True)

    def finish(self, report: Report) -> Report:
        """Redraw for the last time; the report then does not show itself once more."""
        if self.handle:
            self.handle.update(report.bundle(), raw=True, metadata=report.metadata())
            report.shown = True
        return report
