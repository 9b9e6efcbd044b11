"""Records as they are found, also at the moment in which somebody writes them."""

import threading

import nbformat
import pytest
from nbformat.v4 import new_notebook

from cyberhubs_lib import runs
from cyberhubs_lib.errors import RunFailed
from cyberhubs_lib.runs import Record


def test_a_record_that_is_just_being_written_is_waited_for(tmp_path):
    file = tmp_path / "20260101T000000Z_02_prepare_os.ipynb"
    file.write_text("")
    writer = threading.Timer(0.3, lambda: nbformat.write(new_notebook(), file))
    writer.start()
    assert not Record(file).was_run
    writer.join()


def test_a_record_that_stays_half_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "WRITING_SECONDS", 0)
    file = tmp_path / "20260101T000000Z_02_prepare_os.ipynb"
    file.write_text('{"cells": [')
    with pytest.raises(RunFailed, match="is not a notebook") as error:
        Record(file).read()
    assert "remove it" in str(error.value)
