"""Reports: one content, three forms; what differs each run stays out of what is compared."""

from cyberhubs_lib.report import MIME, Report, Row

REPORT = Report("Packages", [
    Row("package a", "missing", "installed", "would change", "why <b>"),
    Row("package b", "installed", "", "ok"),
])  # fmt: skip


def test_text():
    assert str(REPORT).splitlines() == [
        "Packages: 1 ok, 1 would change",
        "           was        wanted     status          note",
        "package a  missing    installed  → would change  why <b>",
        "package b  installed             ✓ ok",
    ]


def test_html_is_escaped_and_needs_nothing_from_outside():
    html = REPORT.html()
    assert "why &lt;b&gt;" in html
    assert "class=" not in html
    assert "src=" not in html


def test_empty_columns_are_left_out():
    report = Report("Facts", [Row("system", "Debian", status="")], ("found", ""))
    assert report.table() == [["", "found"], ["system", "Debian"]]


def test_times_are_metadata():
    report = Report("x", [Row("a")], meta={"seconds": 1.5})
    assert "1.5" not in str(report.bundle())
    assert report.metadata()[MIME]["rows"][0]["label"] == "a"


def test_nothing_to_tell():
    assert str(Report("Trust")) == "Trust: nothing is asked for"
