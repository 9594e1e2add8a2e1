"""Queries over TCP, each with a bound on connecting and on the statement."""

import contextlib

import psycopg2

from .ports import HOST


@contextlib.contextmanager
def connection(port, user, password, database="postgres", seconds=3, **options):
    """An autocommit connection; a statement that takes longer than `seconds` is cancelled by the server."""
    session = psycopg2.connect(
        host=HOST, port=port, user=user, password=password, dbname=database, connect_timeout=max(2, int(seconds)),
        options=f"-c statement_timeout={int(seconds * 1000)}", tcp_user_timeout=int(seconds * 1000) + 2000, **options)
    session.autocommit = True
    try:
        yield session
    finally:
        session.close()


def query(port, user, password, statement, arguments=(), **options):
    """The rows of one statement, [] when it has none; None when the server could not be asked."""
    try:
        with connection(port, user, password, **options) as session, session.cursor() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchall() if cursor.description else []
    except psycopg2.Error:
        return None
