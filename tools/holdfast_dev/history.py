"""What clients saw: threads that insert unique rows and note the outcome of each, and the judgement afterwards.

acknowledged: the server said that it is committed, so it must be there for ever
refused:      the server said no, or it was never sent
unknown:      the connection ended in between; it may be there or not
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass

from .console import Failure, wait_for
from .sql import Refused, Session, Unknown

TABLE = "create table if not exists history (client text, sequence bigint)"
# The row says which server took it, on which timeline: the first eight digits of a WAL file's name.
INSERT = ("insert into history values (%s, %s) "
          "returning inet_server_port(), ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int")


@dataclass(frozen=True)
class Attempt:
    client: str
    sequence: int
    sent: float  # time.monotonic()
    ended: float
    outcome: str  # acknowledged, refused, unknown
    server: int = 0  # port of the PostgreSQL that acknowledged
    timeline: int = 0
    error: str = ""


@dataclass(frozen=True)
class FailedConnect:
    client: str
    began: float
    ended: float
    error: str


class Writer(threading.Thread):
    """One client: inserts a row every `pace` seconds, reconnects when its connection ends."""

    def __init__(self, history, name, port, password, pace, reconnect_each_time=False, patience=5.0,
                 skip_standby=False):
        super().__init__(name=name, daemon=True)
        self.history, self.port, self.password, self.pace = history, port, password, pace
        self.reconnect_each_time, self.patience, self.skip_standby = reconnect_each_time, patience, skip_standby
        self.sequence = 0

    def run(self):
        session = None
        while not self.history.stopping.is_set():
            if session is None or not session.open:
                session = self.connect()
            if session is not None and not (self.skip_standby and self.at_standby(session)):
                self.insert(session)
                if self.reconnect_each_time:
                    session.close()
            self.history.stopping.wait(self.pace if session else 0.05)
        if session:
            session.close()

    def connect(self):
        began = time.monotonic()
        try:
            return Session(self.port, "app", self.password, "app", self.patience, name=self.name)
        except Refused as error:
            self.history.failed_connects.append(FailedConnect(self.name, began, time.monotonic(), str(error)))
            return None

    def at_standby(self, session):
        """Asked first by those who write to a node directly: a standby's refusals would only fill its log."""
        try:
            return session.execute("select pg_is_in_recovery()", (), self.patience) == [(True,)]
        except (Refused, Unknown):
            return True

    def insert(self, session):
        self.sequence += 1
        sent = time.monotonic()
        try:
            (server, timeline), = session.execute(INSERT, (self.name, self.sequence), self.patience)
            self.note(sent, "acknowledged", server, timeline)
        except Refused as error:
            self.note(sent, "refused", error=str(error))
        except Unknown as error:
            self.note(sent, "unknown", error=str(error))

    def note(self, sent, outcome, server=0, timeline=0, error=""):
        self.history.attempts.append(
            Attempt(self.name, self.sequence, sent, time.monotonic(), outcome, server, timeline, error))


class History:
    """Clients of the router, and one that writes to each node directly, whatever its role, to catch a second writer."""

    def __init__(self, cluster, writers=4, pace=0.01, direct=True):
        self.cluster = cluster
        self.attempts, self.failed_connects = [], []  # list.append is atomic
        self.stopping = threading.Event()
        password = cluster.spec.passwords["app"]
        port = cluster.router.ports.read_write
        run = f"{time.monotonic_ns():x}"
        self.writers = [Writer(self, f"router{number}-{run}", port, password, pace, reconnect_each_time=number == 0)
                        for number in range(writers)]
        self.direct = [Writer(self, f"{node.name}-{run}", node.ports.postgres, password, max(pace, 0.03), patience=1.0,
                              skip_standby=True) for node in cluster.nodes if direct]

    def __enter__(self):
        wait_for("the table of the history", lambda: self.cluster.router.query(TABLE) is not None, 30)
        for client in self.writers + self.direct:
            client.start()
        self.wait_for_acknowledged(20, time.monotonic(), 30)
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for client in self.writers + self.direct:
            client.join(timeout=30)

    def through_router(self):
        names = {client.name for client in self.writers}
        return [attempt for attempt in list(self.attempts) if attempt.client in names]

    def wait_for_acknowledged(self, count, since, seconds):
        """Until `count` rows sent after `since` through the router have been acknowledged."""
        def reached():
            found = sum(1 for attempt in reversed(self.through_router())
                        if attempt.outcome == "acknowledged" and attempt.sent > since)
            if found < count:
                last = self.attempts[-1].error if self.attempts else ""
                raise Failure(f"{found} of {count} rows acknowledged; last error: {last or self.last_refusal()}")
            return True

        wait_for("writes through the router", reached, seconds)

    def last_refusal(self):
        return self.failed_connects[-1].error if self.failed_connects else "none"

    # Judgement

    def outage(self, since):
        """The longest time without an acknowledged write through the router, of those that end after `since`."""
        ends = sorted(attempt.ended for attempt in self.through_router() if attempt.outcome == "acknowledged")
        gaps = [later - earlier for earlier, later in zip(ends, ends[1:]) if later > since]
        return max(gaps, default=float("inf"))

    def counts(self, since=0.0):
        counts = Counter(attempt.outcome for attempt in self.through_router() if attempt.ended > since)
        counts["failed_connects"] = sum(1 for failure in self.failed_connects
                                        if failure.ended > since and failure.client.startswith("router"))
        return counts

    def lost(self, rows):
        """Acknowledged and not there."""
        return sorted((attempt.client, attempt.sequence) for attempt in self.attempts
                      if attempt.outcome == "acknowledged" and (attempt.client, attempt.sequence) not in rows)

    def contradictions(self, rows):
        """Everything that must not be: rows is the content of the table, a Counter of (client, sequence)."""
        found = [f"acknowledged and lost: {row}" for row in self.lost(rows)]
        ours = {client.name for client in self.writers + self.direct}
        sent = {(attempt.client, attempt.sequence): attempt for attempt in self.attempts}
        for row, count in rows.items():
            if row[0] not in ours:
                continue
            if count > 1:
                found.append(f"there {count} times: {row}")
            if row not in sent:
                found.append(f"there and never sent: {row}")
            elif sent[row].outcome == "refused":
                found.append(f"there though the server said no ({sent[row].error}): {row}")
        return found + self.second_writers()

    def second_writers(self):
        """A timeline belongs to one server; and once a newer timeline has acknowledged a write, no older one does."""
        acknowledged = sorted((attempt for attempt in self.attempts if attempt.outcome == "acknowledged"),
                              key=lambda attempt: attempt.ended)
        found, servers, first_seen = [], {}, {}
        for attempt in acknowledged:
            first_seen.setdefault(attempt.timeline, attempt.ended)
            owner = servers.setdefault(attempt.timeline, attempt.server)
            if owner != attempt.server:
                found.append(f"timeline {attempt.timeline} written by {owner} and by {attempt.server}")
        for attempt in acknowledged:
            later = [timeline for timeline, seen in first_seen.items()
                     if timeline > attempt.timeline and seen < attempt.sent]
            if later:
                found.append(f"server {attempt.server} acknowledged {(attempt.client, attempt.sequence)} on timeline "
                             f"{attempt.timeline} after timeline {max(later)} had begun to take writes")
        return found


def rows_of(node):
    """The table as one node has it."""
    rows = node.query("select client, sequence from history", user="app", database="app", seconds=10)
    if rows is None:
        raise Failure(f"{node.name} does not answer")
    return Counter(rows)
