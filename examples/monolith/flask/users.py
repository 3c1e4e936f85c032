"""The users of Harbour News, in SQLite, and two commands for them."""

import csv
import sqlite3
import sys
from dataclasses import dataclass

import click
from flask import current_app, g
from flask_login import UserMixin
from werkzeug.security import check_password_hash, generate_password_hash


@dataclass
class User(UserMixin):
    id: str
    name: str
    display_name: str


def database():
    if "database" not in g:
        g.database = sqlite3.connect(current_app.config["DATABASE"])
        g.database.row_factory = sqlite3.Row
    return g.database


def find(user_id):
    # As text: SQLite finds the number 42 by "042" too, which is nobody's ID.
    row = database().execute("SELECT * FROM users WHERE CAST(id AS TEXT) = ?", (str(user_id),)).fetchone()
    return row and User(str(row["id"]), row["name"], row["display_name"])


def from_coatcheck(who):
    """Returns the user of Coatcheck's answer. Numbers are ours; who is new since /login has moved has none."""
    if who["user_id"].isdecimal():
        return find(who["user_id"])
    return User(who["user_id"], who["username"], who["display_name"])


def check(name, password):
    """Returns the user, or None if the name or the password is wrong."""
    row = database().execute("SELECT * FROM users WHERE name = ?", (name,)).fetchone()
    if row and check_password_hash(row["password"], password):
        return find(row["id"])


@click.command("init-users")
def init_users():
    """Make the table, with four readers."""
    database().execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, display_name TEXT, password TEXT)")
    for name in ["ada", "ben", "cleo", "dan"]:
        row = (name, name.title(), generate_password_hash("seven quiet umbrellas"))
        database().execute("INSERT INTO users (name, display_name, password) VALUES (?, ?, ?)", row)
    database().commit()


@click.command("export-users")
def export_users():
    """Write the users as CSV, with the hashes of their passwords, for "coatcheck users import"."""
    rows = database().execute("SELECT id AS user_id, name, display_name, password AS password_hash FROM users")
    table = csv.writer(sys.stdout)
    table.writerow(column[0] for column in rows.description)
    table.writerows(rows)


def init_app(app):
    app.cli.add_command(init_users)
    app.cli.add_command(export_users)

    @app.teardown_appcontext
    def close(error):
        if "database" in g:
            g.pop("database").close()
