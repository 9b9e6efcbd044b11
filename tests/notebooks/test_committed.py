"""The committed runbooks show a real run, and another server gives the same."""

import sys

import nbformat
import pytest
import rehearsal

from cyberhubs_lib.table import RUNBOOKS, path

SANITIZE = "tests/notebooks/sanitize.cfg"


@pytest.mark.parametrize("name", RUNBOOKS)
def test_every_cell_was_run(name):
    cells = [c for c in nbformat.read(path(name), as_version=4).cells if c.cell_type == "code"]
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    outputs = [o for c in cells for o in c.outputs]
    assert outputs
    assert not any(o.output_type == "error" for o in outputs)


@pytest.mark.parametrize("name", RUNBOOKS)
def test_no_trace_of_the_machine_it_was_run_on(name, operator):
    text = path(name).read_text()
    assert "papermill" not in nbformat.reads(text, as_version=4).metadata
    assert str(operator.home) not in text


def test_the_same_on_a_fresh_server(operator, tmp_path):
    with rehearsal.fresh_server("nbval") as server:
        operator.knows(server)
        env = rehearsal.environment(server, rehearsal.site_file(server, tmp_path))
        done = operator.call(
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval",
            "--nbval-sanitize-with", SANITIZE, "--nbval-cell-timeout=900", "--nbval-current-env",
            "-q", "-x", *[str(path(name)) for name in rehearsal.ORDER], **env,
        )  # fmt: skip
        assert done.code == 0, done.out[-6000:]
        assert " passed" in done.out
