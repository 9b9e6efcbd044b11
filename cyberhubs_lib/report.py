"""Rows of what was, what is wanted and what became of it, as a table for every reader.

HTML for JupyterLab and the book, text for a terminal, JSON for programs in the output's metadata: all
in the executed notebook, and nothing else records a run.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from html import escape

MIME = "application/vnd.cyberhubs.report+json"
DOCKER_WAITS = "docker_waits"  # in `meta`: for what, if it does

# status -> (sign, colour): readable in grey print, on white and on black (at least 4.2:1)
STATUS = {
    "ok": ("✓", "#35873a"),
    "would change": ("→", "#b26a00"),
    "changed": ("●", "#2b7cd3"),
    "unknown": ("?", "#787878"),
    "skipped": ("–", "#787878"),
    "warning": ("!", "#b26a00"),
    "failed": ("✗", "#d94040"),
    "": ("", ""),
}


@dataclass(frozen=True)
class Row:
    """One line of a report. `status` is a key of STATUS, or "" for a plain fact.

    `evidence`: lines that an error shows besides; no table does.
    """

    label: str
    was: str = ""
    wanted: str = ""
    status: str = "ok"
    note: str = ""
    evidence: str = ""

    def as_dict(self) -> dict[str, str]:
        """For programs."""
        found: dict[str, str] = asdict(self)
        if not self.evidence:
            del found["evidence"]
        return found


@dataclass
class Report:
    """Rows under a title. `meta` (seconds, round trips) goes to metadata: it differs each run.

    `aside` stands behind the title for readers; to programs it is the same report.
    """

    title: str
    rows: list[Row] = field(default_factory=list)
    columns: tuple[str, str] = ("was", "wanted")
    meta: dict[str, object] = field(default_factory=dict)
    shown: bool = False
    aside: str = ""

    def count(self, status: str) -> int:
        """How many rows have this status."""
        return sum(row.status == status for row in self.rows)

    @property
    def summary(self) -> str:
        """The counts in words: "3 ok, 2 would change"."""
        counts = [f"{self.count(s)} {s}" for s in STATUS if s and self.count(s)]
        return ", ".join(counts) or ("" if self.rows else "nothing is asked for")

    @property
    def heading(self) -> str:
        """Title and summary."""
        return f"{self._name}: {self.summary}" if self.summary else self._name

    @property
    def _name(self) -> str:
        return f"{self.title} ({self.aside})" if self.aside else self.title

    def table(self) -> list[list[str]]:
        """Header and rows as text, without the columns that are empty everywhere."""
        names = ["", *self.columns, "status", "note"]
        rows = [[r.label, r.was, r.wanted, f"{STATUS[r.status][0]} {r.status}".strip(), r.note] for r in
                self.rows]  # fmt: skip
        keep = [i for i in range(5) if i == 0 or any(row[i] for row in rows)]
        return [[row[i] for i in keep] for row in [names, *rows]]

    def __str__(self) -> str:
        if not self.rows:
            return self.heading
        table = self.table()
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row
                 in table]  # fmt: skip
        return "\n".join([self.heading, *lines])

    def html(self) -> str:
        """The table with inline styles only: it must look the same in Lab and on a static page."""
        heading = f'<p style="margin:0 0 4px"><b>{escape(self._name)}</b>'
        heading += f": {self.summary}</p>" if self.summary else "</p>"
        if not self.rows:
            return heading
        head, *rows = self.table()
        cell = (
            'style="text-align:left;vertical-align:top;padding:2px 12px 2px 0;white-space:normal"'
        )
        lines = [heading, '<table style="border-collapse:collapse;font-size:90%">']
        lines.append("<tr>" + "".join(f"<th {cell}>{escape(c)}</th>" for c in head) + "</tr>")
        for row, source in zip(rows, self.rows, strict=True):
            cells = "".join(f"<td {cell}>{self._cell(c, source)}</td>" for c in row)
            lines.append(f'<tr style="background:none">{cells}</tr>')
        return "\n".join([*lines, "</table>"])

    @staticmethod
    def _cell(text: str, row: Row) -> str:
        sign, colour = STATUS[row.status]
        if text == f"{sign} {row.status}":
            return f'<span style="color:{colour};white-space:nowrap">{escape(text)}</span>'
        return escape(text)

    def as_dict(self) -> dict[str, object]:
        """For programs: title, rows, no times."""
        return {"title": self.title, "rows": [row.as_dict() for row in self.rows]}

    def bundle(self) -> dict[str, str]:
        """What a reader sees of it."""
        return {"text/plain": str(self), "text/html": self.html()}

    def metadata(self) -> dict[str, object]:
        """What programs read: the rows, and what differs each run. Two runs compare without it."""
        return {MIME: {**self.as_dict(), **self.meta}}

    def _ipython_display_(self) -> None:
        """Shown once; a report that was drawn live is finished on the page already."""
        from IPython.display import display

        if not self.shown:
            display(self.bundle(), raw=True, metadata=self.metadata())
