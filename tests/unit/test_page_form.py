"""Every runbook has the form that a reader knows after the first one."""

import ast
import re

import nbformat
import pytest
from roll_back import blocks

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.site import Site
from cyberhubs_lib.table import RUNBOOKS, RUNBOOKS_DIR, path

ENDS = ["Verify", "Roll back", "If it fails", "Next", "Operation note"]
DEBIAN = "id=debian\nversion=13\nsystem=Debian\nuser=debian\nservice_user=debian\nhome=/h\n"


@pytest.fixture(params=sorted(RUNBOOKS))
def book(request):
    return request.param, nbformat.read(path(request.param), as_version=4)


def test_every_runbook_is_in_the_table():
    assert {p.stem for p in RUNBOOKS_DIR.glob("*.ipynb")} == set(RUNBOOKS)


def test_title_sentence_and_table(book):
    name, nb = book
    first = nb.cells[0].source
    assert re.match(rf"# {name[:2]} · .+\n\n.+\n\n\| \| \|\n", first)
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| .+ \|$", first, re.M)
    assert rows == ["Changes", "Needs", "Takes", "Safe to repeat", "Undo"]


def test_headings_in_order(book):
    _, nb = book
    heads = [h for c in nb.cells if c.cell_type == "markdown"
             for h in re.findall(r"^## (.+)$", c.source, re.M)]  # fmt: skip
    assert heads[0] == "Before you start"
    assert heads[-5:] == ENDS
    assert 1 <= len(heads[1:-5]) <= 6


def test_parameters_are_those_of_the_model(book):
    name, nb = book
    (cell,) = [c for c in nb.cells if "parameters" in c.metadata.get("tags", [])]
    tree = ast.parse(cell.source)
    assert all(isinstance(node, ast.AnnAssign) for node in tree.body)
    found = {n.target.id: (n.annotation.id, ast.literal_eval(n.value)) for n in tree.body}
    fields = RUNBOOKS[name].params.model_fields.items()
    assert found == {key: (f.annotation.__name__, f.default) for key, f in fields}
    assert all("  # " in line for line in cell.source.splitlines())


def test_cells_are_thin(book):
    _, nb = book
    for cell in nb.cells:
        if cell.cell_type == "code":
            # of parameters there are as many as there are
            assert (
                "parameters" in cell.metadata.get("tags", []) or len(cell.source.splitlines()) <= 8
            )
            assert not re.search(r"^\s*[!%]", cell.source, re.M), "no shell in cells"


def test_each_step_is_planned_then_applied(book):
    name, nb = book
    code = [c.source for c in nb.cells if c.cell_type == "code"]
    steps = [re.search(r'run\.(plan|apply)\("(\w+)"\)', c) for c in code]
    calls = [m.groups() for m in steps if m]
    params = RUNBOOKS[name].params()
    site = Site(login={"standin": [{"login": "a"}]})
    wanted = RUNBOOKS[name].recipe(parse_facts(DEBIAN), site, params).steps
    assert calls == [(verb, step) for step in wanted for verb in ("plan", "apply")]
    assert code[-1] == "run.verify()"


def test_irreversible_steps_carry_a_warning(book):
    name, nb = book
    if "confirm" in RUNBOOKS[name].params.model_fields:
        assert any("```{warning}" in c.source for c in nb.cells)


@pytest.mark.parametrize("manager", ["apt", "dnf"])
def test_the_way_back_is_commands(book, manager):
    """tests/live and tests/chain type them on servers."""
    name, _ = book
    if name == "00_start_here":  # changes nothing
        return
    # what stands between EOF and EOF is a script that ends at its first error
    found = [re.sub(r"(?s) <<'EOF'\n.*?\nEOF\n", "\n", block) for block in blocks(name, manager)]
    lines = [line for block in found for line in block.splitlines()]
    assert lines
    assert [line for line in lines if not re.match("sudo |cd |for |# ", line)] == []
    assert "**cannot be" in "".join(c.source for c in book[1].cells)


def test_no_parameter_is_a_secret(book):
    name, _ = book
    for key in RUNBOOKS[name].params.model_fields:
        assert not re.search("secret|password|token|key", key)
