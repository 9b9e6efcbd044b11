"""What a hub's database may hold that JupyterHub does not start with."""

import sqlite3
from contextlib import closing

import pytest
import stopped
from database import repair

# as JupyterHub 6.1.1 makes them, what a repair reads of them
TABLES = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(255) UNIQUE);
CREATE TABLE spawners (
    id INTEGER PRIMARY KEY, name VARCHAR(255), server_id INTEGER, oauth_client_id VARCHAR(255),
    user_id INTEGER REFERENCES users(id) ON DELETE CASCADE
);
"""


@pytest.fixture
def database(tmp_path):
    """A function that writes users: their name, and the name under which their server runs, if so."""

    def write(*users):
        path = tmp_path / "jupyterhub.sqlite"
        with closing(sqlite3.connect(path)) as db, db:
            db.executescript(TABLES)
            for number, (name, server) in enumerate(users, 1):
                client = server and f"jupyterhub-user-{server}"
                db.execute("INSERT INTO users VALUES (?, ?)", (number, name))
                db.execute(
                    "INSERT INTO spawners VALUES (?, '', ?, ?, ?)",
                    (number, number if server else None, client, number),
                )
        return path

    return write


def users(path):
    """Their names and numbers, and whose servers there are."""
    with closing(sqlite3.connect(path)) as db:
        names = db.execute("SELECT id, name FROM users ORDER BY id").fetchall()
        return names, [row[0] for row in db.execute("SELECT user_id FROM spawners ORDER BY id")]


def test_a_sound_database_is_left_alone(database, tmp_path):
    path = database(("ben", "ben"), ("ada", None))
    before = path.read_bytes()
    assert repair(path, tmp_path) == []
    assert path.read_bytes() == before


@pytest.mark.parametrize("tables", [None, "CREATE TABLE other (id INTEGER)"])
def test_a_new_hub_has_nothing_to_repair(tmp_path, tables):
    path = tmp_path / "jupyterhub.sqlite"
    if tables:
        with closing(sqlite3.connect(path)) as db:
            db.execute(tables)
    assert repair(path, tmp_path) == []


def test_whose_server_runs_has_the_name_again(database, tmp_path):
    path = database(("ada", None), (None, "ben_x-1"))
    assert repair(path, tmp_path) == ["user 2 of the hub's database is ben_x-1 again"]
    assert users(path) == ([(1, "ada"), (2, "ben_x-1")], [1, 2])
    assert repair(path, tmp_path) == []


@pytest.mark.parametrize("name", [None, "", "bén", "a b", "x" * 65])
def test_who_has_no_server_is_deleted(database, tmp_path, name):
    path = database((name, None), ("ada", None))
    assert repair(path, tmp_path) == ["user 1 of the hub's database had no usable name: deleted"]
    assert users(path) == ([(2, "ada")], [2])
    assert stopped.names(tmp_path) == []


@pytest.mark.parametrize(("new_server", "marked"), [(None, ["ben"]), ("ben", [])])
def test_a_container_of_who_logged_in_again_meanwhile_is_looked_at(
    database, tmp_path, new_server, marked
):
    path = database((None, "ben"), ("ben", new_server))
    assert repair(path, tmp_path) == ["user 1 of the hub's database had no usable name: deleted"]
    assert users(path) == ([(2, "ben")], [2])
    assert stopped.names(tmp_path) == marked


def test_two_records_of_one_person(database, tmp_path):
    path = database((None, "ben"), (None, "ben"))
    assert len(repair(path, tmp_path)) == 2
    assert users(path) == ([(1, "ben")], [1])


def test_services_of_an_administrator_go_with_their_tokens(database, tmp_path):
    path = database(("ben", None))
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript("""
            CREATE TABLE services (id INTEGER PRIMARY KEY, name VARCHAR(255), from_config BOOLEAN);
            CREATE TABLE api_tokens (service_id INTEGER REFERENCES services(id) ON DELETE CASCADE);
            INSERT INTO services VALUES (1, 'access', 1), (2, '..', 0);
            INSERT INTO api_tokens VALUES (1), (2);
        """)
    assert repair(path, tmp_path) == ["service '..' is not of the hub's configuration: deleted"]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM services").fetchall() == [("access",)]
        assert db.execute("SELECT service_id FROM api_tokens").fetchall() == [(1,)]
    assert users(path) == ([(1, "ben")], [1])
