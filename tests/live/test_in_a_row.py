"""Runbooks in a row share a Python process and an ssh connection; each still stands for itself."""

import shutil
import sys

import pytest
from testhost.relay import Relay

from cyberhubs_lib import start
from cyberhubs_lib.host import LIVE
from cyberhubs_lib.runs import Record, place


class Row:
    """Our own command, through a relay that counts connections and breaks them."""

    def __init__(self, operator, server, relay):
        self.operator, self.server, self.relay = operator, server, relay
        self.host = f"debian@127.0.0.1:{relay.port}"
        file = operator.home / ".ssh" / "known_hosts"
        known = file.read_text().replace(f":{server.port} ", f":{relay.port} ")
        file.write_text(file.read_text() + known)

    def run(self, *runbooks, **params):
        """Exit code and what was said; the records, by name; connections."""
        shutil.rmtree(place("", self.host), ignore_errors=True)
        before = self.relay.connections
        pairs = [word for name, value in params.items() for word in ("-p", name, str(value))]
        done = self.operator.call(
            sys.executable, "-m", "cyberhubs_lib", "run", *runbooks, "-p", "host", self.host, *pairs
        )
        records = {r.name: r for r in map(Record, sorted(place("", self.host).glob("*.ipynb")))}
        return done, records, self.relay.connections - before


@pytest.fixture(scope="module")
def row(operator, server):
    with Relay(server.port) as relay:
        yield (made := Row(operator, server, relay))
    shutil.rmtree(place("", made.host), ignore_errors=True)


def test_a_dry_run_on_a_fresh_host_says_which_failures_are_expected(row):
    done, records, _ = row.run("02", "03", "04", device=row.server.device, dry_run="true")
    assert done.code == 2, done.out
    for record in records.values():
        assert f"record: {record.path}" in done.out
    assert done.out.count("failed, as expected until the steps above have run: ") == 3
    assert not [line for line in done.out.splitlines() if "\u2717" in line]
    alone, records, _ = row.run("04", dry_run="true")
    assert alone.code == 1, alone.out
    first = next(line for line in alone.out.splitlines() if "\u2717 failed" in line)
    assert first.endswith("run 02_prepare_os first")


def test_one_that_fails_is_the_last(row):
    done, records, _ = row.run("02", "03", "04", device=row.server.device)
    assert done.code == 1
    assert "02_prepare_os" in done.out
    assert "NotConfirmed" in done.out
    assert list(records) == ["02_prepare_os", "03_prepare_storage"]
    assert "NotConfirmed" in records["03_prepare_storage"].path.read_text()
    assert "NotConfirmed" not in records["02_prepare_os"].path.read_text()


def test_the_next_run_goes_on(row):
    device = row.server.device
    done, records, _ = row.run("02", "03", "04", device=device, confirm=device)
    assert done.code == 0, done.out
    assert "changed" not in records["02_prepare_os"].summary()
    assert "changed" in records["04_install_docker"].summary()


def test_nothing_to_do_takes_one_connection_and_three_round_trips_at_most(row):
    done, records, connections = row.run("00", "02", "03", "04", device=row.server.device)
    assert done.code == 0, done.out
    assert connections == 1, row.relay.callers
    trips = {name: list(r.reports())[-1]["round_trips"] for name, r in records.items()}
    assert list(trips.values()) == [3, 2, 2, 2]  # the facts are those of the first
    for record in records.values():
        assert "changed" not in record.summary()
        cells = [c for c in record.read().cells if c.cell_type == "code"]
        assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))


def test_drift_takes_one_connection(row):
    before = row.relay.connections
    done = row.operator.call(sys.executable, "-m", "cyberhubs_lib", "drift", "--host", row.host)
    assert done.code == 0, done.out
    assert row.relay.connections == before + 1, (row.relay.callers[before:], done.out)


def test_after_a_restart_of_the_host_the_row_goes_on(row):
    row.server.sh("touch /run/reboot-required")
    done, records, _ = row.run("02", "03", allow_reboot="true", device=row.server.device)
    assert done.code == 0, done.out
    assert "1 changed" in records["02_prepare_os"].summary()
    assert "changed" not in records["03_prepare_storage"].summary()


def test_a_new_group_counts_for_the_next_one(row, in_process):
    row.server.sh("gpasswd -d debian docker")
    run = start("04_install_docker", host=row.host)
    assert run.host.facts.docker_as == "sudo"
    run.requirements()
    for step in run.recipe.steps:
        run.plan(step)
        run.apply(step)
    assert start("00_start_here", host=row.host).host.facts.docker_as == "docker"


def test_a_connection_that_broke_in_between_is_made_again(row, in_process):
    first = start("02_prepare_os", host=row.host)
    before = row.relay.connections
    second = start("03_prepare_storage", host=row.host)
    assert (second.host.facts.user, row.relay.connections) == ("debian", before)
    assert second.host.log is not first.host.log
    row.relay.drop()
    assert start("04_install_docker", host=row.host).host.facts.user == "debian"
    assert row.relay.connections == before + 1, row.relay.callers[before:]


def test_another_login_is_another_connection(row, in_process):
    for login in ("debian", "nosudo", "debian"):
        host = f"{login}@127.0.0.1:{row.relay.port}"
        assert start("00_start_here", host=host).host.facts.user == login


def test_in_jupyterlab_to_begin_again_is_to_log_in_again(row, in_process, monkeypatch):
    monkeypatch.setenv(LIVE, "a notebook")
    before = row.relay.connections
    for _ in range(2):
        run = start("00_start_here", host=row.host)
        assert run.host.facts.user == "debian"
    assert row.relay.connections == before + 2
