"""Queries with a bound kept by the client.

No statement_timeout: where a commit waits for a synchronous standby, a cancel ends the wait but not the commit, and
the server then reports success for what only one node has.
https://www.postgresql.org/docs/15/runtime-config-replication.html#GUC-SYNCHRONOUS-COMMIT
"""

import select
import time

import psycopg2
from psycopg2 import extensions

from .ports import HOST


class Refused(Exception):
    """Certainly not done: never sent, or the server said no."""


class Unknown(Exception):
    """Sent, and the connection ended or the time was over before the answer: it may have been done."""


# Answers of the server after which the transaction may have been committed nevertheless: 57P01..57P05 end a session
# that may be waiting for a standby, class 08 is for connections, 40003 is statement_completion_unknown.
# https://www.postgresql.org/docs/15/errcodes-appendix.html
def outcome_unknown(sqlstate):
    return sqlstate is None or sqlstate.startswith(("08", "57P")) or sqlstate == "40003"


def first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class Session:
    """One connection; autocommit. Every call has a bound in seconds."""

    def __init__(self, port, user, password, database="postgres", seconds=3.0, name="holdfast-dev"):
        self._connection = None
        try:
            self._connection = psycopg2.connect(host=HOST, port=port, user=user, password=password, dbname=database,
                                                application_name=name, async_=1)
            self._wait(seconds)
        except (psycopg2.Error, TimeoutError) as error:
            self.close()
            raise Refused(f"connecting: {first_line(error)}") from None

    def execute(self, statement, arguments=(), seconds=3.0):
        """The rows of one statement, [] when it has none."""
        try:
            cursor = self._connection.cursor()
            cursor.execute(statement, arguments)
            self._wait(seconds)
            return cursor.fetchall() if cursor.description else []
        except TimeoutError as error:
            self.close()
            raise Unknown(str(error)) from None
        except psycopg2.Error as error:
            message = f"{error.pgcode or 'connection lost'}: {first_line(error)}"
            if self._connection.closed or outcome_unknown(error.pgcode):
                self.close()
            raise (Unknown if outcome_unknown(error.pgcode) else Refused)(message) from None

    def _wait(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            state = self._connection.poll()
            if state == extensions.POLL_OK:
                return
            left = deadline - time.monotonic()
            descriptor = [self._connection.fileno()]
            ready = left > 0 and any(select.select(descriptor if state == extensions.POLL_READ else [],
                                                   descriptor if state == extensions.POLL_WRITE else [], [], left))
            if not ready:
                raise TimeoutError(f"no answer within {seconds:g} s")

    @property
    def open(self):
        return self._connection is not None and not self._connection.closed

    def close(self):
        if self._connection is not None:
            self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def query(port, user, password, statement, arguments=(), database="postgres", seconds=3.0):
    """The rows of one statement in a connection of its own; None when it is not known to have been done."""
    try:
        with Session(port, user, password, database, seconds) as session:
            return session.execute(statement, arguments, seconds)
    except (Refused, Unknown):
        return None
